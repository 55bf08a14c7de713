//go:build unix

// Package filestore keeps a wallet's used slots in one file, for wallets that
// are programs: a wallet.Store that survives the process and the power.
//
// The file is a journal: a header line, then one line for each use and each
// outcome, every line with a check sum. A line is written and synced before Take
// returns, so no proof is shown whose slot could be forgotten. A last line that
// a crash cut short was never acted upon and is dropped when the file is opened;
// any other damage is an error, because a wallet that has lost slots would show
// them again. The file is locked: one process at a time.
//
// It tells where its owner was and when. It is made with mode 0600 and holds
// nothing secret beyond that; keep it on an encrypted disk.
package filestore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	header  = "perhuman/slots/1\n"
	maxLine = 8 << 10
	sumSize = 8 // bytes of the check sum
)

// Errors of Open and of a store that has failed.
var (
	ErrCorrupt = errors.New("filestore: file is damaged")
	ErrLocked  = errors.New("filestore: in use by another process")
	// ErrFailed: a write failed, so what is on the disk is not known. Open the
	// file again.
	ErrFailed = errors.New("filestore: an earlier write failed")
)

// Store is an open file. It is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	file   journal
	books  map[wallet.Book][]wallet.Use
	failed bool
}

// journal is the part of *os.File that a Store writes to.
type journal interface {
	io.Writer
	Sync() error
	Close() error
}

var _ wallet.Store = (*Store)(nil)

// line is one event: a use, or with Settled an outcome of an earlier one.
type line struct {
	RP        string         `json:"rp"`
	Action    string         `json:"action"`
	Start     uint64         `json:"start"`
	Len       uint64         `json:"len"`
	Challenge string         `json:"challenge"`
	Slot      uint32         `json:"slot"`
	Response  string         `json:"response,omitempty"`
	Settled   wallet.Outcome `json:"settled,omitempty"`
}

// Open opens or makes the file.
func Open(path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	s := &Store{file: f, books: make(map[wallet.Book][]wallet.Use)}
	if err := s.load(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) load(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	good, size, err := s.replay(f)
	if err != nil {
		return err
	}
	switch {
	case good == 0:
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("filestore: %w", err)
		}
		if err := s.write([]byte(header)); err != nil {
			return err
		}
		return syncDir(filepath.Dir(f.Name()))
	case good < size:
		if err := f.Truncate(good); err != nil {
			return fmt.Errorf("filestore: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("filestore: %w", err)
		}
	}
	return nil
}

// replay reads the events and says up to where the file is good.
func (s *Store) replay(f *os.File) (good, size int64, err error) {
	r := bufio.NewReaderSize(f, maxLine)
	for first := true; ; first = false {
		raw, err := r.ReadSlice('\n')
		size += int64(len(raw))
		switch {
		case errors.Is(err, io.EOF):
			// No newline at the end: the write did not finish, so nothing followed.
			return good, size, nil
		case err != nil:
			return 0, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
		case first && string(raw) != header:
			return 0, 0, fmt.Errorf("%w: not a file of used slots", ErrCorrupt)
		case !first:
			if err := s.apply(raw); err != nil {
				return 0, 0, fmt.Errorf("%w at byte %d: %w", ErrCorrupt, good, err)
			}
		}
		good = size
	}
}

func (s *Store) apply(raw []byte) error {
	sum, body, ok := bytes.Cut(bytes.TrimSuffix(raw, []byte("\n")), []byte(" "))
	if !ok || string(sum) != checkSum(body) {
		return errors.New("check sum")
	}
	var l line
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	challenge, err := scope.DecodeToken(l.Challenge)
	if err != nil || len(challenge) != 32 {
		return errors.New("challenge")
	}
	b := wallet.Book{RP: l.RP, Action: l.Action, Period: scope.Period{Start: l.Start, Len: l.Len}}
	if l.Settled != wallet.Shown {
		return wallet.SettleUse(s.books[b], scope.Digest(challenge), l.Settled)
	}
	uses, err := wallet.AddUse(s.books[b], wallet.Use{Challenge: scope.Digest(challenge), Slot: l.Slot, Response: l.Response})
	if err == nil {
		s.books[b] = uses
	}
	return err
}

func checkSum(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:sumSize])
}

func lineOf(b wallet.Book, challenge scope.Digest) line {
	return line{RP: b.RP, Action: b.Action, Start: b.Period.Start, Len: b.Period.Len, Challenge: scope.EncodeToken(challenge[:])}
}

// append makes a line durable. After a failure the store answers nothing more:
// the line may or may not be there.
func (s *Store) append(l line) error {
	body, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	out := append([]byte(checkSum(body)+" "), body...)
	if len(out) >= maxLine {
		return errors.New("filestore: entry too long")
	}
	return s.write(append(out, '\n'))
}

func (s *Store) write(b []byte) error {
	if s.failed {
		return ErrFailed
	}
	_, err := s.file.Write(b)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.failed = true
		return fmt.Errorf("filestore: %w", err)
	}
	return nil
}

// Uses lists the uses in a book.
func (s *Store) Uses(_ context.Context, b wallet.Book) ([]wallet.Use, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed {
		return nil, ErrFailed
	}
	return slices.Clone(s.books[b]), nil
}

// Books lists the books with a use, in no particular order.
func (s *Store) Books() []wallet.Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.books))
}

// Take writes a use down and syncs before it returns.
func (s *Store) Take(_ context.Context, b wallet.Book, u wallet.Use) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses, err := wallet.AddUse(s.books[b], u)
	if err != nil {
		return err
	}
	l := lineOf(b, u.Challenge)
	l.Slot, l.Response = u.Slot, u.Response
	if err := s.append(l); err != nil {
		return err
	}
	s.books[b] = uses
	return nil
}

// Settle notes an outcome.
func (s *Store) Settle(_ context.Context, b wallet.Book, challenge scope.Digest, o wallet.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses := slices.Clone(s.books[b])
	if err := wallet.SettleUse(uses, challenge, o); err != nil {
		return err
	}
	l := lineOf(b, challenge)
	l.Settled = o
	if err := s.append(l); err != nil {
		return err
	}
	s.books[b] = uses
	return nil
}

// Close gives the file free.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
	return s.file.Close()
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("filestore: %w", err)
	}
	return nil
}
