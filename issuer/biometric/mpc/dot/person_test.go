package dot

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// parties is a set of people, shared.
type parties [galois.Parties]*People

func newParties(t testing.TB, shape Shape) (p parties) {
	t.Helper()
	for i := range p {
		var err error
		if p[i], err = NewPeople(shape, i); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func splitPair(t testing.TB, rand *rand.ChaCha8, shape Shape, pair iris.Pair) (out [galois.Parties]Person) {
	t.Helper()
	left, err := Split(rand, shape, pair.Left)
	if err != nil {
		t.Fatal(err)
	}
	right, err := Split(rand, shape, pair.Right)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i] = Person{left[i], right[i]}
	}
	return out
}

func (p parties) enrol(t testing.TB, shares [galois.Parties]Person) {
	t.Helper()
	for i, s := range shares {
		if _, err := p[i].Append(s); err != nil {
			t.Fatal(err)
		}
	}
}

// only gives a template of which the rows of a set can be seen.
func only(t testing.TB, e iris.Template, rows RowSet) iris.Template {
	t.Helper()
	code, mask := e.Flat()
	n := len(mask) / iris.Rows
	for row := range iris.Rows {
		if rows>>(row/2)&1 == 0 {
			clear(mask[row*n:][:n])
		}
	}
	out, err := iris.FromFlat(e.Columns(), code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The three parties' numbers, added up, are the distances of the plain matcher
// in every rotation of every eye in both orientations, and so are the forms and
// the person rule. Genuine and impostor pairs, several queries at a time.
func TestEqualsPlainMatcher(t *testing.T) {
	people, queries := 24, 6
	if os.Getenv("PERHUMAN_LONG") == "1" {
		people, queries = 2000, 40
	}
	for _, c := range []struct {
		columns int
		rule    Rule
	}{{200, Third()}, {200, Inner()}, {256, Third256()}} {
		shape := Shape{Columns: c.columns}
		crowd, err := synth.NewColumns(uint64(c.columns), c.columns)
		if err != nil {
			t.Fatal(err)
		}
		set, noise := newParties(t, shape), source(1)
		var enrolled []iris.Pair
		for n := range people {
			pair := crowd.Person(uint64(n)).Sample(0)
			enrolled = append(enrolled, pair)
			set.enrol(t, splitPair(t, noise, shape, pair))
		}
		var probes []iris.Pair
		var forms [galois.Parties][]Forms
		var prepared [galois.Parties][]*PersonQuery
		for k := range queries { // one in three is a stranger, one is mirrored
			probe := crowd.Person(uint64(k*people/queries + k%3/2*1e6)).Sample(1)
			if k%3 == 1 {
				probe = probe.Mirror()
			}
			probes = append(probes, probe)
			for i, s := range splitPair(t, noise, shape, probe) {
				q, err := NewPersonQuery(s, c.rule.Rows)
				if err != nil {
					t.Fatal(err)
				}
				prepared[i] = append(prepared[i], q)
				n := people * Comparisons
				forms[i] = append(forms[i], Forms{make([]uint16, n), make([]uint16, n)})
			}
		}
		for i, p := range set {
			if err := p.Forms(c.rule, prepared[i], 0, people, forms[i]); err != nil {
				t.Fatal(err)
			}
		}
		hits := 0
		for k, probe := range probes {
			both := sum16(forms[0][k].Both, forms[1][k].Both, forms[2][k].Both)
			one := sum16(forms[0][k].One, forms[1][k].One, forms[2][k].One)
			hits += comparePlain(t, c.rule, probe, enrolled, both, one)
		}
		if want := queries - queries/3; hits != want {
			t.Errorf("%d columns: %d of %d people found", c.columns, hits, want)
		}
	}
}

func sum16(a, b, c []uint16) []uint16 {
	out := make([]uint16, len(a))
	for i := range a {
		out[i] = a[i] + b[i] + c[i]
	}
	return out
}

// comparePlain computes every form in the clear and gives the number of people
// that the rule finds.
func comparePlain(t *testing.T, rule Rule, probe iris.Pair, enrolled []iris.Pair, both, one []uint16) (hits int) {
	t.Helper()
	var query [2][2]*iris.Query // by orientation, then eye
	for mirrored, p := range [2]iris.Pair{probe, probe.Mirror()} {
		query[mirrored] = [2]*iris.Query{
			iris.NewQuery(only(t, p.Left, rule.Rows)), iris.NewQuery(only(t, p.Right, rule.Rows)),
		}
	}
	for n, e := range enrolled {
		matched := false
		for mirrored := range 2 {
			var eye [2]struct{ both, one, plainBoth, plainOne bool }
			for side, entry := range [2]iris.Template{e.Left, e.Right} {
				s := &eye[side]
				for i := range iris.Rotations {
					d := query[mirrored][side].At(entry, iris.MaxRotation-i)
					at := n*Comparisons + Comparison(mirrored, side, i)
					if x := int(int16(both[at])); x != -rule.Both.T(d.Bits, d.Diff) {
						t.Fatalf("person %d, mirrored %d, eye %d, rotation %d: %d, want %d", n, mirrored, side, i, x, -rule.Both.T(d.Bits, d.Diff))
					}
					if x := int(int16(one[at])); x != -rule.One.T(d.Bits, d.Diff) {
						t.Fatalf("person %d, one eye: %d", n, x)
					}
					s.both = s.both || both[at]>>15 == 1
					s.one = s.one || one[at]>>15 == 1
					s.plainBoth = s.plainBoth || d.HD() < rule.Both.Threshold(max(d.Bits, 1))-1e-12
					s.plainOne = s.plainOne || d.HD() < rule.One.Threshold(max(d.Bits, 1))-1e-12
				}
			}
			got := eye[0].both && eye[1].both || eye[0].one || eye[1].one
			want := eye[0].plainBoth && eye[1].plainBoth || eye[0].plainOne || eye[1].plainOne
			if got != want {
				t.Fatalf("person %d: %v, in the clear %v", n, got, want)
			}
			matched = matched || got
		}
		if matched {
			hits++
		}
	}
	return hits
}

// exact32 decides as iris.Distance.Below(.345) and the person rule of package
// iris do.
func TestExactEqualsPlainMatcher(t *testing.T) {
	const people = 12
	shape := Shape{200, true}
	crowd, noise := synth.New(3), source(2)
	set := newParties(t, shape)
	var enrolled []iris.Pair
	for n := range people {
		pair := crowd.Person(uint64(n)).Sample(0)
		enrolled = append(enrolled, pair)
		set.enrol(t, splitPair(t, noise, shape, pair))
	}
	both, _ := NewExact(iris.T)
	one, _ := NewExact(iris.T1)
	for k := range 3 {
		probe := crowd.Person(uint64(4 * k)).Sample(1)
		var out [galois.Parties]ExactForms
		for i, s := range splitPair(t, noise, shape, probe) {
			// Refreshed shares of the enrolled are as good.
			for n := range people {
				p := set[i].Person(n)
				if err := errors.Join(p.Left.Refresh(source(byte(10+n))), p.Right.Refresh(source(byte(100+n)))); err != nil {
					t.Fatal(err)
				}
			}
			q, err := NewPersonQuery(s, AllRows)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = ExactForms{make([]uint32, people*Comparisons), make([]uint32, people*Comparisons)}
			if err := set[i].ExactForms(both, one, AllRows, []*PersonQuery{q}, 0, people, out[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		plain := iris.NewPairQuery(probe)
		for n, e := range enrolled {
			match := false
			for mirrored := range 2 {
				var hit [2][2]bool
				for eye := range 2 {
					for i := range iris.Rotations {
						at := n*Comparisons + Comparison(mirrored, eye, i)
						hit[eye][0] = hit[eye][0] || (out[0].Both[at]+out[1].Both[at]+out[2].Both[at])>>31 == 1
						hit[eye][1] = hit[eye][1] || (out[0].One[at]+out[1].One[at]+out[2].One[at])>>31 == 1
					}
				}
				match = match || hit[0][0] && hit[1][0] || hit[0][1] || hit[1][1]
			}
			if match != plain.Match(e) || match != (n == 4*k) {
				t.Errorf("query %d, person %d: %v, in the clear %v", k, n, match, plain.Match(e))
			}
		}
	}
}

// Pairs made to lie on either side of each threshold, bit by bit: rotation 0 of
// a code and the same code with so many bits flipped.
func TestThresholdsEdgeByEdge(t *testing.T) {
	for _, p := range presets()[:3] {
		shape := Shape{Columns: p.columns}
		r := rand.New(source(9))
		for _, visible := range []int{100, 72, 64} { // percent of the mask
			a, flip := shaded(t, r, p.columns, visible)
			n := iris.Between(only(t, a, p.rule.Rows), a).Bits
			for which, f := range []Form{p.rule.Both, p.rule.One} {
				edge := int(f.Threshold(n) * float64(n))
				for diff := edge - 2; diff <= edge+2; diff++ {
					b := flipped(t, a, p.rule.Rows, flip, diff)
					d := iris.Between(only(t, a, p.rule.Rows), b)
					if d.Diff != diff || d.Bits != n {
						t.Fatalf("made %v, want %d of %d", d, diff, n)
					}
					if got, want := shared(t, shape, p.rule, which, a, b), f.T(n, diff) > 0; got != want || f.Match(d) != want {
						t.Errorf("%s, form %d: %v: %v", p.name, which, d, got)
					}
				}
			}
		}
	}
}

// shaded gives a random code with so many percent of its responses visible, and
// the flat positions of its visible bits in random order.
func shaded(t *testing.T, r *rand.Rand, cols, percent int) (iris.Template, []int) {
	t.Helper()
	code, mask := make([]byte, cols*8), make([]byte, cols*8)
	for i := range code {
		code[i] = byte(r.Uint32())
		for pair := range 4 {
			if r.IntN(100) < percent {
				mask[i] |= 3 << (2 * pair)
			}
		}
	}
	var visible []int
	for i := range 64 * cols {
		if mask[i/8]>>(7-i%8)&1 == 1 {
			visible = append(visible, i)
		}
	}
	r.Shuffle(len(visible), func(i, j int) { visible[i], visible[j] = visible[j], visible[i] })
	e, err := iris.FromFlat(cols, code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return e, visible
}

// flipped inverts so many of the visible bits in rows.
func flipped(t *testing.T, e iris.Template, rows RowSet, visible []int, diff int) iris.Template {
	t.Helper()
	code, mask := e.Flat()
	for _, i := range visible {
		if row := i / (4 * e.Columns()); diff > 0 && rows>>(row/2)&1 == 1 {
			code[i/8] ^= 1 << (7 - i%8)
			diff--
		}
	}
	out, err := iris.FromFlat(e.Columns(), code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shared compares two eyes at rotation 0 through the three parties.
func shared(t *testing.T, shape Shape, rule Rule, which int, a, b iris.Template) bool {
	t.Helper()
	noise := source(3)
	queries, err := Split(noise, shape, a)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Split(noise, shape, b)
	if err != nil {
		t.Fatal(err)
	}
	x := uint16(0)
	for p := range galois.Parties {
		g, _ := NewGallery(shape, p)
		if _, err := g.Append(entries[p]); err != nil {
			t.Fatal(err)
		}
		q, err := NewQuery(queries[p], rule.Rows)
		if err != nil {
			t.Fatal(err)
		}
		err = Walk([]*Query{q}, g, 0, 1, func(_, _ int, s *Sums) {
			f := [2]Form{rule.Both, rule.One}[which]
			x += f.share(p, s.Code[iris.MaxRotation], s.Mask[iris.MaxRotation])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return x>>15 == 1
}

// A wiped person is near to nobody, and the neighbours are as they were.
func TestWipedPeopleMatchNobody(t *testing.T) {
	shape, rule := Shape{Columns: 200}, Third()
	crowd, noise := synth.New(4), source(5)
	set := newParties(t, shape)
	for n := range 3 {
		set.enrol(t, splitPair(t, noise, shape, crowd.Person(uint64(n)).Sample(0)))
	}
	probe := splitPair(t, noise, shape, crowd.Person(1).Sample(1))
	match := func() (hits []int) {
		var out [galois.Parties]Forms
		for i, s := range probe {
			q, err := NewPersonQuery(s, rule.Rows)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = Forms{make([]uint16, 3*Comparisons), make([]uint16, 3*Comparisons)}
			if err := set[i].Forms(rule, []*PersonQuery{q}, 0, 3, out[i:i+1]); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 3 {
			for _, x := range sum16(out[0].One, out[1].One, out[2].One)[n*Comparisons:][:Comparisons] {
				if x>>15 == 1 {
					hits = append(hits, n)
					break
				}
			}
		}
		return hits
	}
	q, err := NewPersonQuery(probe[0], rule.Rows)
	if err != nil {
		t.Fatal(err)
	}
	q.Wipe()
	var sums Sums
	if q.eyes[1][1].reference(set[0].Right.Entry(0), &sums); sums != (Sums{}) {
		t.Error("a wiped query still has something to compare")
	}
	if hits := match(); len(hits) != 1 || hits[0] != 1 {
		t.Errorf("found %v", hits)
	}
	for i := range set {
		set[i].Person(1).Left.Wipe()
		set[i].Person(1).Right.Wipe()
	}
	if hits := match(); len(hits) != 0 {
		t.Errorf("found %v after wiping", hits)
	}
}
