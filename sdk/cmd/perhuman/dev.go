package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/perhuman/perhuman/sdk/dev"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// devServe runs issuer, verifier service and simulator wallet for an app that
// is being written.
func devServe(ctx context.Context, args []string, e env) error {
	f := flags("dev", "-rp RP [-action NAME=POLICY...]", e)
	rp := f.String("rp", "app.localhost:3000", "where your app runs, as its visitors see it")
	addr := f.String("addr", "127.0.0.1:8088", "loopback address to listen on")
	actions := actionFlag{}
	f.Var(actions, "action", "an action and its policy; may be given many times (default post=5/day)")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if len(actions) == 0 {
		actions["post"] = scope.PerDay(5)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	if !at.IP.IsLoopback() {
		return errors.New("dev listens on loopback only: its people's secrets are known to everybody")
	}
	w, err := dev.Open(ctx, dev.Config{
		RP: *rp, Port: at.Port, Actions: actions, Rand: e.rand,
		Logf: func(format string, args ...any) { fmt.Fprintf(e.out, format+"\n", args...) },
	})
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Fprint(e.out, devGreeting(w, *rp, actions))
	return serve.Run(ctx, l, w.Handler(), serve.Options{})
}

func devGreeting(w *dev.World, rp string, actions actionFlag) string {
	var names []string
	for name, p := range actions {
		names = append(names, name+" ("+p.String()+")")
	}
	slices.Sort(names)
	return fmt.Sprintf(`perhuman dev: virtual people, real proofs, nothing kept. For development only.

  your app          http://%[1]s   actions: %[2]s
  in your page      <perhuman-check action="post" wallet="%[3]s" name="perhuman-response"></perhuman-check>
                    with the attribute handover it shows a code, too: open the
                    code's address in another browser on this machine
  virtual people    %[4]s

  Go, in process    sdk.Config{RP: %[1]q, Environment: "test",
                      Issuers: []string{%[5]q},
                      At: map[string]string{%[6]q: %[7]q}, Store: memory.New()}
  any language      POST %[8]s/v1/challenges, POST %[8]s/v1/verify
                      Authorization: Bearer %[9]s
                      <script type="module" src="%[8]s/perhuman/perhuman.js"></script>
                      challenge="%[8]s/v1/challenges" in the element

`, rp, strings.Join(names, ", "), w.Wallet(), strings.Join(dev.People(), ", "), w.VKey(), w.IssuerName(), w.IssuerURL(), w.Verifier(), w.Key())
}
