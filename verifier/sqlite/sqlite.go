// Package sqlite is the spend store of a verifier on one machine: one file,
// nothing to run beside it.
//
//	store, err := sqlite.Open("humans.db")
//
// An answer means that the row is on disk: the journal is a WAL with
// synchronous=FULL, and nothing is answered before its COMMIT returned. One
// writer drains whatever waits into one transaction (group commit, no timer),
// so throughput grows with load while a lone caller waits for one fsync. Reads
// have connections of their own and never wait for the writer.
//
// What was spent is appended, and an index over it follows: see tail.go. A store
// keeps the rows that the index does not have yet in memory, 50,000 at most, some
// 15 MB.
//
// A COMMIT that fails leaves the act in doubt, not undone: the callers of that
// transaction get verifier.ErrInDoubt, the connection is thrown away, and the
// next act starts on a fresh one. A file that was deleted, replaced or cut
// short while open is refused and never made anew.
//
// The file holds the keys that sign challenges. It is created with mode 0600
// and put back to it when opened. Restoring an old copy forgets what was spent
// since: that is the one thing no database can protect from its owner.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// Options may be left at zero.
type Options struct {
	// BusyTimeout is how long to wait for another process that writes to the
	// same file; default 5 s.
	BusyTimeout time.Duration
	// Readers is the number of read connections; default 4.
	Readers int
	// BatchLimit is the largest number of acts in one transaction; default
	// 512. With 1 every act pays for an fsync of its own.
	BatchLimit int
}

// Store implements verifier.Store.
type Store struct {
	path   string
	opts   Options
	faults faults
	file   fs.FileInfo // at path when it was opened
	reads  *sql.DB
	seen   *readStatements

	queue *batch.Queue[job]
	w     writer // belongs to the writer goroutine
	tail  tail   // of the rows of spent that the index does not have yet
}

var (
	_ verifier.Store       = (*Store)(nil)
	_ verifier.StateKeeper = (*Store)(nil)
	_ verifier.Outbox      = (*Store)(nil)
)

// faults are the places where tests break things; all nil in production.
type faults struct {
	inside       func()       // in the middle of a transaction
	beforeCommit func() error // an error: COMMIT fails and nothing is kept
	afterCommit  func() error // an error: COMMIT reports failure and all is kept
}

// Open opens the file, or makes it.
func Open(path string) (*Store, error) { return OpenWith(path, Options{}) }

// OpenWith is Open with options.
func OpenWith(path string, o Options) (*Store, error) { return open(path, o, faults{}) }

func open(path string, o Options, f faults) (_ *Store, err error) {
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.BatchLimit <= 0 {
		o.BatchLimit = 512
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	info, err := prepareFile(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{path: path, file: info, opts: o, faults: f}
	s.w.file, s.w.tail, s.w.tailLimit = info, &s.tail, tailLimit
	s.w.added = map[spentKey]spentRow{}
	ctx := context.Background()
	if err := s.w.connect(ctx, s); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.w.drop())
		}
	}()
	if err := migrate(ctx, s.w.conn); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := s.w.prepare(ctx); err != nil {
		return nil, err
	}
	if s.reads, err = sql.Open("sqlite3", s.dsn("ro")); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s.reads.SetMaxOpenConns(o.Readers)
	s.reads.SetMaxIdleConns(o.Readers)
	if s.seen, err = prepareReads(ctx, s.reads); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %w", err), s.reads.Close())
	}
	if err := s.tail.catchUp(ctx, s.seen.tail); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %w", err), s.reads.Close())
	}
	s.queue = batch.New(o.BatchLimit, s.write)
	return s, nil
}

// prepareFile makes the file if it is not there, with mode 0600 from its first
// moment; SQLite gives the WAL beside it the same mode.
func prepareFile(path string) (fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return nil, err
	}
	return f.Stat()
}

// dsn names the file for the driver. Mode rw and ro never make a file.
func (s *Store) dsn(mode string) string {
	q := url.Values{
		"mode":          {mode},
		"_busy_timeout": {strconv.FormatInt(s.opts.BusyTimeout.Milliseconds(), 10)},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_mutex":        {"no"}, // package sql uses a connection by one goroutine at a time
	}
	if mode == "rw" {
		q.Set("_journal_mode", "WAL")
	} else {
		q.Set("_query_only", "on")
	}
	u := url.URL{Scheme: "file", Path: s.path, RawQuery: q.Encode()}
	return u.String()
}

// Close implements verifier.Store.
func (s *Store) Close() error {
	if !s.queue.Close() {
		return nil
	}
	return errors.Join(s.reads.Close(), s.w.drop())
}

// unavailable types an error of the driver. Its text may name the file, never
// a value.
func unavailable(err error) error {
	var se sqlite3.Error
	if errors.As(err, &se) && (se.Code == sqlite3.ErrBusy || se.Code == sqlite3.ErrLocked) {
		return fmt.Errorf("%w: busy: %w", verifier.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", verifier.ErrUnavailable, err)
}
