package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
)

// walletStatus reads the issuers' logs and says how this person stands: member
// or not, since when, whether somebody takes the place over, what became of a
// recovery or a deletion; and from the folder alone, what it can still do where.
func walletStatus(ctx context.Context, args []string, e env) error {
	f := walletFlagSet("status", "[-json]", e)
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.parse(args); err != nil {
		return err
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	type line struct {
		Issuer  string `json:"issuer"`
		Member  bool   `json:"member"`
		Seq     uint64 `json:"seq"`
		Live    uint64 `json:"live"`
		Crowd   uint64 `json:"crowd"`
		Code    string `json:"code,omitempty"`
		Problem string `json:"problem,omitempty"`
		Place   place  `json:"place"`
	}
	now := time.Now()
	counts, err := w.allowances(ctx, now)
	if err != nil {
		return err
	}
	acts, err := w.history()
	if err != nil {
		return err
	}
	var lines []line
	for _, i := range w.file.Issuers {
		l := line{Issuer: issuerName(i.VKey)}
		c, err := w.counterOf(i)
		if err == nil {
			var st wallet.Status
			st, err = w.look(ctx, c)
			l.Member, l.Seq, l.Live, l.Crowd, l.Place = st.Member, st.Seq, st.Live, st.Crowd, c.place
		}
		if err != nil {
			l.Code, l.Problem = string(wallet.CodeOf(err)), err.Error()
		}
		lines = append(lines, l)
	}
	if *asJSON {
		return json.NewEncoder(e.out).Encode(map[string]any{
			"commitment": w.id.Commitment().String(), "issuers": lines, "slots": counts, "history": len(acts),
		})
	}
	fmt.Fprintf(e.out, "commitment %s\n", w.id.Commitment())
	for _, l := range lines {
		switch {
		case l.Problem != "" && l.Seq == 0:
			fmt.Fprintf(e.out, "%s: %s\n", l.Issuer, l.Problem)
			if l.Code == string(wallet.KeyUnvouched) {
				fmt.Fprint(e.out, unvouchedWords)
			}
			continue
		case l.Member:
			fmt.Fprintf(e.out, "%s: member, one of %d, hidden among %d\n", l.Issuer, l.Live, l.Crowd)
		default:
			fmt.Fprintf(e.out, "%s: not a member; %d are\n", l.Issuer, l.Live)
		}
		l.Place.say(e.out, l.Member)
		if l.Problem != "" { // the set was read; what the issuer was asked beyond it was not answered
			fmt.Fprintf(e.out, "  %s\n", l.Problem)
		}
	}
	for _, t := range counts {
		fmt.Fprintln(e.out, t)
	}
	if len(acts) > 0 {
		fmt.Fprintf(e.out, "history: %d; perhuman wallet history lists it\n", len(acts))
	}
	return nil
}

const unvouchedWords = `  The issuer has a new key that its old one did not sign: this wallet was closed
  while both signed, or somebody else speaks in the issuer's name. It proves
  nothing with it until this is clear; secret, used slots and receipts are safe.
  Ask the issuer, in a way that you knew before, whether the key is right. If it
  says so: perhuman wallet follow -issuer VKEY -afresh
`
