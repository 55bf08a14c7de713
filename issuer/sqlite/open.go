package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "github.com/mattn/go-sqlite3" // registers "sqlite3"

	"github.com/perhuman/perhuman/issuer"
)

const (
	setID       = 1 // one database, one set
	busyTimeout = 5 * time.Second
	readers     = 4
)

// Store is an issuer.Store in a SQLite file. Its methods may be called from
// many goroutines; writes wait for one another.
type Store struct {
	w, r   *sql.DB
	reader func() (*sql.DB, error) // opens what r is once more
	lock   *os.File
	path   string
	file   os.FileInfo // the file at path when it was opened
	writer int64       // our number in binding.writer, 0 until Bind
}

var _ issuer.Store = (*Store)(nil)

// Open opens or creates the database. It fails with issuer.ErrLocked when
// another process has it open for writing.
func Open(path string) (*Store, error) { return open(path, "sqlite3", busyTimeout) }

// open takes the driver's name, so that tests can put a faulty one in between.
func open(path, driverName string, busy time.Duration) (_ *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err = lost(s.lock, path); err != nil {
		return nil, err
	}
	if s.file, err = private(path); err != nil {
		return nil, err
	}
	if s.w, err = sql.Open(driverName, dsn(path, busy, url.Values{"_txlock": {"immediate"}})); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s.w.SetMaxOpenConns(1)
	if err = migrate(s.w); err != nil {
		return nil, err
	}
	if err = remember(s.lock); err != nil {
		return nil, err
	}
	s.reader = func() (*sql.DB, error) {
		db, err := sql.Open(driverName, dsn(path, busy, url.Values{"_query_only": {"1"}}))
		if err != nil {
			return nil, fmt.Errorf("sqlite: %w", err)
		}
		return db, nil
	}
	if s.r, err = s.reader(); err != nil {
		return nil, err
	}
	s.r.SetMaxOpenConns(readers)
	s.r.SetMaxIdleConns(readers)
	return s, nil
}

func dsn(path string, busy time.Duration, more url.Values) string {
	v := url.Values{
		"mode":           {"rw"}, // never create what has gone missing
		"_journal_mode":  {"WAL"},
		"_synchronous":   {"FULL"},
		"_foreign_keys":  {"1"},
		"_secure_delete": {"1"}, // a removed row leaves no bytes behind
		"_busy_timeout":  {strconv.FormatInt(busy.Milliseconds(), 10)},
		// Compiling the statements of an intake takes longer than running them.
		"_stmt_cache_size": {"64"},
	}
	for k, x := range more {
		v[k] = x
	}
	u := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: v.Encode()}
	return u.String()
}

// ErrLost: there was a database at this path, and there is none any more, or an
// empty file. Nothing is made in its place: who restored it from a backup, or
// wants to begin anew, removes the .lock file too.
var ErrLost = errors.New("sqlite: the database that was here is gone or empty; to begin anew, remove the .lock file beside it")

const heldNote = "There is a database beside this file. If it is gone, it was lost: nothing is made in its place while this note stands.\n"

// remember notes in the lock file that there is a database.
func remember(lock *os.File) error {
	info, err := lock.Stat()
	if err == nil && info.Size() == 0 {
		_, err = lock.WriteAt([]byte(heldNote), 0)
	}
	if err != nil {
		return fmt.Errorf("sqlite: lock file: %w", err)
	}
	return nil
}

// lost refuses to make a database where the lock file says that there is one.
func lost(lock *os.File, path string) error {
	note, err := lock.Stat()
	if err != nil {
		return fmt.Errorf("sqlite: lock file: %w", err)
	}
	if note.Size() == 0 {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return ErrLost
	case err != nil:
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

// private creates the file when it is missing, and closes it to other users;
// SQLite gives its journal files the same mode.
func private(path string) (os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	info, err := f.Stat()
	return info, errors.Join(err, f.Chmod(0o600), f.Close())
}

// present refuses a file that is gone or was replaced: SQLite would go on
// writing into the old one, which nobody will ever open again.
func (s *Store) present() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("sqlite: the database file is gone: %w", err)
	}
	if !os.SameFile(info, s.file) {
		return errors.New("sqlite: the database file was replaced")
	}
	return nil
}

// Close releases the database and its lock.
func (s *Store) Close() error {
	var errs []error
	if s.r != nil {
		errs = append(errs, s.r.Close())
	}
	if s.w != nil {
		errs = append(errs, s.w.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// discard closes the writing connection after a commit in doubt; the next act
// opens a new one and sees what the disk holds.
func (s *Store) discard(ctx context.Context) {
	conn, err := s.w.Conn(ctx)
	if err != nil {
		return
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}
