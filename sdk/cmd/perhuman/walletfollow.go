package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// walletFollow names issuers to a wallet that exists: another one, or the next
// key or address of one that it follows. What was seen under the key before
// stays, and the next reading wants to hear it vouch for the new one; -afresh is
// for the person who missed that and has asked the issuer.
func walletFollow(_ context.Context, args []string, e env) error {
	f := walletFlagSet("follow", "-issuer VKEY[=URL]... [-afresh]", e)
	var issuers issuerFlag
	f.Var(&issuers, "issuer", "verifier key of an issuer to follow, or of one that has a new key, with =URL if it is not at its name; may be given many times")
	afresh := f.Bool("afresh", false, "forget what was seen of these issuers' logs: for a new key that the old one did not vouch for, after the issuer has confirmed it to you")
	if err := f.parse(args); err != nil {
		return err
	}
	if len(issuers) == 0 {
		f.Usage()
		return hint(f.FlagSet)
	}
	for _, i := range issuers {
		if _, err := setlog.ParseVKey(i.VKey); err != nil {
			return err
		}
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	for _, i := range issuers {
		was := w.file.follow(i)
		if *afresh {
			if err := w.forget(issuerName(i.VKey)); err != nil {
				return err
			}
		}
		switch {
		case was == "":
			fmt.Fprintf(e.out, "%s: followed from now on\n", issuerName(i.VKey))
		case was != i.VKey:
			fmt.Fprintf(e.out, "%s: followed under its new key from now on\n", issuerName(i.VKey))
		default:
			fmt.Fprintf(e.out, "%s: followed as before\n", issuerName(i.VKey))
		}
	}
	return w.file.write(filepath.Join(w.dir, purseMain))
}

// issuerName is the name in a verifier key, which outlives the key.
func issuerName(vkey string) string {
	name, _, _ := strings.Cut(vkey, "+")
	return name
}

// follow takes an issuer over, in the place of one of its name. It gives the key
// that stood there, "" if there was none.
func (p *purseFile) follow(i purseIssuer) (was string) {
	for at, have := range p.Issuers {
		if issuerName(have.VKey) != issuerName(i.VKey) {
			continue
		}
		if i.At == "" {
			i.At = have.At
		}
		p.Issuers[at] = i
		return have.VKey
	}
	p.Issuers = append(p.Issuers, i)
	return ""
}

// states gives the files with what was seen of an issuer's log, under any key.
func (w *purse) states(name string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(w.dir, "state-"+strings.Repeat("[0-9a-f]", 16)))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range files {
		state, err := os.ReadFile(path) // #nosec G304 -- of the wallet's own folder
		if err != nil {
			return nil, err
		}
		if wallet.StateOf(state) == name {
			out = append(out, path)
		}
	}
	return out, nil
}

// forget removes what was seen of an issuer's log, and where its events were
// read to. Used slots and receipts stay.
func (w *purse) forget(name string) error {
	paths, err := w.states(name)
	for _, path := range append(paths, w.places(name)...) {
		if rerr := os.Remove(path); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}
