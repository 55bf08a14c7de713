package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
)

// ErrStart: not the starting point of a ceremony.
var ErrStart = errors.New("setup: bad start of a ceremony")

// Chain is the side of a ceremony that contributors need: where it starts, and
// how contributions follow one another. A contributor who does not want to
// compute the start, which takes longer than contributing, reads it with
// ReadStart from whoever leads the ceremony. A wrong one wastes the contribution
// and nothing else: Seal computes the start itself.
type Chain struct{ start []byte }

// ReadStart reads what StartFile gave.
func ReadStart(start []byte) (*Chain, error) {
	at := 2 + bn254.SizeOfG1AffineCompressed
	for range 2 {
		if len(start) < at+4 {
			return nil, ErrStart
		}
		length := binary.BigEndian.Uint32(start[at:])
		if uint64(length) > uint64(len(start)) {
			return nil, ErrStart
		}
		at += 4 + int(length)*bn254.SizeOfG1AffineCompressed
	}
	// delta in G2, the empty proof of an update, the empty challenge.
	at += 2*bn254.SizeOfG2AffineCompressed + bn254.SizeOfG1AffineCompressed + 1
	if len(start) != at || start[0] != 0 || start[1] != 0 || start[at-1] != 0 {
		return nil, ErrStart
	}
	c := &Chain{slices.Clone(start)}
	if _, err := c.follow(nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStart, err)
	}
	return c, nil
}

// StartFile gives the starting point, for ReadStart.
func (c *Chain) StartFile() []byte { return slices.Clone(c.start) }

// Start names the ceremony: the SHA-256 of its starting point, which depends on
// the powers and on the constraint system, and on nothing else. The first
// contribution ends with it.
func (c *Chain) Start() [32]byte { return sha256.Sum256(c.start) }

// Contribute verifies a transcript and gives the contribution that extends it.
// The secret factor comes from crypto/rand and is dropped.
func (c *Chain) Contribute(transcript [][]byte) ([]byte, error) {
	last, err := c.follow(transcript)
	if err != nil {
		return nil, err
	}
	last.Contribute()
	return serialise(last)
}

// Verify checks that every contribution was made by somebody who knew its
// factor, that it changed nothing else, and that it follows the one before.
// nil for no contributions at all: they prove nothing yet.
func (c *Chain) Verify(transcript [][]byte) error {
	_, err := c.follow(transcript)
	return err
}

// follow walks the transcript and gives its last state, free for the caller to
// change.
func (c *Chain) follow(transcript [][]byte) (*mpcsetup.Phase2, error) {
	last := new(mpcsetup.Phase2)
	if _, err := last.ReadFrom(bytes.NewReader(c.start)); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	hash := c.Start()
	for i, b := range transcript {
		next, err := c.parse(b)
		if err != nil {
			return nil, fmt.Errorf("contribution %d: %w", i+1, err)
		}
		if !bytes.Equal(next.Challenge, hash[:]) {
			return nil, fmt.Errorf("%w: number %d follows another file", ErrContribution, i+1)
		}
		if err := last.Verify(next); err != nil {
			return nil, fmt.Errorf("%w: number %d: %w", ErrContribution, i+1, err)
		}
		last, hash = next, sha256.Sum256(b)
	}
	return last, nil
}

// parse reads one contribution. All of one ceremony have the same length: that
// of the start, which has no challenge yet, and 32 bytes. gnark's reader checks
// points, but takes the lengths of lists from the file: they are compared first.
func (c *Chain) parse(b []byte) (*mpcsetup.Phase2, error) {
	if len(b) != len(c.start)+sha256.Size {
		return nil, fmt.Errorf("%w: %d bytes instead of %d", ErrContribution, len(b), len(c.start)+sha256.Size)
	}
	// u16 number of commitments, delta in G1, then two lists: u32 and points.
	at := 2 + bn254.SizeOfG1AffineCompressed
	for range 2 {
		length := binary.BigEndian.Uint32(c.start[at:])
		if binary.BigEndian.Uint32(b[at:]) != length {
			return nil, fmt.Errorf("%w: a list of another length", ErrContribution)
		}
		at += 4 + int(length)*bn254.SizeOfG1AffineCompressed
	}
	if b[0] != 0 || b[1] != 0 {
		return nil, fmt.Errorf("%w: it uses commitments", ErrContribution)
	}
	p := new(mpcsetup.Phase2)
	n, err := p.ReadFrom(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContribution, err)
	}
	if n != int64(len(b)) || len(p.Challenge) != sha256.Size {
		return nil, fmt.Errorf("%w: bytes after the end", ErrContribution)
	}
	return p, nil
}

func serialise(p *mpcsetup.Phase2) ([]byte, error) {
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	return b.Bytes(), nil
}
