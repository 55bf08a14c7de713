package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/postgres"
	"github.com/perhuman/perhuman/issuer/sqlite"
)

func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// openIssuerStore opens the database that -db names: a file, or PostgreSQL by
// its DSN.
func openIssuerStore(ctx context.Context, db string) (issuer.Store, error) {
	if isPostgres(db) {
		return postgres.Open(ctx, db, postgres.Options{})
	}
	return sqlite.Open(db)
}

// guardedStore opens the database with a note of what was published beside it,
// in the file published, or one beside an SQLite file.
func guardedStore(ctx context.Context, db, published string) (issuer.Store, error) {
	s, err := openIssuerStore(ctx, db)
	if err != nil {
		return nil, err
	}
	if published == "" && !isPostgres(db) {
		published = db + ".published"
	}
	if published == "" {
		return s, nil
	}
	return backup.Guard(s, backup.MarkFile(published)), nil
}

// source opens a database to be copied or checked, beside the service that
// writes it.
func source(ctx context.Context, db string) (interface {
	backup.Source
	io.Closer
}, error) {
	if isPostgres(db) {
		return postgres.Open(ctx, db, postgres.Options{})
	}
	return sqlite.OpenReader(db)
}

// issuerBackup copies an issuer's database into a file, while it serves.
func issuerBackup(ctx context.Context, args []string, e env) (err error) {
	f := flags("issuer backup", "-db FILE|DSN TO", e)
	db := f.String("db", "", "the issuer's database: an SQLite file or a PostgreSQL DSN")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	from, err := source(ctx, *db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := backup.ToFile(ctx, from, f.Arg(0)); err != nil {
		return err
	}
	return checkFile(f.Arg(0), e)
}

// issuerRestore reads a backup into an empty database.
func issuerRestore(ctx context.Context, args []string, e env) (err error) {
	f := flags("issuer restore", "-db FILE|DSN FROM", e)
	db := f.String("db", "", "an SQLite file that is not there yet, or the DSN of an empty PostgreSQL schema")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	if err := checkFile(f.Arg(0), e); err != nil {
		return err
	}
	from, err := os.Open(f.Arg(0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openIssuerStore(ctx, *db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	target, ok := to.(backup.Target)
	if !ok {
		return errors.New("this store takes no backup")
	}
	if err := target.Restore(ctx, from); err != nil {
		return err
	}
	fmt.Fprintln(e.out, "restored; the service refuses to start from it if more than this was published")
	return nil
}

// issuerBackupCheck checks a backup, or a database beside the service that
// writes it. It needs no key; perhuman issuer fsck, which has them all, also opens
// every template.
func issuerBackupCheck(ctx context.Context, args []string, e env) (err error) {
	f := flags("issuer backup check", "-file BACKUP, or -db FILE|DSN", e)
	file := f.String("file", "", "a backup")
	db := f.String("db", "", "a database instead: an SQLite file or a PostgreSQL DSN")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *file != "" {
		return checkFile(*file, e)
	}
	if err := twins(f, e.getenv); err != nil {
		return err
	}
	return checkDatabase(ctx, *db, e)
}

func checkDatabase(ctx context.Context, db string, e env) (err error) {
	from, err := source(ctx, db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	report, err := backup.FsckStore(ctx, from)
	return printStored(report, err, e)
}

func checkFile(path string, e env) (err error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	report, err := backup.Fsck(f)
	return printStored(report, err, e)
}

func printStored(r backup.Report, err error, e env) error {
	if err != nil && !errors.Is(err, backup.ErrFaults) {
		return err
	}
	fmt.Fprintf(e.out, "%s\n  key     %s\n  anchor  %d, %d members, %d log entries, %d changes wait, %d templates\n",
		r.Origin, r.VKey, r.Seq, r.Live, r.LogSize, r.Waiting, r.Templates)
	for _, f := range r.Faults {
		fmt.Fprintln(e.out, "  fault  ", f)
	}
	if err != nil {
		return fmt.Errorf("%d faults: what is stored %w", len(r.Faults), errClaim)
	}
	fmt.Fprintln(e.out, "  whole: set, roots, log hashes, intakes, deletions and openings follow from the log and from what was signed")
	return nil
}
