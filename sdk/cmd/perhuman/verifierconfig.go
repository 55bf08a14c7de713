package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// many marks flags that may be given many times.
type many interface{ many() }

// twin is the name of a flag's twin in the environment.
func twin(name string) string {
	return "PERHUMAN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// twins sets the flags that the command line left out from the environment.
func twins(f *flag.FlagSet, getenv func(string) string) error {
	if getenv == nil {
		return nil
	}
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	var failed error
	f.VisitAll(func(one *flag.Flag) {
		value := getenv(twin(one.Name))
		if value == "" || given[one.Name] || failed != nil {
			return
		}
		values := []string{value}
		if _, ok := one.Value.(many); ok {
			values = strings.Fields(value)
		}
		for _, v := range values {
			if err := f.Set(one.Name, v); err != nil {
				failed = fmt.Errorf("%s: %w", twin(one.Name), err)
				return
			}
		}
	})
	return failed
}

// verifierConfig prints what a service would be started with. Secrets are in
// files, of which it prints the names; an address that holds a password is
// printed without it.
func verifierConfig(_ context.Context, args []string, e env) error {
	v := newVerifierFlags("verifier config print", e)
	if err := v.parse(args, e); err != nil {
		return err
	}
	given := map[string]bool{}
	v.set.Visit(func(one *flag.Flag) { given[one.Name] = true })
	v.set.VisitAll(func(one *flag.Flag) {
		from := "default"
		if given[one.Name] {
			from = "flag"
			if e.getenv != nil && e.getenv(twin(one.Name)) != "" && !onLine(args, one.Name) {
				from = twin(one.Name)
			}
		}
		fmt.Fprintf(e.out, "%-16s %-46s # %s\n", one.Name, redact(one.Value.String()), from)
	})
	if v.postgres == "" {
		return nil
	}
	return v.printMap(e)
}

// printMap says which databases a service would open: hosts and names, and
// nothing else of a DSN.
func (v *verifierFlags) printMap(e env) error {
	m, err := v.shardMap()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "# deployment %s, epoch %d\n", m.Name, m.Epoch)
	for _, db := range m.Databases {
		c, err := pgconn.ParseConfig(db.DSN)
		if err != nil {
			return fmt.Errorf("the DSN of shards %s is none", db.Shards) // the error would show parts of it
		}
		at := []string{c.Host}
		for _, f := range c.Fallbacks {
			if !slices.Contains(at, f.Host) {
				at = append(at, f.Host)
			}
		}
		fmt.Fprintf(e.out, "# shards %s: database %q at %s\n", db.Shards, c.Database, strings.Join(at, ", "))
	}
	return nil
}

// onLine says whether a flag stands on the command line.
func onLine(args []string, name string) bool {
	for _, a := range args {
		a, _, _ = strings.Cut(strings.TrimLeft(a, "-"), "=")
		if a == name {
			return true
		}
	}
	return false
}

// redact takes user and password out of every address in a text.
func redact(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		name, rest, ok := strings.Cut(w, "://")
		if !ok {
			continue
		}
		host, tail := rest, ""
		if n := strings.IndexAny(rest, "/?#"); n >= 0 {
			host, tail = rest[:n], rest[n:]
		}
		if n := strings.LastIndex(host, "@"); n >= 0 {
			host = "…@" + host[n+1:]
		}
		if n := strings.IndexAny(tail, "?#"); n >= 0 {
			tail = tail[:n] + "?…"
		}
		words[i] = name + "://" + host + tail
	}
	return strings.Join(words, " ")
}
