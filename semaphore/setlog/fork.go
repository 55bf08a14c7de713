package setlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const forkHeader = "perhuman/fork/1"

// ErrFork says that an issuer signed two logs. It is evidence that stands
// without the server: two checkpoints signed by one key, and a proof that the
// larger tree's prefix, as large as the smaller tree, has another hash than the
// smaller tree. Find it with errors.As; publish its text.
//
// The text form is canonical:
//
//	perhuman/fork/1
//	smaller <base64 of the signed checkpoint>
//	larger <base64 of the signed checkpoint>
//	prefix <base64 of the larger tree's hash at the smaller size>
//	<base64 hash>         (the consistency proof from prefix to the larger tree)
type ErrFork struct {
	Smaller, Larger []byte // signed checkpoints
	Prefix          tlog.Hash
	Proof           tlog.TreeProof
}

// Error implements error.
func (e *ErrFork) Error() string {
	a, errA := readCheckpoint(e.Smaller)
	b, errB := readCheckpoint(e.Larger)
	if errA != nil || errB != nil {
		return "setlog: fork"
	}
	return fmt.Sprintf("setlog: %s signed two logs: the tree of size %d is no prefix of the tree of size %d", a.Origin, a.Size, b.Size)
}

// Verify checks the evidence with nothing but the issuer's key. nil means that
// the holder of the key signed both logs.
func (e *ErrFork) Verify(v note.Verifier) error {
	a, err := OpenCheckpoint(e.Smaller, v)
	if err != nil {
		return err
	}
	b, err := OpenCheckpoint(e.Larger, v)
	if err != nil {
		return err
	}
	if a.Size < 1 || a.Size > b.Size {
		return fmt.Errorf("%w: fork evidence: sizes %d and %d", ErrProof, a.Size, b.Size)
	}
	if e.Prefix == a.Hash {
		return fmt.Errorf("%w: fork evidence: the logs agree", ErrProof)
	}
	if err := tlog.CheckTree(e.Proof, b.Size, b.Hash, a.Size, e.Prefix); err != nil {
		return fmt.Errorf("%w: fork evidence: %w", ErrProof, err)
	}
	return nil
}

// MarshalText gives the text form.
func (e *ErrFork) MarshalText() ([]byte, error) {
	if len(e.Proof) > 2*maxProofPath {
		return nil, malformed("fork: proof too long")
	}
	for _, signed := range [][]byte{e.Smaller, e.Larger} {
		if _, err := readCheckpoint(signed); err != nil {
			return nil, err
		}
	}
	var b strings.Builder
	b64 := base64.StdEncoding.EncodeToString
	fmt.Fprintf(&b, "%s\nsmaller %s\nlarger %s\nprefix %s\n", forkHeader, b64(e.Smaller), b64(e.Larger), e.Prefix)
	for _, h := range e.Proof {
		b.WriteString(h.String() + "\n")
	}
	return []byte(b.String()), nil
}

// ParseFork reads the text form. It proves nothing yet: see Verify.
func ParseFork(text []byte) (*ErrFork, error) {
	if len(text) > 4*maxCheckpoint {
		return nil, malformed("fork of %d bytes", len(text))
	}
	l := lines{string(text)}
	if header, ok := l.next(); !ok || header != forkHeader {
		return nil, malformed("fork: first line")
	}
	e := &ErrFork{}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{"smaller", &e.Smaller}, {"larger", &e.Larger}} {
		s, err := l.field(f.name)
		if err != nil {
			return nil, err
		}
		if *f.to, err = decode64(s, maxCheckpoint); err != nil {
			return nil, err
		}
		if _, err := readCheckpoint(*f.to); err != nil {
			return nil, err
		}
	}
	prefix, err := l.field("prefix")
	if err != nil {
		return nil, err
	}
	if e.Prefix, err = parseHash(prefix); err != nil {
		return nil, err
	}
	for l.rest != "" {
		line, ok := l.next()
		h, err := parseHash(line)
		if !ok || err != nil || len(e.Proof) == 2*maxProofPath {
			return nil, malformed("fork: proof")
		}
		e.Proof = append(e.Proof, h)
	}
	return e, nil
}

// CheckConsistency compares two checkpoints of one log, in any order, both
// already opened under the issuer's key. nil means that the smaller tree is a
// prefix of the larger one. *ErrFork means that it is not, and holds the proof;
// any other error means that the tiles could not be had or do not fit the larger
// tree, and decides nothing. fetch gets tiles of the larger log.
func CheckConsistency(a, b []byte, fetch Fetch) error {
	small, err := readCheckpoint(a)
	if err != nil {
		return err
	}
	large, err := readCheckpoint(b)
	if err != nil {
		return err
	}
	if small.Size > large.Size {
		small, large, a, b = large, small, b, a
	}
	if small.Size == 0 {
		return nil
	}
	fork := &ErrFork{Smaller: a, Larger: b, Prefix: large.Hash}
	if small.Size < large.Size {
		r := TreeReader(large.Tree(), fetch)
		if fork.Prefix, err = tlog.TreeHash(small.Size, r); err != nil {
			return unproven(err)
		}
		if fork.Prefix != small.Hash {
			if fork.Proof, err = tlog.ProveTree(large.Size, small.Size, r); err != nil {
				return unproven(err)
			}
		}
	}
	if fork.Prefix != small.Hash {
		return fork
	}
	return nil
}

// unproven marks an error of reading the tree through its tiles; a fetch error
// stays visible to errors.Is.
func unproven(err error) error {
	if errors.Is(err, ErrProof) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrProof, err)
}
