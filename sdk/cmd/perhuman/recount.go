package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/semaphore"
)

// maxPoll bounds the file of a poll: half a million votes.
const maxPoll = 256 << 20

// receiptsFlag collects files with signed checkpoints.
type receiptsFlag [][]byte

func (r *receiptsFlag) String() string { return "" }

func (r *receiptsFlag) Set(name string) error {
	b, err := os.ReadFile(name)
	if err == nil {
		*r = append(*r, b)
	}
	return err
}

// recount counts a published poll again, from its file alone.
func recount(ctx context.Context, args []string, e env) error {
	f := flags("recount", "[-issuer VKEY] [-log VKEY] [-receipt FILE]... [-json] FILE|URL", e)
	issuer := f.String("issuer", "", "the issuer to trust: its verifier key, name+hash+key; without it the one that the file names, and the report says so")
	log := f.String("log", "", "the poll's verifier key; without it the one that the file names, and the report says so")
	asJSON := f.Bool("json", false, "print the whole report as JSON")
	var receipts receiptsFlag
	f.Var(&receipts, "receipt", "a receipt that a voter kept: the vote must still be in the log; may be given many times")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	data, err := pollFile(ctx, f.Arg(0))
	if err != nil {
		return err
	}
	d, err := tally.ParseDocument(data)
	if err != nil {
		return fmt.Errorf("the poll %w: %w", errClaim, err)
	}
	pinned := *issuer != "" && *log != ""
	if *issuer == "" {
		*issuer = d.Issuer
	}
	if *log == "" {
		*log = d.Log
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		return err
	}
	r := tally.Recount(d, tally.Config{Issuer: *issuer, Log: *log, Verifier: v, Receipts: receipts})
	if *asJSON {
		err = json.NewEncoder(e.out).Encode(struct {
			tally.Report
			Pinned bool   `json:"pinned"` // both keys were brought, not taken from the file
			Issuer string `json:"issuer"`
			Log    string `json:"log"`
		}{r, pinned, *issuer, *log})
		if err != nil {
			return err
		}
	} else if printTally(e.out, r); !pinned {
		fmt.Fprintf(e.out, "  note       keys are those the file names, not ones you brought: issuer %s, poll %s\n", *issuer, *log)
	}
	if !r.OK {
		return fmt.Errorf("the poll %w", errClaim)
	}
	return nil
}

func pollFile(ctx context.Context, from string) ([]byte, error) {
	if !strings.HasPrefix(from, "https://") && !strings.HasPrefix(from, "http://") {
		file, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, maxPoll+1))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: sethttp.NewTransport(), Timeout: 5 * time.Minute}).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", from, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxPoll+1))
}

func printTally(w io.Writer, r tally.Report) {
	switch {
	case !r.OK:
		fmt.Fprintln(w, "DOES NOT ADD UP")
	case !r.Closed:
		fmt.Fprintln(w, "ADDS UP SO FAR: the poll is open")
	default:
		fmt.Fprintln(w, "ADDS UP: every ballot is one human's, and counted once")
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "  entry %-5d %-15s %s\n", f.Entry, f.Code, f.Detail)
	}
	fmt.Fprintf(w, "  poll       %q at %s\n", r.Poll.Question, r.Poll.RP)
	fmt.Fprintf(w, "  may vote   %d people, frozen at entry %d of the issuer's log\n", r.Voters, r.Poll.Seq)
	for _, c := range r.Poll.Choices {
		fmt.Fprintf(w, "  %6d     %s\n", r.Counts[c.ID], c.Label)
	}
}
