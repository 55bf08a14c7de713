package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/witness"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func witnessKeygen(_ context.Context, args []string, e env) error {
	f := flags("witness keygen", "-out FILE NAME", e)
	out := f.String("out", "", "file for the secret signing key; must not exist")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if *out == "" {
		f.Usage()
		return hint(f)
	}
	skey, vkey, err := setlog.GenerateWitnessKey(e.rand, f.Arg(0))
	if err != nil {
		return err
	}
	if err := writeSecret(*out, skey); err != nil {
		return err
	}
	fmt.Fprintln(e.out, vkey)
	return nil
}

// witnessServe runs a witness until the context ends.
func witnessServe(ctx context.Context, args []string, e env) error {
	f := flags("witness", "-key FILE -state FOLDER -log VKEY [-log VKEY]...", e)
	addr := f.String("addr", "127.0.0.1:8790", "address to listen on; put a TLS proxy before it")
	keyFile := f.String("key", "", "file with the secret key (perhuman witness keygen)")
	state := f.String("state", "", "folder for what was signed last; never restore it from a backup")
	var logs manyFlag
	f.Var(&logs, "log", "verifier key of an issuer to witness; may be given many times")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	if *keyFile == "" || *state == "" || len(logs) == 0 {
		f.Usage()
		return hint(f)
	}
	key, err := readSecret(*keyFile)
	if err != nil {
		return err
	}
	store, err := witness.OpenFolder(*state)
	if err != nil {
		return err
	}
	w, err := witness.New(witness.Config{Key: key, Logs: logs, Store: store, Now: time.Now})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	fmt.Fprintf(e.out, "witness %s\n  key   %s\n  on    http://%s/add-checkpoint\n", strings.SplitN(w.VKey(), "+", 2)[0], w.VKey(), l.Addr())
	for _, one := range logs {
		fmt.Fprintf(e.out, "  log   %s\n", one)
	}
	return errors.Join(serve.Run(ctx, l, w.Handler(), serve.Options{}), store.Close())
}
