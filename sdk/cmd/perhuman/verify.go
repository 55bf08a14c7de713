package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// keysFlag collects Ed25519 public keys in base64url.
type keysFlag []ed25519.PublicKey

func (k *keysFlag) String() string { return "" }

func (k *keysFlag) Set(s string) error {
	b, err := scope.DecodeToken(s)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return fmt.Errorf("a key is 32 bytes in base64url")
	}
	*k = append(*k, b)
	return nil
}

// verifyPost checks a post bundle from a file, with nothing else.
func verifyPost(_ context.Context, args []string, e env) error {
	f := flags("verify", "-issuer VKEY [-rp-key KEY]... [-k K] [-json] post.json", e)
	vkey := f.String("issuer", "", "the issuer to trust: its verifier key, name+hash+key")
	k := f.Uint("k", 0, "how many the site allows in a period, if you know it")
	asJSON := f.Bool("json", false, "print the whole report as JSON")
	var keys keysFlag
	f.Var(&keys, "rp-key", "a signing key of the site, for time and cap; may be given many times")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if *vkey == "" || *k > scope.MaxSlots {
		f.Usage()
		return hint(f)
	}
	data, err := readFile(f.Arg(0))
	if err != nil {
		return err
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		return err
	}
	r := post.CheckJSON(data, post.CheckConfig{Issuer: *vkey, RPKeys: keys, Verifier: v, MaxK: uint32(*k)})
	if !*asJSON {
		printReport(e.out, r)
	} else if err := json.NewEncoder(e.out).Encode(r); err != nil {
		return err
	}
	if !r.OK {
		return fmt.Errorf("the post %w", errClaim)
	}
	return nil
}

func printReport(w io.Writer, r post.Report) {
	if !r.OK {
		fmt.Fprintln(w, "NOT VERIFIED")
		for _, reason := range r.Reasons {
			fmt.Fprintf(w, "  %-18s %s\n", reason.Code, reason.Detail)
		}
		return
	}
	at := func(unix uint64) string { return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) }
	fmt.Fprintf(w, "VERIFIED: written by one human of the set of %s\n", r.Issuer)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("site", "%s, as %q", r.RP, r.Author)
	row("action", "%s, slot %d", r.Action, r.Slot+1)
	row("created", "%s, says the author", at(r.Created))
	row("crowd", "one of %d people; log entry of %s", r.SetSize, r.EntryDay)
	row("time", "%s", claim(r.Time, func() string { return "accepted " + at(r.AcceptedAt) + ", signed by the site" }))
	row("cap", "%s", claim(r.Cap, func() string { return "counted once, signed by the site" }))
	for _, note := range r.Notes {
		row("note", "%s", strings.TrimSpace(note.Detail))
	}
}

func claim(c post.Claim, proven func() string) string {
	if c == post.Proven {
		return proven()
	}
	return string(c)
}
