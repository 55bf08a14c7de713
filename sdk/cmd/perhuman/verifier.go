package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

func verifierKeygen(_ context.Context, args []string, e env) error {
	f := flags("verifier keygen", "[-test] FILE", e)
	test := f.Bool("test", false, "a key for the test environment")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	kind := httpapi.LiveKey
	if *test {
		kind = httpapi.TestKey
	}
	key, err := httpapi.NewKey(e.rand, kind)
	if err != nil {
		return err
	}
	if err := writeSecret(f.Arg(0), key); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "The app key is in %s; give it to the app's server, and to `perhuman verifier -key`.\n", f.Arg(0))
	return nil
}

// actionFlag collects "name=POLICY", as scope.ParsePolicy reads it.
type actionFlag map[string]scope.Policy

func (a actionFlag) String() string { return "" }

func (a actionFlag) Set(s string) error {
	name, text, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("write NAME=once, NAME=returning, NAME=K/day, NAME=K/DURATION or NAME=snapshot:SEQ:once")
	}
	if err := scope.ValidateAction(name); err != nil {
		return err
	}
	p, err := scope.ParsePolicy(text)
	if err != nil {
		return err
	}
	a[name] = p
	return nil
}

func verifierServe(ctx context.Context, args []string, e env) error {
	f := flags("verifier", "-rp RP -issuer VKEY -key FILE -db FILE -action NAME=POLICY...", e)
	rp := f.String("rp", "", "the relying party as people see it")
	environment := f.String("env", "live", "live or test; part of every stored key")
	issuer := f.String("issuer", "", "the issuer's verifier key, name+hash+key")
	at := f.String("at", "", "the issuer's address (default https://NAME)")
	keyFile := f.String("key", "", "file with the app key (perhuman verifier keygen)")
	db := f.String("db", "", "SQLite file for spent nullifiers")
	bound := f.Uint("bound", 1, "how many times one person can be in the issuer's set: `bound` in its metadata")
	addr := f.String("addr", "127.0.0.1:8081", "address to listen on")
	actions := actionFlag{}
	f.Var(actions, "action", "an action and its policy; may be given many times")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *bound < 1 || *bound > 1000 {
		return errors.New("-bound is 1 to 1000")
	}
	if *rp == "" || *issuer == "" || *db == "" || len(actions) == 0 {
		f.Usage()
		return errUsage
	}
	key := ""
	if *keyFile != "" {
		var err error
		if key, err = readSecret(*keyFile); err != nil {
			return err
		}
	}
	if err := httpapi.CheckKey(key, *environment); err != nil {
		return err
	}
	store, err := sqlite.Open(*db)
	if err != nil {
		return err
	}
	defer store.Close()
	pinned, err := setlog.ParseVKey(*issuer)
	if err != nil {
		return err
	}
	logf := func(format string, args ...any) { fmt.Fprintf(e.err, format+"\n", args...) }
	// The Gate keeps what it has seen of the issuer in the store, so that a
	// restart cannot be shown an older head, and forgets what has run out.
	cfg := sdk.Config{
		RP: *rp, Issuers: []string{*issuer}, Store: store, Environment: *environment, Bound: uint32(*bound),
		OnError: func(err error) { logf("%v", err) },
	}
	if *at != "" {
		cfg.At = map[string]string{pinned.Name(): *at}
	}
	gate, err := sdk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer gate.Close()
	h, err := httpapi.New(httpapi.Options{
		Apps:    []httpapi.App{{Key: key, Verifier: gate.Verifier(), Actions: actions}},
		Issuers: []string{*issuer},
		Logf:    logf,
	})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "perhuman verifier for %s (%s) on http://%s\n", *rp, *environment, l.Addr())
	return serve.Run(ctx, l, h, serve.Options{})
}

var _ flag.Value = actionFlag{}
