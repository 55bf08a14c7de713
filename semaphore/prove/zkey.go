package prove

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// ErrKey: the bytes are not an official proving key.
var ErrKey = errors.New("prove: not an official proving key")

// Sections of a proving key file, in the order in which official keys hold
// them (spec proving.md, "Proving with the official keys").
const (
	secProtocol = iota + 1
	secHeader
	secIC
	secCoefficients
	secA
	secB1
	secB2
	secC
	secH
	secContributions
	sections = secContributions
)

const (
	zkeyMagic   = "zkey"
	zkeyVersion = 1
	groth16     = 1
	publics     = 4 // root, nullifier, hash of the message, hash of the scope
	g1Size      = 2 * fp.Bytes
	g2Size      = 4 * fp.Bytes
	coefSize    = 3*4 + fr.Bytes
	headerSize  = 2*(4+32) + 3*4 + 3*g1Size + 3*g2Size
)

// zkey is a proving key as the file holds it, points of infinity included.
type zkey struct {
	wires, domain int
	alpha1, beta1 bn254.G1Affine
	delta1        bn254.G1Affine
	beta2, delta2 bn254.G2Affine
	coefs         []coefficient
	a, b1, c, h   []bn254.G1Affine
	b2            []bn254.G2Affine
}

// coefficient is one entry of the constraint matrices A (0) and B (1).
type coefficient struct {
	matrix, row, wire uint32
	value             fr.Element
}

// parseZKey reads the binary form of a Groth16 proving key over BN254. It is
// strict about structure: ten sections, each once and in order, with sizes
// that agree with the header, no byte left over. It does not check that points
// are on the curve: the caller has compared the file with its pin, and those
// bytes were checked when the pin was made.
func parseZKey(b []byte) (*zkey, error) {
	data, err := splitSections(b)
	if err != nil {
		return nil, err
	}
	r := &reader{b: data[secProtocol]}
	if r.u32() != groth16 || !r.done() {
		return nil, fmt.Errorf("%w: not a Groth16 key", ErrKey)
	}
	k, err := parseHeader(data[secHeader])
	if err != nil {
		return nil, err
	}
	// Sizes first: nothing is allocated for points that are not there.
	for section, size := range map[int]int{
		secIC: (publics + 1) * g1Size,
		secA:  k.wires * g1Size, secB1: k.wires * g1Size, secB2: k.wires * g2Size,
		secC: (k.wires - publics - 1) * g1Size, secH: k.domain * g1Size,
	} {
		if len(data[section]) != size {
			return nil, fmt.Errorf("%w: section %d has a wrong size", ErrKey, section)
		}
	}
	if k.coefs, err = parseCoefficients(data[secCoefficients], k.wires, k.domain); err != nil {
		return nil, err
	}
	k.a, k.b1 = g1Points(data[secA]), g1Points(data[secB1])
	k.c, k.h = g1Points(data[secC]), g1Points(data[secH])
	r = &reader{b: data[secB2]}
	k.b2 = make([]bn254.G2Affine, k.wires)
	for i := range k.b2 {
		k.b2[i] = r.g2()
	}
	return k, nil
}

// splitSections cuts the file into its sections, indexed by their number.
func splitSections(b []byte) (*[sections + 1][]byte, error) {
	if !bytes.HasPrefix(b, []byte(zkeyMagic)) {
		return nil, fmt.Errorf("%w: no zkey magic", ErrKey)
	}
	r := &reader{b: b[len(zkeyMagic):]}
	if r.u32() != zkeyVersion || r.u32() != sections || r.short {
		return nil, fmt.Errorf("%w: unknown version or number of sections", ErrKey)
	}
	var out [sections + 1][]byte
	for i := 1; i <= sections; i++ {
		id, size := r.u32(), r.u64()
		if r.short || id != uint32(i) || size > uint64(len(r.b)) {
			return nil, fmt.Errorf("%w: section %d is missing, out of order or cut short", ErrKey, i)
		}
		out[i] = r.take(int(size))
	}
	if !r.done() {
		return nil, fmt.Errorf("%w: bytes after the last section", ErrKey)
	}
	return &out, nil
}

func parseHeader(b []byte) (*zkey, error) {
	if len(b) != headerSize {
		return nil, fmt.Errorf("%w: section %d has a wrong size", ErrKey, secHeader)
	}
	r := &reader{b: b}
	if r.u32() != fp.Bytes || !bytes.Equal(r.take(fp.Bytes), littleEndian(fp.Modulus().Bytes())) ||
		r.u32() != fr.Bytes || !bytes.Equal(r.take(fr.Bytes), littleEndian(fr.Modulus().Bytes())) {
		return nil, fmt.Errorf("%w: not the BN254 curve", ErrKey)
	}
	k := new(zkey)
	wires, public, domain := r.u32(), r.u32(), r.u32()
	// 2^20 wires is far above the largest official key; it bounds the memory
	// that a hostile header can ask for.
	if public != publics || wires <= publics || wires > 1<<20 ||
		domain > 1<<20 || domain&(domain-1) != 0 || domain <= public {
		return nil, fmt.Errorf("%w: sizes out of range", ErrKey)
	}
	k.wires, k.domain = int(wires), int(domain)
	k.alpha1 = r.g1()
	k.beta1 = r.g1()
	k.beta2 = r.g2()
	r.g2() // gamma is the verifier's
	k.delta1 = r.g1()
	k.delta2 = r.g2()
	return k, nil
}

// parseCoefficients reads the sparse matrices A and B. The file holds each
// value times R^2, where R is the Montgomery radius: one Montgomery reduction
// too many for our elements, which hold value times R.
func parseCoefficients(b []byte, wires, domain int) ([]coefficient, error) {
	r := &reader{b: b}
	n := int(r.u32())
	if r.short || len(r.b)%coefSize != 0 || len(r.b)/coefSize != n {
		return nil, fmt.Errorf("%w: section %d has a wrong size", ErrKey, secCoefficients)
	}
	rInv := fr.Element{1} // the limbs 1 are the element R^-1
	out := make([]coefficient, n)
	for i := range out {
		c := &out[i]
		c.matrix, c.row, c.wire = r.u32(), r.u32(), r.u32()
		c.value = fr.Element(r.limbs())
		if c.matrix > 1 || int(c.row) >= domain || int(c.wire) >= wires {
			return nil, fmt.Errorf("%w: coefficient outside the matrices", ErrKey)
		}
		c.value.Mul(&c.value, &rInv)
	}
	return out, nil
}

// littleEndian gives 32 little-endian bytes of a big-endian number.
func littleEndian(be []byte) []byte {
	out := make([]byte, 32)
	for i, x := range be {
		out[len(be)-1-i] = x
	}
	return out
}

// reader takes numbers off a byte slice. Reading past the end sets short and
// gives zeros from then on.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) done() bool { return !r.short && len(r.b) == 0 }

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// limbs reads four little-endian 64-bit words: the Montgomery form that the
// file and gnark-crypto share.
func (r *reader) limbs() (out [4]uint64) {
	b := r.take(32)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}

func (r *reader) fp() fp.Element { return fp.Element(r.limbs()) }

func g1Points(b []byte) []bn254.G1Affine {
	r := &reader{b: b}
	out := make([]bn254.G1Affine, len(b)/g1Size)
	for i := range out {
		out[i] = r.g1()
	}
	return out
}

// g1 reads an affine point; (0, 0) is infinity, as in gnark-crypto.
func (r *reader) g1() (p bn254.G1Affine) {
	p.X, p.Y = r.fp(), r.fp()
	return p
}

func (r *reader) g2() (p bn254.G2Affine) {
	p.X.A0, p.X.A1 = r.fp(), r.fp()
	p.Y.A0, p.Y.A1 = r.fp(), r.fp()
	return p
}
