package main

import (
	"context"
	"fmt"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

func issuerKeygen(_ context.Context, args []string, e env) error {
	f := flags("issuer keygen", "-out FILE NAME", e)
	out := f.String("out", "", "file for the secret signing key; must not exist")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if *out == "" {
		f.Usage()
		return errUsage
	}
	skey, vkey, err := setlog.GenerateKey(e.rand, f.Arg(0))
	if err != nil {
		return err
	}
	if err := writeSecret(*out, skey); err != nil {
		return err
	}
	fmt.Fprintln(e.out, vkey)
	return nil
}
