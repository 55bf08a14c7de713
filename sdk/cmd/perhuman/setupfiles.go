package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/perhuman/perhuman/semaphore/circuit/setup"
)

// keyFiles are files of a set-up's folder by name.
type keyFiles map[string][]byte

// rawWriter is a gnark key; the raw form is the faster to load.
type rawWriter interface {
	WriteRawTo(w io.Writer) (int64, error)
}

func serialise(keys map[string]rawWriter) (keyFiles, error) {
	out := make(keyFiles)
	for name, key := range keys {
		var b bytes.Buffer
		if _, err := key.WriteRawTo(&b); err != nil {
			return nil, err
		}
		out[name] = b.Bytes()
	}
	return out, nil
}

// write makes the files and prints their digests, in the order of their names.
func (k keyFiles) write(e env, dir string) error {
	var names []string
	for name := range k {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s exists in %s", name, dir)
		}
	}
	for _, name := range names {
		if err := create(dir, name, bytes.NewReader(k[name])); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%x  %s\n", sha256.Sum256(k[name]), name)
	}
	return nil
}

// create writes a file that must not exist; what could not be written whole is removed.
func create(dir, name string, from io.Reader) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302 -- a ceremony is public
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// holds compares a file with bytes.
func holds(path string, want []byte) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	buf := make([]byte, 1<<16)
	for {
		n, err := r.Read(buf)
		if n > len(want) || !bytes.Equal(buf[:n], want[:n]) {
			return false, nil
		}
		want = want[n:]
		if errors.Is(err, io.EOF) {
			return len(want) == 0, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// phase2 reads the start and the contributions, which are numbered without gaps.
func phase2(dir string) ([][]byte, error) {
	var out [][]byte
	for {
		b, err := readFile(filepath.Join(dir, fmt.Sprintf(phase2File, len(out))))
		if errors.Is(err, os.ErrNotExist) && len(out) > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.phase2"))
	if err != nil {
		return nil, err
	}
	if len(all) != len(out) {
		return nil, fmt.Errorf("%s: the .phase2 files are not numbered 0000 to %04d", dir, len(all)-1)
	}
	return out, nil
}

// setupClaim marks what a set-up says and does not keep.
func setupClaim(err error) error {
	for _, broken := range []error{
		setup.ErrPin, setup.ErrPtau, setup.ErrPoint, setup.ErrPowers,
		setup.ErrStart, setup.ErrContribution, setup.ErrNoContribution,
	} {
		if errors.Is(err, broken) {
			return fmt.Errorf("%w: %w", errClaim, err)
		}
	}
	return err
}

// await runs a computation that cannot be interrupted, and leaves it behind
// when the user does not want to wait for it.
func await(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
