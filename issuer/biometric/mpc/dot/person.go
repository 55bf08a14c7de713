package dot

import (
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Comparisons is how many comparisons a query makes with one person: two
// orientations, two eyes, 31 rotations.
const Comparisons = 2 * 2 * iris.Rotations

// Comparison gives the place of one comparison among those of a person: mirrored
// is 0 or 1, eye 0 for the person's left one, and rotation counts from 0.
func Comparison(mirrored, eye, rotation int) int {
	return (2*mirrored+eye)*iris.Rotations + rotation
}

// Person is one party's shares of both eyes of a person.
type Person struct{ Left, Right Share }

// PersonQuery is both eyes of a query in both orientations: mirrored, the right
// eye's mirror image is compared with left eyes, and the left one's with right
// ones. It is read-only and safe for concurrent use.
type PersonQuery struct {
	rows RowSet
	eyes [2][2]*Query // by eye, then by orientation
}

// NewPersonQuery prepares p. The mirrored query is made of the same shares.
func NewPersonQuery(p Person, rows RowSet) (*PersonQuery, error) {
	if p.Left.shape != p.Right.shape || p.Left.party != p.Right.party {
		return nil, fmt.Errorf("%w: eyes of different shape", ErrShape)
	}
	if err := p.Left.shape.Check(); err != nil {
		return nil, err
	}
	out := &PersonQuery{rows: rows}
	left, right := p.Right.Mirror(), p.Left.Mirror()
	defer left.Wipe()
	defer right.Wipe()
	for eye, pair := range [2][2]Share{{p.Left, left}, {p.Right, right}} {
		for mirrored, s := range pair {
			q, err := NewQuery(s, rows)
			if err != nil {
				return nil, err
			}
			out.eyes[eye][mirrored] = q
		}
	}
	return out, nil
}

// Wipe overwrites the query, which must not be used afterwards.
func (q *PersonQuery) Wipe() {
	for _, eye := range q.eyes {
		for _, turned := range eye {
			clear(turned.words)
			clear(turned.pairs)
			clear(turned.turns)
		}
	}
}

// People is one party's shares of the people enrolled.
type People struct{ Left, Right *Gallery }

// NewPeople gives an empty set.
func NewPeople(shape Shape, party int) (*People, error) {
	left, err := NewGallery(shape, party)
	if err != nil {
		return nil, err
	}
	right, err := NewGallery(shape, party)
	return &People{left, right}, err
}

// Len gives the number of people, wiped ones included.
func (p *People) Len() int { return p.Left.Len() }

// Append enrols a person at the end and gives the place.
func (p *People) Append(s Person) (int, error) {
	if s.Left.shape != p.Left.shape || s.Right.shape != p.Left.shape || s.Left.party != p.Left.party || s.Right.party != p.Left.party {
		return 0, fmt.Errorf("%w: a person of another shape or party", ErrShape)
	}
	if _, err := p.Left.Append(s.Left); err != nil {
		return 0, err
	}
	return p.Right.Append(s.Right)
}

// Place puts a person whose words stay where they are at the end: the left eye's,
// then the right one's (Gallery.Place). nil is a place that is dropped already.
func (p *People) Place(words []uint16) (int, error) {
	n := p.Left.shape.Words()
	if words == nil {
		if _, err := p.Left.Place(nil); err != nil {
			return 0, err
		}
		return p.Right.Place(nil)
	}
	if len(words) != 2*n {
		return 0, fmt.Errorf("%w: %d words of a person", ErrShape, len(words))
	}
	if _, err := p.Left.Place(words[:n]); err != nil {
		return 0, err
	}
	return p.Right.Place(words[n:])
}

// Drop forgets where a person is (Gallery.Drop).
func (p *People) Drop(i int) {
	p.Left.Drop(i)
	p.Right.Drop(i)
}

// Snapshot gives the people as they are now (Gallery.Snapshot).
func (p *People) Snapshot() *People { return &People{p.Left.Snapshot(), p.Right.Snapshot()} }

// Person gives a person's shares; it is not a copy.
func (p *People) Person(i int) Person { return Person{p.Left.Share(i), p.Right.Share(i)} }

// Forms is what one query yields, as one party's additive shares: for each
// person Comparisons numbers for each of the two forms, in the order of
// Comparison. The three parties' numbers add up, modulo 2^16, to one whose
// highest bit says that the comparison matches under the form.
type Forms struct{ Both, One []uint16 }

// Forms compares every query with the people from first to last-1. Query i's
// shares go into out[i], whose slices have (last-first)*Comparisons places. The
// queries' rows must be those of the rule, and the rule fit the shape.
func (p *People) Forms(rule Rule, queries []*PersonQuery, first, last int, out []Forms) error {
	if err := rule.Check(p.Left.shape.Columns); err != nil {
		return err
	}
	size := (last - first) * Comparisons
	if len(out) != len(queries) {
		return fmt.Errorf("%w: %d places for %d queries", ErrShape, len(out), len(queries))
	}
	for i := range out {
		if len(out[i].Both) != size || len(out[i].One) != size {
			return fmt.Errorf("%w: length of a form", ErrShape)
		}
	}
	party := p.Left.party
	return p.walk(rule.Rows, queries, first, last, func(query, at int, s *Sums) {
		both, one := out[query].Both[at:][:iris.Rotations], out[query].One[at:][:iris.Rotations]
		for i, code := range s.Code[:iris.Rotations] {
			both[i] = rule.Both.share(party, code, s.Mask[i])
			one[i] = rule.One.share(party, code, s.Mask[i])
		}
	})
}

// ExactForms is Forms with 32-bit numbers.
type ExactForms struct{ Both, One []uint32 }

// ExactForms is Forms for shapes with Exact. The three parties' numbers add up
// modulo 2^32.
func (p *People) ExactForms(both, one Exact, rows RowSet, queries []*PersonQuery, first, last int, out []ExactForms) error {
	if !p.Left.shape.Exact {
		return fmt.Errorf("%w: masks are shared modulo 2^16", ErrShape)
	}
	bits := Rule{Rows: rows}.Bits(p.Left.shape.Columns)
	for _, e := range []Exact{both, one} {
		if err := e.Check(bits); err != nil {
			return err
		}
	}
	if limit, err := NewExact(iris.T1); err != nil || one.A < limit.A {
		return fmt.Errorf("%w: one eye is looser than the person rule", ErrRange)
	}
	size := (last - first) * Comparisons
	if len(out) != len(queries) {
		return fmt.Errorf("%w: %d places for %d queries", ErrShape, len(out), len(queries))
	}
	for i := range out {
		if len(out[i].Both) != size || len(out[i].One) != size {
			return fmt.Errorf("%w: length of a form", ErrShape)
		}
	}
	return p.walk(rows, queries, first, last, func(query, at int, s *Sums) {
		for i, code := range s.Code[:iris.Rotations] {
			out[query].Both[at+i] = both.share(code, s.Mask[i])
			out[query].One[at+i] = one.share(code, s.Mask[i])
		}
	})
}

// walk gives the sums of every query, person, eye and orientation with the place
// of their first rotation.
func (p *People) walk(rows RowSet, queries []*PersonQuery, first, last int, found func(query, at int, s *Sums)) error {
	for eye, g := range [2]*Gallery{p.Left, p.Right} {
		var all []*Query
		for _, q := range queries {
			if q.rows != rows {
				return fmt.Errorf("%w: a query over other rows", ErrShape)
			}
			all = append(all, q.eyes[eye][0], q.eyes[eye][1])
		}
		err := Walk(all, g, first, last, func(entry, query int, s *Sums) {
			found(query/2, (entry-first)*Comparisons+Comparison(query%2, eye, 0), s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
