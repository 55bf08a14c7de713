package semaphore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// ErrSnapshot: a file that is not a whole, undamaged snapshot of a group. It
// does not wrap the errors of the reader, which are returned as they are.
var ErrSnapshot = errors.New("semaphore: bad snapshot")

// snapshotMagic begins a snapshot: the name and version of the format. Behind
// it come the size as 8 bytes big-endian, the levels from the leaves to the
// root at 32 bytes a node, their lengths given by the size, and the SHA-256 of
// everything before.
const snapshotMagic = "perhuman/group/1"

// snapshotBuffer is how many nodes are read or written at a time: 64 KB.
const snapshotBuffer = 2048

// WriteTo writes a snapshot, 64 bytes a member: a cache from which ReadGroup
// makes the group many times faster than from its leaves. It writes nothing
// durably: write to a new file, sync it, and rename it over the old one. Use
// the WriteTo of a View to write while the group changes.
func (t *tree) WriteTo(w io.Writer) (written int64, err error) {
	sum := sha256.New()
	write := func(b []byte) error {
		sum.Write(b) // a hash never returns an error
		n, err := w.Write(b)
		written += int64(n)
		return err
	}
	buf := append(make([]byte, 0, 32*snapshotBuffer), snapshotMagic...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(t.Size()))
	for i := range t.levels {
		for _, chunk := range t.levels[i].chunks {
			for _, node := range chunk {
				if len(buf)+len(node) > cap(buf) {
					if err := write(buf); err != nil {
						return written, err
					}
					buf = buf[:0]
				}
				buf = append(buf, node[:]...)
			}
		}
	}
	if err := write(buf); err != nil {
		return written, err
	}
	n, err := w.Write(sum.Sum(nil))
	return written + int64(n), err
}

// ReadGroup reads a snapshot to the end of r, which must be the end of the
// snapshot too. A million members take about half a second. It holds no more
// memory than it has read, whatever the header claims.
//
// Damage is found, and so is a tree of the wrong shape, a number that is not
// canonical and a member that is there twice, but nothing is hashed again: who
// writes the file chooses the root. Compare Root with one that is signed, and
// call Check when the file comes from elsewhere than this program.
func ReadGroup(r io.Reader) (*Group, error) {
	s := snapshotReader{r: r, sum: sha256.New()}
	header, err := s.read(len(snapshotMagic) + 8)
	if err != nil {
		return nil, err
	}
	if string(header[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: not a snapshot of this version", ErrSnapshot)
	}
	size := binary.BigEndian.Uint64(header[len(snapshotMagic):])
	if size > math.MaxUint32 || size > math.MaxInt {
		return nil, fmt.Errorf("%w: size", ErrSnapshot)
	}
	g := new(Group)
	if size > 0 {
		g.levels = make([]nodes, 1+bits.Len64(size-1))
	}
	for i, n := 0, int(size); i < len(g.levels); i, n = i+1, (n+1)/2 {
		if err := s.level(&g.levels[i], n); err != nil {
			return nil, err
		}
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if err := g.finish(); err != nil {
		return nil, err
	}
	return g, nil
}

// finish checks what needs the whole tree, and makes the index.
func (g *Group) finish() error {
	for i := 1; i < len(g.levels); i++ {
		if n := g.levels[i-1].n; n%2 == 1 && g.levels[i].at(n/2) != g.levels[i-1].at(n-1) {
			return fmt.Errorf("%w: level %d does not end in the node below", ErrSnapshot, i)
		}
	}
	if g.Size() == 0 {
		return nil
	}
	leaves := &g.levels[0]
	g.index.reserve(leaves, g.Size())
	for c, chunk := range leaves.chunks {
		for i, leaf := range chunk {
			if !leaf.IsZero() && !g.index.put(leaves, leaf, c<<chunkBits+i) {
				return fmt.Errorf("%w: member %d is there twice", ErrSnapshot, c<<chunkBits+i)
			}
		}
	}
	return nil
}

type snapshotReader struct {
	r   io.Reader
	sum hash.Hash
	buf [32 * snapshotBuffer]byte
}

// read gives the next n bytes, good until the next call.
func (s *snapshotReader) read(n int) ([]byte, error) {
	b := s.buf[:n]
	if _, err := io.ReadFull(s.r, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("%w: it ends early", ErrSnapshot)
		}
		return nil, err
	}
	s.sum.Write(b)
	return b, nil
}

func (s *snapshotReader) level(to *nodes, n int) error {
	modulus := fr.Modulus().FillBytes(make([]byte, 32))
	for i := 0; i < n; {
		if i == to.n { // room for one chunk, never for what the header claims
			to.resize(min(n, to.n+chunkSize))
		}
		b, err := s.read(32 * min(snapshotBuffer, to.n-i))
		if err != nil {
			return err
		}
		for ; len(b) > 0; i, b = i+1, b[32:] {
			node := b[:32]
			if bytes.Compare(node, modulus) >= 0 {
				return fmt.Errorf("%w: %w", ErrSnapshot, ErrRange)
			}
			to.put(i, Element(node))
		}
	}
	return nil
}

// end reads the checksum and nothing behind it.
func (s *snapshotReader) end() error {
	want := s.sum.Sum(nil)
	got, err := s.read(len(want))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: checksum", ErrSnapshot)
	}
	switch _, err := io.ReadFull(s.r, s.buf[:1]); err {
	case io.EOF:
		return nil
	case nil:
		return fmt.Errorf("%w: something follows it", ErrSnapshot)
	default:
		return err
	}
}
