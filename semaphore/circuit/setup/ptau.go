package setup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// ErrPtau: not a powers-of-tau file over BN254.
var ErrPtau = errors.New("setup: malformed powers-of-tau file")

// Sections of a .ptau file that hold the powers. Others, the record of the
// ceremony and what is derived for snarkjs, are hashed and skipped.
const (
	secHeader = iota + 1
	secTau1
	secTau2
	secAlpha1
	secBeta1
	secBeta2
)

const (
	g1Size     = 2 * fp.Bytes
	g2Size     = 4 * fp.Bytes
	headerSize = 4 + fp.Bytes + 4 + 4
	maxPower   = 28 // the field has no larger domain of this shape
)

// ReadPtau reads a powers-of-tau file to its end, in one pass: nothing is
// believed before the pin was compared. It keeps the first 2^power powers, or
// all for power 0; memory is 384 bytes for each, whatever the file's size.
//
// The file is "ptau", version 1, and sections (type u32, size u64, data), all
// little-endian. The header comes first and names the field and the power;
// points are two coordinates (four in G2, real part first) in Montgomery form.
func ReadPtau(r io.Reader, pin Pin, power int) (*Powers, error) {
	h, err := pin.hasher()
	if err != nil {
		return nil, err
	}
	f := &ptau{r: io.TeeReader(r, h)}
	p, err := f.read(power)
	if err != nil {
		return nil, err
	}
	if err := pin.check(h); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

type ptau struct {
	r    io.Reader
	want int // powers kept
	have int // powers in the file
}

func (f *ptau) read(power int) (*Powers, error) {
	var start [12]byte
	if err := f.fill(start[:]); err != nil {
		return nil, err
	}
	if string(start[:4]) != "ptau" || binary.LittleEndian.Uint32(start[4:]) != 1 {
		return nil, fmt.Errorf("%w: no ptau magic, or another version", ErrPtau)
	}
	p := new(Powers)
	seen := make(map[uint32]bool)
	for i := range binary.LittleEndian.Uint32(start[8:]) {
		var head [12]byte
		if err := f.fill(head[:]); err != nil {
			return nil, err
		}
		kind, size := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint64(head[4:])
		if seen[kind] || (i == 0) != (kind == secHeader) {
			return nil, fmt.Errorf("%w: section %d comes twice, or the header is not first", ErrPtau, kind)
		}
		seen[kind] = true
		if err := f.section(p, kind, size, power); err != nil {
			return nil, fmt.Errorf("section %d: %w", kind, err)
		}
	}
	for kind := uint32(secHeader); kind <= secBeta2; kind++ {
		if !seen[kind] {
			return nil, fmt.Errorf("%w: section %d is missing", ErrPtau, kind)
		}
	}
	if n, err := f.r.Read(start[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: bytes after the last section", ErrPtau)
	}
	return p, nil
}

func (f *ptau) section(p *Powers, kind uint32, size uint64, power int) (err error) {
	switch kind {
	case secHeader:
		return f.header(size, power)
	case secTau1:
		p.tau1, err = f.g1(size, 2*f.have-1, 2*f.want-1)
	case secTau2:
		p.tau2, err = f.g2(size, f.have, f.want)
	case secAlpha1:
		p.alpha1, err = f.g1(size, f.have, f.want)
	case secBeta1:
		p.beta1, err = f.g1(size, f.have, f.want)
	case secBeta2:
		var points []bn254.G2Affine
		if points, err = f.g2(size, 1, 1); err == nil {
			p.beta2 = points[0]
		}
	default:
		err = f.skip(size)
	}
	return err
}

// header holds the bytes of a coordinate, the modulus, the power, and the power
// of the ceremony that the file may be cut from.
func (f *ptau) header(size uint64, power int) error {
	var b [headerSize]byte
	if size != headerSize {
		return fmt.Errorf("%w: a header for another curve", ErrPtau)
	}
	if err := f.fill(b[:]); err != nil {
		return err
	}
	q := fp.Modulus().FillBytes(make([]byte, fp.Bytes))
	for i := range q {
		if b[4+i] != q[len(q)-1-i] {
			return fmt.Errorf("%w: the curve is not BN254", ErrPtau)
		}
	}
	in := binary.LittleEndian.Uint32(b[4+fp.Bytes:])
	if binary.LittleEndian.Uint32(b[:]) != fp.Bytes || in < 1 || in > maxPower {
		return fmt.Errorf("%w: power %d", ErrPtau, in)
	}
	if power == 0 {
		power = int(in)
	}
	if power < 0 || power > int(in) {
		return fmt.Errorf("%w: the file has power %d, wanted is %d", ErrTooSmall, in, power)
	}
	f.have, f.want = 1<<in, 1<<power
	return nil
}

// g1 reads the first want of have points. Memory grows with what was read, not
// with what a header promises.
func (f *ptau) g1(size uint64, have, want int) ([]bn254.G1Affine, error) {
	if size != uint64(have)*g1Size {
		return nil, fmt.Errorf("%w: %d bytes for %d points", ErrPtau, size, have)
	}
	var out []bn254.G1Affine
	var b [g1Size]byte
	for range want {
		if err := f.fill(b[:]); err != nil {
			return nil, err
		}
		var p bn254.G1Affine
		if !coordinate(&p.X, b[:]) || !coordinate(&p.Y, b[fp.Bytes:]) {
			return nil, fmt.Errorf("%w: number %d is not canonical", ErrPoint, len(out))
		}
		out = append(out, p)
	}
	return out, f.skip(uint64(have-want) * g1Size)
}

func (f *ptau) g2(size uint64, have, want int) ([]bn254.G2Affine, error) {
	if size != uint64(have)*g2Size {
		return nil, fmt.Errorf("%w: %d bytes for %d points", ErrPtau, size, have)
	}
	var out []bn254.G2Affine
	var b [g2Size]byte
	for range want {
		if err := f.fill(b[:]); err != nil {
			return nil, err
		}
		var p bn254.G2Affine
		if !coordinate(&p.X.A0, b[:]) || !coordinate(&p.X.A1, b[fp.Bytes:]) ||
			!coordinate(&p.Y.A0, b[2*fp.Bytes:]) || !coordinate(&p.Y.A1, b[3*fp.Bytes:]) {
			return nil, fmt.Errorf("%w: number %d is not canonical", ErrPoint, len(out))
		}
		out = append(out, p)
	}
	return out, f.skip(uint64(have-want) * g2Size)
}

// coordinate reads Montgomery limbs below q, which is gnark-crypto's layout in
// memory.
func coordinate(e *fp.Element, b []byte) bool {
	for i := range e {
		e[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	q := fp.Modulus().Bits()
	for i := fp.Limbs - 1; i >= 0; i-- {
		if e[i] != uint64(q[i]) {
			return e[i] < uint64(q[i])
		}
	}
	return false
}

func (f *ptau) fill(b []byte) error {
	if _, err := io.ReadFull(f.r, b); err != nil {
		return cut(err)
	}
	return nil
}

func (f *ptau) skip(n uint64) error {
	if n > 1<<62 {
		return fmt.Errorf("%w: a section of %d bytes", ErrPtau, n)
	}
	if _, err := io.CopyN(io.Discard, f.r, int64(n)); err != nil {
		return cut(err)
	}
	return nil
}

// cut tells an end that comes too early from a disk that fails.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrPtau)
	}
	return fmt.Errorf("setup: %w", err)
}
