package mpc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// MinMask is how many mask values of an eye of 200 columns must be set: half of
// the 8,200 mask bits of biometrics.md section 1, as real and imaginary bits
// share theirs. Other shapes have the same part.
const MinMask = 4100

// An eye has columns*64 code values v and columns*32 mask values m. In shared
// numbers u = v + 1 and m, the violations are:
//
//	code: bit 2 or more of u is set, or bits 0 and 1 are (u = 3); or bit 0 of u
//	      is equal to that of m (v is odd exactly where m is 1)
//	mask: bit 1 or more of m is set
//	eye:  the sum of m is less than the least: bit 15 of the difference
//
// All bits of all numbers are computed and one or over them is opened.
type eyeWords struct{ columns int }

func (e eyeWords) code() int  { return e.columns }           // words of 64 lanes
func (e eyeWords) mask() int  { return e.columns / 2 }       // words
func (e eyeWords) all() int   { return e.code() + e.mask() } // words of one eye
func (e eyeWords) least() int { return MinMask * e.columns / 200 }

// CheckInputs tells for each person whether the three parties' shares are of two
// eyes as a device should send them: see biometrics.md section 5.7. Shapes with
// Exact are not supported. Number is used once; the same at all three.
func (s *Session) CheckInputs(ctx context.Context, number uint64, plan [32]byte, people []dot.Person) (valid []bool, err error) {
	if len(people) == 0 {
		return nil, nil
	}
	if len(people) > 64 {
		return nil, fmt.Errorf("%w: more than 64 people at once", ErrShape)
	}
	shape := people[0].Left.Shape()
	for _, p := range people {
		for _, eye := range []dot.Share{p.Left, p.Right} {
			if eye.Shape() != shape || eye.Party() != s.party {
				return nil, fmt.Errorf("%w: people of different shapes or parties", ErrShape)
			}
		}
	}
	if err := shape.Check(); err != nil || shape.Exact {
		return nil, fmt.Errorf("%w: not one whose inputs can be checked", ErrShape)
	}
	h := sha256.New()
	h.Write([]byte("perhuman/mpc/input/1"))
	h.Write(binary.LittleEndian.AppendUint64(nil, number))
	h.Write(plan[:])
	h.Write([]byte{byte(len(people)), byte(shape.Columns), byte(shape.Columns >> 8)})
	err = s.do(ctx, number, [32]byte(h.Sum(nil)), func(r *run) error {
		consistent, err := r.consistent(people)
		if err != nil {
			return err
		}
		valid, err = r.inRange(people, eyeWords{shape.Columns})
		for i := range valid {
			valid[i] = valid[i] && consistent[i]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return valid, nil
}

// inRange opens for each person whether all values are as they should be.
func (r *run) inRange(people []dot.Person, e eyeWords) ([]bool, error) {
	defer r.work.wipe()
	perPerson := 2*e.all() + 1 // and a word for the sums of both masks
	n := len(people)
	width := perPerson * n
	r.work.room(width, 256)
	cut := slicer{r: r, dst: r.work.x}
	// Person i has words i, n+i, 2n+i, ...: or over words is a fold.
	place := func(word, person int) int { return word*n + person }
	for i, p := range people {
		var sums [2]uint16
		for eye, share := range []dot.Share{p.Left, p.Right} {
			code, mask, err := share.Additive()
			if err != nil {
				return nil, err
			}
			if len(code) != 64*e.code() || len(mask) != 64*e.mask() {
				return nil, fmt.Errorf("%w: values of an eye", ErrShape)
			}
			for _, m := range mask {
				sums[eye] += m
			}
			if r.party == 0 {
				for k := range code {
					code[k]++
				}
				sums[eye] -= uint16(e.least()) // #nosec G115 -- at most 20,992
			}
			r.cutWords(&cut, code, func(w int) int { return place(eye*e.all()+w, i) })
			r.cutWords(&cut, mask, func(w int) int { return place(eye*e.all()+e.code()+w, i) })
			clear(code)
			clear(mask)
		}
		r.cutWords(&cut, append(sums[:], make([]uint16, 62)...), func(int) int { return place(2*e.all(), i) })
	}
	if err := r.reshare(r.work.x); err != nil {
		return nil, err
	}
	v, err := r.allBits(r.work.x, r.work.c)
	if err != nil {
		return nil, err
	}
	if err := r.violations(v, n, e); err != nil {
		return nil, err
	}
	// Or over the sixteen bits, over words, over lanes.
	rows := r.stack(v, width)
	if err := r.fold(width, rows); err != nil {
		return nil, err
	}
	bad := rows.part(0, width)
	if err := r.fold(n, bad); err != nil {
		return nil, err
	}
	bad = bad.part(0, n)
	if err := r.foldLanes(bad); err != nil {
		return nil, err
	}
	valid, err := r.open(bad)
	for i := range valid {
		valid[i] = !valid[i]
	}
	return valid, err
}

// cutWords slices numbers, 64 to a word: number 64*w+lane is lane `lane` of
// word w.
func (r *run) cutWords(cut *slicer, values []uint16, at func(w int) int) {
	for w := 0; w*64 < len(values); w += 4 {
		// A tile has four numbers to a lane.
		tile := r.work.values[:256]
		clear(tile)
		count := min(4, len(values)/64-w)
		for j := range count {
			for lane := range 64 {
				tile[4*lane+j] = values[(w+j)*64+lane]
			}
		}
		cut.tile(tile, 4, func(j int) int {
			if j < count {
				return at(w + j)
			}
			return -1
		})
	}
}

// allBits leaves in x all sixteen bits of the numbers: 15 rounds.
func (r *run) allBits(x slices, c []bits) (slices, error) {
	if err := r.carries(x, c[:15]); err != nil {
		return x, err
	}
	for k := 1; k < 16; k++ {
		x[k].xor(x[k], c[k-1]) // the choice p_k
	}
	into := none(c[0]) // the carry into bit k
	for k := 1; k < 15; k++ {
		// The carry out of bit k is written over c[k-1], and bit k needs the one
		// into it.
		if err := r.evaluate([]gate{{kind: choose, dst: c[k-1], x: x[k], y: into, otherwise: c[k-1]}}); err != nil {
			return x, err
		}
		x[k].xor(x[k], into)
		into = c[k-1]
	}
	x[15].xor(x[15], into)
	return x, nil
}

// violations turns bits into violations: 1 where something is wrong.
func (r *run) violations(v slices, n int, e eyeWords) error {
	var gates []gate
	for eye := range 2 {
		code := eye * e.all() * n
		part := func(k, from, words int) bits { return v[k].part(from, words*n) }
		// Bit 1 of a code value becomes "u is 3".
		gates = append(gates, gate{kind: and, dst: part(1, code, e.code()), x: part(1, code, e.code()), y: part(0, code, e.code())})
	}
	if err := r.evaluate(gates); err != nil {
		return err
	}
	for eye := range 2 {
		code, mask := eye*e.all()*n, (eye*e.all()+e.code())*n
		m := v[0].part(mask, e.mask()*n)
		for half := range 2 { // real, imaginary
			u := v[0].part(code+half*e.mask()*n, e.mask()*n)
			u.xor(u, m)
			u.flip(r.party, ^uint64(0))
		}
	}
	ones := make([]uint64, e.mask()*n)
	for eye := range 2 { // bit 0 of a mask value is never wrong
		v[0].part((eye*e.all()+e.code())*n, e.mask()*n).keep(ones)
	}
	for k := range 15 { // of the sums only the sign counts
		v[k].part(2*e.all()*n, n).keep(ones[:n])
	}
	return nil
}

// stack puts the slices after one another.
func (r *run) stack(v slices, width int) bits {
	out := newBits(16 * width)
	for k := range v {
		copy(out.own[k*width:], v[k].own)
		copy(out.prev[k*width:], v[k].prev)
	}
	return out
}
