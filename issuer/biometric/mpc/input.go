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
// eyes as a device should send them: see biometrics.md section 5.7. Number is
// used once; the same at all three.
func (s *Session) CheckInputs(ctx context.Context, number uint64, plan [32]byte, people []dot.Person) (valid []bool, err error) {
	if len(people) == 0 {
		return nil, nil
	}
	shape := people[0].Left.Shape()
	for _, p := range people {
		for _, eye := range []dot.Share{p.Left, p.Right} {
			if eye.Shape() != shape || eye.Party() != s.party {
				return nil, fmt.Errorf("%w: people of different shapes or parties", ErrShape)
			}
		}
	}
	if err := shape.Check(); err != nil {
		return nil, fmt.Errorf("%w: not one whose inputs can be checked", ErrShape)
	}
	var lines []line
	for _, p := range people {
		var l line
		for _, eye := range []dot.Share{p.Left, p.Right} {
			if shape.Exact {
				l.narrow = append(l.narrow, eye.Codes())
				l.wide = append(l.wide, eye.WideMasks())
			} else {
				l.narrow = append(l.narrow, eye.Words())
			}
		}
		lines = append(lines, l)
	}
	detail := fmt.Sprintf("%d %t", shape.Columns, shape.Exact)
	return s.checkInputs(ctx, number, plan, detail, lines, func(r *run) ([]bool, error) {
		ok, err := r.inRange(people, eyeWords{shape.Columns})
		if err != nil || !shape.Exact {
			return ok, err
		}
		// Modulo 2^16 the masks are bits; the rest of the 32 must be 0 too.
		rest, err := r.wideMasksInRange(people)
		for i := range rest {
			ok[i] = ok[i] && rest[i]
		}
		return ok, err
	})
}

// checkInputs tells whose shares agree and are in range.
func (s *Session) checkInputs(ctx context.Context, number uint64, plan [32]byte, detail string, lines []line, inRange func(*run) ([]bool, error)) (valid []bool, err error) {
	if len(lines) > maxQueries {
		return nil, fmt.Errorf("%w: more than %d people at once", ErrShape, maxQueries)
	}
	h := sha256.New()
	h.Write([]byte("perhuman/mpc/input/2"))
	h.Write(binary.LittleEndian.AppendUint64(nil, number))
	h.Write(plan[:])
	h.Write([]byte{byte(len(lines))}) // #nosec G115 -- at most maxQueries
	h.Write([]byte(detail))
	err = s.do(ctx, number, [32]byte(h.Sum(nil)), func(r *run) error {
		consistent, err := r.consistent(lines)
		if err != nil {
			return err
		}
		valid, err = inRange(r)
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
	perPerson := 2*e.all() + 1 // and a word for the sums of both masks
	n := len(people)
	r.work.room(16, perPerson*n)
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
			cutWords(&cut, code, func(w int) int { return place(eye*e.all()+w, i) })
			cutWords(&cut, mask, func(w int) int { return place(eye*e.all()+e.code()+w, i) })
			clear(code)
			clear(mask)
		}
		cutWords(&cut, sums[:], func(int) int { return place(2*e.all(), i) })
	}
	v, err := r.sharedBits()
	if err != nil {
		return nil, err
	}
	if err := r.violations(v, n, e); err != nil {
		return nil, err
	}
	return r.none(v, n)
}

// wideMasksInRange opens for each person whether bits 1 to 31 of all mask values
// are 0.
func (r *run) wideMasksInRange(people []dot.Person) ([]bool, error) {
	n := len(people)
	perEye := len(people[0].Left.Words()) / 4 / 64
	r.work.room(32, 2*perEye*n)
	cut := slicer{r: r, dst: r.work.x}
	for i, p := range people {
		for eye, share := range []dot.Share{p.Left, p.Right} {
			mask, err := share.AdditiveMasks()
			if err != nil {
				return nil, err
			}
			cutWords(&cut, mask, func(w int) int { return (eye*perEye+w)*n + i })
			clear(mask)
		}
	}
	v, err := r.sharedBits()
	if err != nil {
		return nil, err
	}
	return r.none(v[1:], n)
}

// sharedBits gives all bits of the numbers in the workspace's slices.
func (r *run) sharedBits() ([]bits, error) {
	if err := r.reshare(r.work.x); err != nil {
		return nil, err
	}
	return r.allBits(r.work.x, r.work.c)
}

// none opens for each of n people whether no bit of its words is set: word w of
// person i is w*n+i of each vector.
func (r *run) none(v []bits, n int) ([]bool, error) {
	// Or over the bits of a number, over words, over lanes.
	width := v[0].len()
	rows := stack(v, width)
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

// allBits leaves in x all bits of the numbers: as many rounds as they have bits,
// less one.
func (r *run) allBits(x, c []bits) ([]bits, error) {
	top := len(x) - 1
	if err := r.carries(x, c[:top]); err != nil {
		return x, err
	}
	for k := 1; k <= top; k++ {
		x[k].xor(x[k], c[k-1]) // the choice p_k
	}
	into := none(c[0]) // the carry into bit k
	for k := 1; k < top; k++ {
		// The carry out of bit k is written over c[k-1], and bit k needs the one
		// into it.
		if err := r.evaluate([]gate{{kind: choose, dst: c[k-1], x: x[k], y: into, otherwise: c[k-1]}}); err != nil {
			return x, err
		}
		x[k].xor(x[k], into)
		into = c[k-1]
	}
	x[top].xor(x[top], into)
	return x, nil
}

// violations turns bits into violations: 1 where something is wrong.
func (r *run) violations(v []bits, n int, e eyeWords) error {
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

// stack puts vectors of width words after one another.
func stack(v []bits, width int) bits {
	out := newBits(len(v) * width)
	for k := range v {
		copy(out.own[k*width:], v[k].own)
		copy(out.prev[k*width:], v[k].prev)
	}
	return out
}
