package mpc_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// edges32 are numbers around every carry: no match below 2^31, a match from there.
func edges32() (no, yes []uint32) {
	no, yes = []uint32{0, 1, 2, 1<<31 - 2, 1<<31 - 1}, []uint32{1 << 31, 1<<31 + 1, 1<<32 - 2, 1<<32 - 1}
	for k := range 31 {
		no = append(no, 1<<k, 1<<k-1, (1<<31-1)^1<<k)
		yes = append(yes, 1<<31|1<<k, (1<<32-1)^1<<k)
	}
	return no, yes
}

// Each number of 32 bits at each carry is told by its highest bit, by both adders,
// as a face's distance and as a form of an iris.
func TestWideEdges(t *testing.T) {
	no, yes := edges32()
	all := append(slices.Clone(no), yes...)
	r := rand.New(rand.NewPCG(21, 21))
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	split := func(v uint32) (out [3]uint32) {
		out[0], out[1] = r.Uint32(), r.Uint32()
		out[2] = v - out[0] - out[1]
		return out
	}
	var shares [3][]uint32
	for _, v := range all {
		for i, x := range split(v) {
			shares[i] = append(shares[i], x)
		}
	}
	// Each query is compared with one of the numbers alone.
	for _, adder := range []mpc.Adder{mpc.Prefix, mpc.Ripple} {
		for at := 0; at < len(all); at += 64 {
			queries := min(64, len(all)-at)
			against := make([][]uint64, queries)
			for q := range against {
				against[q] = make([]uint64, (len(all)+63)/64)
				against[q][(at+q)/64] = 1 << ((at + q) % 64)
			}
			var got [3][]bool
			must(t, three(func(i int) (err error) {
				got[i], err = sessions[i].Match(t.Context(), number, mpc.Job{
					Queries: queries, People: len(all), Against: against, Adder: adder,
					Faces: func(first, last int, out [][]uint32) error {
						for q := range out {
							copy(out[q], shares[i][first:last])
						}
						return nil
					},
				})
				return err
			}))
			number++
			for q := range queries {
				if want := all[at+q]>>31 == 1; got[0][q] != want || got[1][q] != want || got[2][q] != want {
					t.Errorf("adder %d: highest bit of %#x: %v", adder, all[at+q], got[0][q])
				}
			}
		}
	}
	// One place of 248 for each edge, of 70 people in turn.
	for k, v := range all {
		person, place := k%70, (k*37)%(2*dot.Comparisons)
		var forms [3][]uint32
		for range 70 * 2 * dot.Comparisons {
			for i, x := range split(no[r.IntN(len(no))]) {
				forms[i] = append(forms[i], x)
			}
		}
		for i, x := range split(v) {
			forms[i][(place/dot.Comparisons*70+person)*dot.Comparisons+place%dot.Comparisons] = x
		}
		if k%8 != 0 {
			continue // the numbers themselves are above; here the person rule
		}
		var got [3][]bool
		must(t, three(func(i int) (err error) {
			got[i], err = sessions[i].Match(t.Context(), number, mpc.Job{
				Queries: 1, People: 70,
				Exact: func(first, last int, out []dot.ExactForms) error {
					copy(out[0].Both, forms[i][first*dot.Comparisons:last*dot.Comparisons])
					copy(out[0].One, forms[i][(70+first)*dot.Comparisons:(70+last)*dot.Comparisons])
					return nil
				},
			})
			return err
		}))
		number++
		if want := v>>31 == 1 && place >= dot.Comparisons; got[0][0] != want || got[1][0] != want || got[2][0] != want {
			t.Errorf("%#x at %d of person %d: %v", v, place, person, got[0][0])
		}
	}
}

// With masks of 32 bits a rogue device has more room to hide in, and finds none.
func TestExactInputs(t *testing.T) {
	wide := dot.Shape{Columns: 200, Exact: true}
	pair := synth.New(24).Person(1).Sample(0)
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	plane := wide.Words() / 4
	// make gives a person whose left eye has changed values.
	forge := func(code func([]uint16), mask func([]uint32)) (out [3]dot.Person) {
		left, right := splitShape(t, wide, 1, pair.Left), splitShape(t, wide, 2, pair.Right)
		values, err := galois.Open([3][]uint16{left[0].Codes(), left[1].Codes(), left[2].Codes()})
		masks, err2 := galois.Open([3][]uint32{left[0].WideMasks(), left[1].WideMasks(), left[2].WideMasks()})
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		code(values)
		mask(masks)
		codes, err := galois.Split(source(3), values)
		wides, err2 := galois.Split(source(4), masks)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for i := range out {
			copy(left[i].Words(), codes[i])
			for k, m := range wides[i] {
				left[i].Words()[2*plane+k] = uint16(m)
				left[i].Words()[3*plane+k] = uint16((m + 1<<15) >> 16)
			}
			out[i] = dot.Person{Left: left[i], Right: right[i]}
		}
		return out
	}
	same, sameWide := func([]uint16) {}, func([]uint32) {}
	cases := []struct {
		name string
		want bool
		p    [3]dot.Person
	}{
		{"as it is", true, forge(same, sameWide)},
		{"a code of 256", false, forge(func(v []uint16) { v[7] += 256 }, sameWide)},
		{"a mask of 2^16", false, forge(same, func(m []uint32) { m[9] += 1 << 16 })},
		{"a mask of 2^31", false, forge(same, func(m []uint32) { m[6000] += 1 << 31 })},
		{"all masks and 2^20", false, forge(same, func(m []uint32) {
			for k := range m {
				m[k] += 1 << 20
			}
		})},
		{"a mask of -1", false, forge(same, func(m []uint32) { m[5] = 1<<32 - 1 })},
		{"high words that do not agree", false, func() [3]dot.Person {
			p := forge(same, sameWide)
			p[1].Left.Words()[4*plane-1]++
			return p
		}()},
	}
	var got [3][]bool
	must(t, three(func(i int) (err error) {
		var mine []dot.Person
		for _, c := range cases {
			mine = append(mine, c.p[i])
		}
		got[i], err = sessions[i].CheckInputs(t.Context(), number, [32]byte{4}, mine)
		return err
	}))
	for k, c := range cases {
		if got[0][k] != c.want || got[1][k] != c.want || got[2][k] != c.want {
			t.Errorf("%s: %v", c.name, got[0][k])
		}
	}
}

// What is no rule, no shape or no share is refused before anything is computed.
func TestModalities(t *testing.T) {
	third := irises(t, shape, dot.Third())
	_, loose := mpc.ExactIrises(200, 3450, 2801)
	_, wideBoth := mpc.ExactIrises(200, 3801, 2800)
	_, columns := mpc.ExactIrises(201, 3450, 2800)
	_, many := mpc.ExactIrises(1024, 3450, 2800)
	_, mixed := mpc.Irises(dot.Shape{Columns: 200, Exact: true}, dot.Third())
	_, overflow := mpc.Irises(dot.Shape{Columns: 256}, dot.Third())
	share := splitEye(t, 1, synth.New(1).Person(1).Sample(0).Left)
	b, err := share[1].MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	_, one := third.Parse(1, b)
	_, other := third.Parse(2, b, b)
	_, faceOfEye := mpc.Faces().Parse(1, b)
	_, two := mpc.Faces().Parse(1, b, b)
	_, wrong := irises(t, dot.Shape{Columns: 256}, dot.Third256()).Parse(1, b, b)
	for name, c := range map[string]struct{ got, want error }{
		"one eye looser than the rule": {loose, dot.ErrRange}, "both far looser": {wideBoth, dot.ErrRange},
		"columns": {columns, dot.ErrShape}, "bits that do not fit 32": {many, dot.ErrRange},
		"a rule of 16 bits for masks of 32": {mixed, mpc.ErrShape}, "a rule that does not fit": {overflow, dot.ErrRange},
		"one eye": {one, mpc.ErrShape}, "another's share": {other, mpc.ErrShape}, "an eye as a face": {faceOfEye, dot.ErrFormat},
		"two faces": {two, mpc.ErrShape}, "other columns": {wrong, mpc.ErrShape},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	words, err := third.Parse(1, b, b)
	if err != nil || len(words) != third.Words() || third.Shares() != 2 || mpc.Faces().Shares() != 1 {
		t.Errorf("%d words, %v", len(words), err)
	}
}
