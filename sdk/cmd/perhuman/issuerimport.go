package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/perhuman/perhuman/issuer"
)

// issuerImport takes members over from another group. The service must stand
// still meanwhile: a database has one writing process.
func issuerImport(ctx context.Context, args []string, e env) (err error) {
	v := newIssuerFlags("issuer import", e)
	from := v.set.String("from", "", "file with the members, - for the standard input: the export of an official Group, a JSON array, or a commitment in every line")
	label := v.set.String("label", "", "name of this import, if there is more than one; the same one again goes on where it stopped")
	skip := v.set.Bool("skip", false, "leave out what is refused; without it nothing is imported if anything is")
	batch := v.set.Int("batch", 4096, "members in one anchor")
	if err := v.read(args, e); err != nil {
		return err
	}
	if *from == "" {
		fmt.Fprintln(v.set.Output(), "-from is needed")
		v.set.Usage()
		return hint(v.set)
	}
	if err := v.check(); err != nil {
		return err
	}
	in, closeIn, err := members(*from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeIn()) }()
	s := &issuing{flags: v, log: slog.New(slog.NewTextHandler(e.err, nil))}
	cfg, err := s.config(e)
	if err != nil {
		return err
	}
	store, err := guardedStore(ctx, v.db, v.published)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	cfg.Store = store
	iss, err := issuer.New(ctx, cfg)
	if err != nil {
		return err
	}
	r, err := iss.Import(ctx, in, issuer.ImportOptions{Label: *label, Skip: *skip, Batch: *batch, Progress: func(done, total int) {
		fmt.Fprintf(e.err, "%d of %d\n", done, total)
	}})
	const most = 1000
	for n, refused := range r.Refused {
		if n == most {
			fmt.Fprintf(e.err, "and %d more\n", len(r.Refused)-most)
			break
		}
		fmt.Fprintln(e.err, refused)
	}
	if err != nil {
		if issuer.IsImportRefusal(err) {
			return fmt.Errorf("%w: %s: %w", errClaim, *from, err)
		}
		return err
	}
	fmt.Fprintf(e.out, "members   %d\nimported  %d\nbefore    %d\nremoved   %d\nrefused   %d\n", r.Members, r.Imported, r.Before, r.Removed, len(r.Refused))
	return nil
}

func members(path string) (io.Reader, func() error, error) {
	if path == "-" {
		return os.Stdin, func() error { return nil }, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
