package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Source is a database that can be copied while it is written: everything at
// one moment. Both stores are one.
type Source interface {
	Dump(ctx context.Context, w io.Writer) error
}

// Target is a database that a backup can be read into.
type Target interface {
	// Restore reads a backup into an empty database, whole or not at all.
	// ErrNotEmpty: there is something in it.
	Restore(ctx context.Context, r io.Reader) error
}

// ErrNotEmpty: a backup is restored into an empty database only.
var ErrNotEmpty = errors.New("backup: the database is not empty")

// ToFile writes a backup to path, mode 0600. It appears there complete and on
// the disk, or not at all; a file that is there already is refused.
func ToFile(ctx context.Context, from Source, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("backup: %s exists", path)
	}
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- the operator names it
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	err = from.Dump(ctx, b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path) // #nosec G304 -- where the operator wants the file
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// pipe gives a database's backup as a stream. The caller closes it.
func pipe(ctx context.Context, from Source) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(from.Dump(ctx, w)) }()
	return r
}

// Copy reads one database into another, empty one: from SQLite to PostgreSQL,
// say.
func Copy(ctx context.Context, to Target, from Source) error {
	r := pipe(ctx, from)
	defer func() { _ = r.Close() }()
	return to.Restore(ctx, r)
}
