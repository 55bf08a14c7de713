package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// partyInit makes the folder of a new party and prints its entry in the group
// file.
func partyInit(_ context.Context, args []string, e env) error {
	f := flags("party init", "-dir FOLDER -address HOST:PORT", e)
	dir := f.String("dir", "", "folder to make; its secret never leaves it")
	address := f.String("address", "", "where the other two and the issuer will reach this party")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *dir == "" || *address == "" {
		f.Usage()
		return errUsage
	}
	m, err := party.CreateFolder(*dir, *address, e.rand)
	if err != nil {
		return err
	}
	return printJSON(e, m)
}

// partyGroup puts three entries together into the file that all four have.
func partyGroup(_ context.Context, args []string, e env) error {
	f := flags("party group", "-issuer NAME -compare WHAT -front KEY -device-root CLASS=KEY... ENTRY0 ENTRY1 ENTRY2", e)
	g := party.Group{Version: 1}
	f.StringVar(&g.Issuer, "issuer", "", "the issuer's name")
	f.StringVar(&g.Compare, "compare", party.Iris, "iris, iris-inner, iris-exact or face")
	f.StringVar(&g.Front, "front", "", "the issuer's public link key (perhuman issuer keygen -link)")
	f.BoolVar(&g.Virtual, "virtual", false, "believe virtual devices: for tests and demonstrations")
	var roots manyFlag
	f.Var(&roots, "device-root", "a key that vouches for capture devices of a class, CLASS=KEY; may be given many times")
	if err := parse(f, args, 3); err != nil {
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
	return printJSON(e, g)
}

func printJSON(e env, v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func readGroup(path string) (party.Group, error) {
	b, err := readFile(path)
	if err != nil {
		return party.Group{}, err
	}
	return party.ParseGroup(b)
}

// partyServe runs one of the three until the context ends.
func partyServe(ctx context.Context, args []string, e env) (err error) {
	f := flags("party serve", "-dir FOLDER -group FILE", e)
	dir := f.String("dir", "", "the party's folder (perhuman party init)")
	file := f.String("group", "", "the group file, the same at all three and at the issuer")
	addr := f.String("addr", "", "address to listen on; empty: the one in the group file")
	timeout := f.Duration("timeout", time.Minute, "how long the others may take for one message")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	if *dir == "" || *file == "" {
		f.Usage()
		return errUsage
	}
	g, err := readGroup(*file)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, nil))
	began := time.Now()
	folder, err := party.OpenFolder(*dir, g, began)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	s, err := party.NewServer(folder, party.Options{
		Now: time.Now, Rand: e.rand, Timeout: *timeout,
		Logf: func(format string, args ...any) { log.Warn(fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return err
	}
	if *addr == "" {
		*addr = g.Parties[folder.Number()].Address
	}
	l, _, err := listen(ctx, *addr, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "perhuman party %d of %s\n  compares %s\n  on       %s (mutual TLS 1.3: the other parties and the issuer only)\n", folder.Number(), g.Issuer, g.Compare, l.Addr())
	log.Info("serving", "party", folder.Number(), "places", folder.Places(), "opened_in", time.Since(began).Round(time.Millisecond))
	return s.Serve(ctx, l)
}

// partyCheck opens a folder that nobody serves, as a start does.
func partyCheck(_ context.Context, args []string, e env) error {
	f := flags("party check", "-dir FOLDER -group FILE", e)
	dir := f.String("dir", "", "the party's folder; no process may have it open")
	file := f.String("group", "", "the group file")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *dir == "" || *file == "" {
		f.Usage()
		return errUsage
	}
	g, err := readGroup(*file)
	if err != nil {
		return err
	}
	folder, err := party.OpenFolder(*dir, g, time.Now())
	if err != nil {
		return fmt.Errorf("%w: %w", errClaim, err)
	}
	c := folder.Count()
	fmt.Fprintf(e.out, "party %d of %s, %s\n", folder.Number(), g.Issuer, g.Compare)
	fmt.Fprintf(e.out, "  members %d\n  pending %d\n  gone    %d\n  epoch   %d\n  next    %d\n  whole: every record has its checksum\n", c[mpc.Member], c[mpc.Pending], c[mpc.Gone], folder.Epoch().Number, folder.Next())
	return folder.Close()
}

// partyReceipt checks what a party signed when it destroyed its shares.
func partyReceipt(_ context.Context, args []string, e env) error {
	f := flags("party receipt", "-group FILE RECEIPT...", e)
	file := f.String("group", "", "the group file")
	if err := f.Parse(args); err != nil {
		return errUsage
	}
	if *file == "" || f.NArg() == 0 {
		f.Usage()
		return errUsage
	}
	g, err := readGroup(*file)
	if err != nil {
		return err
	}
	for _, text := range f.Args() {
		if b, err := os.ReadFile(text); err == nil { // #nosec G304 -- the operator's
			text = strings.TrimSpace(string(b))
		}
		b, err := scope.DecodeToken(text)
		if err != nil {
			return fmt.Errorf("%w: not base64url", errClaim)
		}
		r, err := party.CheckReceipt(b, g)
		if err != nil {
			return fmt.Errorf("%w: %w", errClaim, err)
		}
		fmt.Fprintf(e.out, "party %d of %s overwrote its shares of %x (place %d) at %s\n", r.Party, g.Issuer, r.Serial, r.Place, time.Unix(int64(r.At), 0).UTC().Format(time.RFC3339)) // #nosec G115 -- signed by a party
	}
	return nil
}
