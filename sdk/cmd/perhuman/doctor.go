package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// finding is what one check of the doctor came to. A finding without a remedy
// is good; one with a remedy and no fault is a warning.
type finding struct {
	name   string
	says   string
	remedy string
	fault  bool
}

func good(name, format string, args ...any) finding {
	return finding{name: name, says: fmt.Sprintf(format, args...)}
}

func warning(name, remedy, format string, args ...any) finding {
	return finding{name: name, says: fmt.Sprintf(format, args...), remedy: remedy}
}

func fault(name, remedy string, err error) finding {
	return finding{name: name, says: err.Error(), remedy: remedy, fault: true}
}

// doctor looks at this machine and, as far as it is told where they are, at an
// issuer, a relying party, a database and secret files. It changes nothing.
func doctor(ctx context.Context, args []string, e env) error {
	f := flags("doctor", "[-issuer VKEY] [-at URL] [-rp RP] [-db FILE] [-secret FILE]... [-json]", e)
	issuer := f.String("issuer", "", "an issuer's verifier key: is it reachable, fresh and consistent?")
	at := f.String("at", "", "the issuer's address (default https://NAME)")
	rp := f.String("rp", "", "a relying party: does it publish its keys, and which issuers does it accept?")
	db := f.String("db", "", "a SQLite file of a verifier or issuer: is it safe where it lies?")
	asJSON := f.Bool("json", false, "print one JSON object a line")
	var secrets fileList
	f.Var(&secrets, "secret", "a file that only its owner may read; may be given many times")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	var faults int
	report := reporter(e.out, &faults)
	if *asJSON {
		report = jsonReporter(e.out, &faults)
	}
	report(machine())
	report(hashes(e.rand), curve(e.rand))
	report(proofs(ctx, e.rand)...)
	if *db != "" {
		report(database(*db)...)
	}
	for _, path := range secrets {
		report(secretFile(path))
	}
	if *issuer != "" {
		report(issuerHealth(ctx, *issuer, *at, time.Now())...)
	}
	if *rp != "" {
		report(relyingParty(ctx, *rp, *issuer)...)
	}
	return failed(faults, "deployment")
}

// reporter gives what prints findings, and counts the faults among them.
func reporter(w io.Writer, faults *int) func(...finding) {
	return func(found ...finding) {
		for _, one := range found {
			printFinding(w, one)
			if one.fault {
				*faults++
			}
		}
	}
}

// jsonReporter does it for programs.
func jsonReporter(w io.Writer, faults *int) func(...finding) {
	out := json.NewEncoder(w)
	return func(found ...finding) {
		for _, one := range found {
			result := "ok"
			if one.fault {
				*faults++
				result = "fail"
			} else if one.remedy != "" {
				result = "warn"
			}
			_ = out.Encode(map[string]string{"result": result, "check": one.name, "says": one.says, "remedy": one.remedy}) // as with Fprintf, nobody hears a broken pipe
		}
	}
}

// failed is how a doctor ends: an error if there were faults.
func failed(faults int, what string) error {
	if faults == 0 {
		return nil
	}
	return fmt.Errorf("%d of the checks failed: this %s %w", faults, what, errClaim)
}

func printFinding(w io.Writer, f finding) {
	mark := "ok  "
	switch {
	case f.fault:
		mark = "FAIL"
	case f.remedy != "":
		mark = "warn"
	}
	fmt.Fprintf(w, "%s  %-16s %s\n", mark, f.name, f.says)
	if f.remedy != "" {
		fmt.Fprintf(w, "      %-16s -> %s\n", "", f.remedy)
	}
}

// fileList collects paths.
type fileList []string

func (l *fileList) String() string { return "" }

func (l *fileList) Set(path string) error {
	*l = append(*l, path)
	return nil
}
