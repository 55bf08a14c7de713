package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// partyInit makes the folder of one party and prints its entry for the group file.
func partyInit(_ context.Context, args []string, e env) error {
	f := flags("party init", "-dir FOLDER -address HOST:PORT", e)
	dir := f.String("dir", "", "folder to make, on a disk of this machine; it must not exist or be empty")
	address := f.String("address", "", "where the issuer and the other two parties reach this one")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *dir == "" || *address == "" {
		f.Usage()
		return hint(f)
	}
	member, err := party.CreateFolder(*dir, *address, e.rand)
	if err != nil {
		return err
	}
	return printJSON(e.out, member)
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// partyGroup puts three entries together into the file that all four have.
func partyGroup(_ context.Context, args []string, e env) error {
	f := flags("party group", "-issuer NAME -front KEY -compare WHAT -device-root CLASS=KEY... [-virtual] ENTRY0 ENTRY1 ENTRY2", e)
	g := party.Group{Version: 1}
	f.StringVar(&g.Issuer, "issuer", "", "the issuer's name, as devices write it into captures")
	f.StringVar(&g.Front, "front", "", "the issuer's public link key (perhuman issuer keygen -link)")
	f.StringVar(&g.Compare, "compare", party.Iris, "what is compared: iris, iris-inner, iris-exact or face")
	var roots manyFlag
	f.Var(&roots, "device-root", "a key that vouches for capture devices of a class, CLASS=KEY; may be given many times")
	f.BoolVar(&g.Virtual, "virtual", false, "believe virtual devices, which have no camera: for tests and demonstrations")
	if err := parse(f, args, len(g.Parties)); err != nil {
		return err
	}
	g.Roots = roots
	for i := range g.Parties {
		b, err := readFile(f.Arg(i))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &g.Parties[i]); err != nil {
			return fmt.Errorf("%s: %w", f.Arg(i), err)
		}
	}
	if err := g.Check(); err != nil {
		return err
	}
	return printJSON(e.out, g)
}

// readGroup reads a group file.
func readGroup(path string) (party.Group, error) {
	b, err := readFile(path)
	if err != nil {
		return party.Group{}, err
	}
	g, err := party.ParseGroup(b)
	if err != nil {
		return g, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// partyGroupCheck says what a group file says, for whoever is asked to take part.
func partyGroupCheck(_ context.Context, args []string, e env) error {
	f := flags("party group check", "FILE", e)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	g, err := readGroup(f.Arg(0))
	if err != nil {
		if errors.Is(err, party.ErrGroup) {
			return fmt.Errorf("%w: %w", errClaim, err)
		}
		return err
	}
	digest, err := g.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "group    %s\nissuer   %s\n  link   %s\ncompares %s\n", hex.EncodeToString(digest[:]), g.Issuer, g.Front, g.Compare)
	for i, m := range g.Parties {
		fmt.Fprintf(e.out, "party %d  %s\n  link   %s\n", i, m.Address, m.Link)
	}
	for _, r := range g.Roots {
		fmt.Fprintf(e.out, "root     %s\n", r)
	}
	if g.Virtual {
		fmt.Fprintln(e.out, "virtual devices are believed: not for people")
	}
	return nil
}

// partyStatus prints what a folder holds that no process has open.
func partyStatus(_ context.Context, args []string, e env) error {
	return inspect("party status", args, e, false)
}

// partyFsck reads and checks everything in it.
func partyFsck(_ context.Context, args []string, e env) error {
	return inspect("party fsck", args, e, true)
}

func inspect(name string, args []string, e env, records bool) error {
	f := flags(name, "-dir FOLDER -group FILE", e)
	dir := f.String("dir", "", "the party's folder; no process may have it open")
	group := f.String("group", "", "the group file")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	if *dir == "" || *group == "" {
		f.Usage()
		return hint(f)
	}
	g, err := readGroup(*group)
	if err != nil {
		return err
	}
	in, err := party.Inspect(*dir, g, records)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "party    %d of %s, %s\nepoch    %d\nplaces   %d: %d members, %d pending, %d gone\nroll     %s\nnext     %d\n",
		in.Party, g.Issuer, in.Modality, in.Epoch, in.Places, in.Members, in.Pending, in.Gone, hex.EncodeToString(in.Digest), in.Next)
	if in.Torn {
		fmt.Fprintln(e.out, "note     the roll's last change was written in part; the next start drops it")
	}
	switch {
	case len(in.Kept) > 0:
		fmt.Fprintf(e.out, "note     it has kept the shares of epoch %d too: the issuer ends that refresh, for all three or none\n", in.Epoch+1)
	case len(in.Older) > 0:
		fmt.Fprintf(e.out, "note     it switched to epoch %d and has the older shares too: the issuer ends that refresh, for all three or none\n", in.Epoch)
	}
	if in.Erase > 0 {
		fmt.Fprintf(e.out, "note     %d people are gone whose shares the next start overwrites\n", in.Erase)
	}
	if len(in.Faults) > 0 {
		return fmt.Errorf("%w: %w", errClaim, errors.Join(in.Faults...))
	}
	if records {
		fmt.Fprintf(e.out, "checked  %d records\n", in.Places)
	}
	return nil
}

// partyReceipt checks receipts of deletion.
func partyReceipt(_ context.Context, args []string, e env) error {
	f := flags("party receipt", "-group FILE RECEIPT...", e)
	group := f.String("group", "", "the group file")
	if err := parseFlags(f, args); err != nil {
		return err
	}
	if *group == "" || f.NArg() == 0 {
		f.Usage()
		return hint(f)
	}
	g, err := readGroup(*group)
	if err != nil {
		return err
	}
	for _, name := range f.Args() {
		b, err := scope.DecodeToken(name) // as the tombstone has it
		if err != nil || len(b) != party.ReceiptSize {
			if b, err = binary(name); err != nil {
				return err
			}
		}
		r, err := party.CheckReceipt(b, g)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errClaim, name, err)
		}
		at := time.Unix(int64(min(r.At, 1<<40)), 0).UTC() // #nosec G115 -- bounded
		fmt.Fprintf(e.out, "party %d of %s overwrote its shares of %x (place %d) at %s\n", r.Party, g.Issuer, r.Serial, r.Place, at.Format(time.RFC3339))
	}
	return nil
}
