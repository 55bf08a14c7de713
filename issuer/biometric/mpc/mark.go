package mpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// ahead is how many numbers one write to the disk reserves.
const ahead = 1024

const markSize = 8 + 8 + 4

// Mark remembers in a file which query numbers may have been used, so that a
// number, and with it a mask, is never used twice: not after a crash either. The
// file is always ahead of what was used; what lay between is skipped at the next
// start. It is safe for concurrent use.
type Mark struct {
	path string

	mu   sync.Mutex
	next uint64 // the lowest number that was not used
	kept uint64 // what the file says: all below may have been used
}

// CreateMark makes the file for a party that is new. A file that exists is
// refused: making a new one in its place would repeat numbers.
func CreateMark(path string) (*Mark, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMark, err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMark, err)
	}
	m := &Mark{path: path, next: 1}
	return m, m.keep(1)
}

// OpenMark reads the file. One that is missing or damaged is an error, never a
// start from zero.
func OpenMark(path string) (*Mark, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMark, err)
	}
	kept, err := parseMark(b)
	if err != nil {
		return nil, err
	}
	return &Mark{path: path, next: kept, kept: kept}, nil
}

func parseMark(b []byte) (uint64, error) {
	if len(b) != markSize || string(b[:8]) != "phmmark1" {
		return 0, fmt.Errorf("%w: not such a file", ErrMark)
	}
	if crc32.Checksum(b[:16], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, fmt.Errorf("%w: checksum", ErrMark)
	}
	return binary.LittleEndian.Uint64(b[8:]), nil
}

// Next gives the lowest number that can be used.
func (m *Mark) Next() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.next
}

// Use takes a number. It returns when the disk knows; only then may anything be
// computed with it. Numbers rise, and may leave some out.
func (m *Mark) Use(number uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < m.next {
		return fmt.Errorf("%w: %d, the next is %d", ErrReplayed, number, m.next)
	}
	if number > math.MaxUint64-ahead {
		return fmt.Errorf("%w: number %d", ErrConfig, number)
	}
	if number >= m.kept {
		if err := m.keep(number + ahead); err != nil {
			return err
		}
	}
	m.next = number + 1
	return nil
}

// keep writes a new mark beside the old one, syncs it and renames it over it.
func (m *Mark) keep(mark uint64) error {
	b := binary.LittleEndian.AppendUint64([]byte("phmmark1"), mark)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	name := m.path + ".new"
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMark, err)
	}
	_, err = file.Write(b)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrMark, err)
	}
	if err := os.Rename(name, m.path); err != nil {
		return fmt.Errorf("%w: %w", ErrMark, err)
	}
	if err := syncFolder(m.path); err != nil {
		return fmt.Errorf("%w: %w", ErrMark, err)
	}
	m.kept = mark
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
