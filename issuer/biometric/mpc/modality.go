package mpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// Modality is what a party compares and by which rule: Irises, ExactIrises or
// Faces. The three parties have the same.
type Modality interface {
	// Name says what is compared and by which rule; parties with different names
	// do not compute together.
	Name() string
	// Shares is how many shares a device seals to each party for one person: two
	// eyes, left first, or one face.
	Shares() int
	// Words is how many 16-bit words a person has at a party: 38,400 for irises of
	// 200 columns, 256 for faces. Two bytes each, little-endian, in a file.
	Words() int
	// Parse reads the shares that a device sealed to a party, as it encoded them,
	// and gives the person's words. It accepts nothing but shares of this modality
	// for this party; whether they are of a person is for Check.
	Parse(party int, shares ...[]byte) ([]uint16, error)

	people(party int) (people, error)
}

// people is one party's shares of everybody.
type people interface {
	len() int
	// place puts words, or nil for somebody who is gone, at the end. Words stay
	// where they are unless they are copied.
	place(words []uint16) error
	drop(place int)
	// refreshed puts into words those of a place with a sharing of zero added.
	refreshed(place int, zero io.Reader, words []uint16) error
	// snapshot is the people as they are now, for a computation during which
	// others come.
	snapshot() people
	check(ctx context.Context, s *Session, number uint64, plan [32]byte, places []int) ([]bool, error)
	// compare fills in what the places are compared by. wipe forgets it.
	compare(places []int, job *Job) (wipe func(), err error)
}

// Irises are codes of one shape under a rule in 16 bits.
func Irises(shape dot.Shape, rule dot.Rule) (Modality, error) {
	if err := shape.Check(); err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	if shape.Exact {
		return nil, fmt.Errorf("%w: a rule of 16 bits for masks of 32", ErrShape)
	}
	if err := rule.Check(shape.Columns); err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	name := fmt.Sprintf("iris-%d %d:%d,%d,%d:%d,%d,%d", shape.Columns, rule.Rows,
		rule.Both.Alpha, rule.Both.Beta, rule.Both.K, rule.One.Alpha, rule.One.Beta, rule.One.K)
	return irises{shape: shape, name: name, rows: rule.Rows, rule: rule}, nil
}

// ExactIrises are codes of so many columns under thresholds as iris-mpc computes
// them (dot.Exact): both for two eyes, one for a single eye, at most iris.T1. It
// takes a third more memory and about twice the traffic of Irises.
func ExactIrises(columns int, both, one iris.Threshold) (Modality, error) {
	m := irises{shape: dot.Shape{Columns: columns, Exact: true}, rows: dot.AllRows, name: fmt.Sprintf("iris-%d exact:%d,%d", columns, both, one)}
	if err := m.shape.Check(); err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	if one > iris.T1 || both > iris.T1+1000 {
		return nil, fmt.Errorf("mpc: %w: looser than the person rule", dot.ErrRange)
	}
	for _, f := range []struct {
		form *dot.Exact
		t    iris.Threshold
	}{{&m.both, both}, {&m.one, one}} {
		var err error
		if *f.form, err = dot.NewExact(f.t); err == nil {
			err = f.form.Check(m.shape.Bits())
		}
		if err != nil {
			return nil, fmt.Errorf("mpc: %w", err)
		}
	}
	return m, nil
}

type irises struct {
	shape     dot.Shape
	name      string
	rows      dot.RowSet
	rule      dot.Rule
	both, one dot.Exact
}

func (m irises) Name() string { return m.name }
func (m irises) Shares() int  { return 2 }
func (m irises) Words() int   { return 2 * m.shape.Words() }

func (m irises) Parse(party int, shares ...[]byte) ([]uint16, error) {
	if len(shares) != 2 {
		return nil, fmt.Errorf("%w: %d shares of two eyes", ErrShape, len(shares))
	}
	out := make([]uint16, 0, m.Words())
	for _, b := range shares {
		s, err := dot.ParseShare(b)
		if err != nil {
			return nil, fmt.Errorf("mpc: %w", err)
		}
		if s.Shape() != m.shape || s.Party() != party {
			return nil, fmt.Errorf("%w: a share of another shape or party", ErrShape)
		}
		out = append(out, s.Words()...)
		s.Wipe()
	}
	return out, nil
}

func (m irises) people(party int) (people, error) {
	all, err := dot.NewPeople(m.shape, party)
	return irisPeople{m, all}, err
}

type irisPeople struct {
	irises
	all *dot.People
}

func (p irisPeople) len() int { return p.all.Len() }

func (p irisPeople) place(words []uint16) error {
	_, err := p.all.Place(words)
	return err
}

func (p irisPeople) drop(place int) { p.all.Drop(place) }

func (p irisPeople) refreshed(place int, zero io.Reader, words []uint16) error {
	person, n := p.all.Person(place), p.shape.Words()
	for eye, old := range []dot.Share{person.Left, person.Right} {
		fresh, err := p.shape.ShareOf(old.Party(), words[eye*n:][:n])
		if err != nil {
			return fmt.Errorf("mpc: %w", err)
		}
		copy(fresh.Words(), old.Words())
		if err := fresh.Refresh(zero); err != nil {
			return fmt.Errorf("mpc: %w", err)
		}
	}
	return nil
}

func (p irisPeople) snapshot() people { return irisPeople{p.irises, p.all.Snapshot()} }

func (p irisPeople) check(ctx context.Context, s *Session, number uint64, plan [32]byte, places []int) ([]bool, error) {
	people := make([]dot.Person, len(places))
	for i, place := range places {
		people[i] = p.all.Person(place)
	}
	return s.CheckInputs(ctx, number, plan, people)
}

func (p irisPeople) compare(places []int, job *Job) (wipe func(), err error) {
	queries := make([]*dot.PersonQuery, 0, len(places))
	wipe = func() {
		for _, q := range queries {
			q.Wipe()
		}
	}
	for _, place := range places {
		q, err := dot.NewPersonQuery(p.all.Person(place), p.rows)
		if err != nil {
			wipe()
			return nil, fmt.Errorf("mpc: %w", err)
		}
		queries = append(queries, q)
	}
	if p.shape.Exact {
		job.Exact = func(first, last int, out []dot.ExactForms) error {
			return parts(first, last, func(from, to int) error {
				mine := make([]dot.ExactForms, len(out))
				a, b := (from-first)*dot.Comparisons, (to-first)*dot.Comparisons
				for q, f := range out {
					mine[q] = dot.ExactForms{Both: f.Both[a:b], One: f.One[a:b]}
				}
				return p.all.ExactForms(p.both, p.one, p.rows, queries, from, to, mine)
			})
		}
	} else {
		job.Forms = func(first, last int, out []dot.Forms) error {
			return parts(first, last, func(from, to int) error {
				mine := make([]dot.Forms, len(out))
				a, b := (from-first)*dot.Comparisons, (to-first)*dot.Comparisons
				for q, f := range out {
					mine[q] = dot.Forms{Both: f.Both[a:b], One: f.One[a:b]}
				}
				return p.all.Forms(p.rule, queries, from, to, mine)
			})
		}
	}
	return wipe, nil
}

// part is how many people are worth a core of their own.
const part = 128

// parts computes people first to last-1 on all cores that the process may use.
func parts(first, last int, compute func(from, to int) error) error {
	n := max(1, min(runtime.GOMAXPROCS(0), (last-first)/part))
	errs := make([]error, n)
	var group sync.WaitGroup
	for k := range n {
		from, to := first+(last-first)*k/n, first+(last-first)*(k+1)/n
		group.Go(func() { errs[k] = compute(from, to) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Faces are face vectors, compared as face.Vector.Same does, to the unit: in
// words of 32 bits.
func Faces() Modality { return faces{} }

type faces struct{}

func (faces) Name() string { return fmt.Sprintf("face-%d %g", face.Dimensions, face.Threshold) }
func (faces) Shares() int  { return 1 }
func (faces) Words() int   { return 2 * face.Dimensions }

func (m faces) Parse(party int, shares ...[]byte) ([]uint16, error) {
	if len(shares) != 1 {
		return nil, fmt.Errorf("%w: %d shares of one face", ErrShape, len(shares))
	}
	s, err := dot.ParseFaceShare[uint32](shares[0])
	if err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	if s.Party() != party {
		return nil, fmt.Errorf("%w: a share of another party", ErrShape)
	}
	return narrowWords(s.Words()), nil
}

// narrowWords gives the low half of each word, then its high half.
func narrowWords(wide []uint32) []uint16 {
	out := make([]uint16, 0, 2*len(wide))
	for _, w := range wide {
		out = append(out, uint16(w), uint16(w>>16)) // #nosec G115 -- halves
	}
	return out
}

func wideWords(words []uint16) []uint32 {
	out := make([]uint32, len(words)/2)
	for i := range out {
		out[i] = uint32(words[2*i]) | uint32(words[2*i+1])<<16
	}
	return out
}

func (m faces) people(party int) (people, error) {
	all, err := dot.NewFaceGallery[uint32](party)
	return facePeople{m, party, all}, err
}

type facePeople struct {
	faces
	party int
	all   *dot.FaceGallery[uint32]
}

func (p facePeople) len() int { return p.all.Len() }

func (p facePeople) place(words []uint16) error {
	gone := words == nil
	if gone {
		words = make([]uint16, p.Words())
	}
	s, err := dot.FaceShareOf(p.party, wideWords(words))
	if err != nil {
		return fmt.Errorf("mpc: %w", err)
	}
	at, err := p.all.Append(s)
	if err != nil {
		return fmt.Errorf("mpc: %w", err)
	}
	if gone {
		p.all.Remove(at)
	}
	return nil
}

func (p facePeople) drop(place int) { p.all.Remove(place) }

func (p facePeople) refreshed(place int, zero io.Reader, words []uint16) error {
	s := p.all.Share(place)
	if err := s.Refresh(zero); err != nil {
		return fmt.Errorf("mpc: %w", err)
	}
	copy(words, narrowWords(s.Words()))
	return nil
}

func (p facePeople) snapshot() people { return facePeople{p.faces, p.party, p.all.Snapshot()} }

func (p facePeople) check(ctx context.Context, s *Session, number uint64, plan [32]byte, places []int) ([]bool, error) {
	list := make([]dot.FaceShare[uint32], len(places))
	for i, place := range places {
		list[i] = p.all.Share(place)
	}
	return s.CheckFaces(ctx, number, plan, list)
}

func (p facePeople) compare(places []int, job *Job) (wipe func(), err error) {
	queries := make([]dot.FaceShare[uint32], len(places))
	for i, place := range places {
		queries[i] = p.all.Share(place)
	}
	job.Faces = func(first, last int, out [][]uint32) error {
		for i, q := range queries {
			if err := p.all.Compare(q, first, last, out[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return func() { clear(queries) }, nil
}
