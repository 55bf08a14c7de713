package mpc_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// parties is three parties with what a sequencer does to them.
type parties struct {
	t        testing.TB
	all      [3]*mpc.Party
	sessions [3]*mpc.Session
	number   uint64
	seed     byte
	shape    dot.Shape
}

func newParties(t testing.TB, m ...mpc.Modality) *parties {
	t.Helper()
	p := &parties{t: t, shape: shape, sessions: newRoom(t).sessions(t, time.Minute, nil)}
	p.number = p.sessions[0].First()
	for i := range p.all {
		if len(m) == 0 {
			m = append(m, irises(t, shape, dot.Third()))
		}
		var err error
		if p.all[i], err = mpc.NewParty(i, m[i%len(m)], openRoll(t, filepath.Join(t.TempDir(), "roll")), mpc.Epoch{}, mpc.Prefix); err != nil {
			t.Fatal(err)
		}
		if err := p.all[i].Connect(p.sessions[i]); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func irises(t testing.TB, shape dot.Shape, rule dot.Rule) mpc.Modality {
	t.Helper()
	m, err := mpc.Irises(shape, rule)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sealed gives a person's words at a party as they come from a device.
func sealed(t testing.TB, m mpc.Modality, party int, person dot.Person) []uint16 {
	t.Helper()
	left, errL := person.Left.MarshalBinary()
	right, errR := person.Right.MarshalBinary()
	words, err := m.Parse(party, left, right)
	if err := errors.Join(errL, errR, err); err != nil {
		t.Fatal(err)
	}
	return words
}

func (p *parties) begin(s byte, pair iris.Pair) {
	p.t.Helper()
	p.beginAs(mpc.Serial{s}, pair)
}

func (p *parties) beginAs(s mpc.Serial, pair iris.Pair) {
	p.t.Helper()
	p.seed++
	left, right := splitShape(p.t, p.shape, p.seed, pair.Left), splitShape(p.t, p.shape, p.seed+100, pair.Right)
	must(p.t, three(func(i int) error {
		return p.all[i].Begin(s, mpc.Capture(append(s[:], make([]byte, 16)...)), sealed(p.t, p.all[i].Modality(), i, dot.Person{Left: left[i], Right: right[i]}))
	}))
}

func (p *parties) ask(f func(i int, number uint64) ([]bool, error)) []bool {
	p.t.Helper()
	var got [3][]bool
	must(p.t, three(func(i int) (err error) {
		got[i], err = f(i, p.number)
		return err
	}))
	p.number++
	if !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		p.t.Fatal("the parties do not agree")
	}
	return got[0]
}

func (p *parties) check(s ...mpc.Serial) []bool {
	p.t.Helper()
	return p.ask(func(i int, n uint64) ([]bool, error) { return p.all[i].Check(p.t.Context(), n, s...) })
}

func (p *parties) match(s ...mpc.Serial) []bool {
	p.t.Helper()
	return p.ask(func(i int, n uint64) ([]bool, error) { return p.all[i].Match(p.t.Context(), n, s...) })
}

// Enrolments by irises, with what people try: the answers are the plain rule's.
// Two captures of one person in one batch do not both pass, a retry does not meet
// itself, and who was freed is unknown again.
func TestEnrolment(t *testing.T) {
	p, crowd := newParties(t), synth.New(21)
	eyes := func(person, sample uint64) iris.Pair { return crowd.Person(person).Sample(sample) }
	mixed := iris.Pair{Left: eyes(1, 2).Left, Right: eyes(9, 0).Right}
	people := []iris.Pair{
		eyes(0, 0), eyes(1, 0), eyes(2, 0),
		eyes(1, 1),          // 3: the second capture of person 1, in one batch
		eyes(2, 1).Mirror(), // 4: mirrored, eyes swapped
		mixed,               // 5: one eye changed
		eyes(7, 0),          // 6
	}
	var serials []mpc.Serial
	for i, pair := range people {
		p.begin(byte(i), pair)
		serials = append(serials, mpc.Serial{byte(i)})
	}
	if _, err := p.all[0].Match(t.Context(), p.number, serials[0]); !errors.Is(err, mpc.ErrSerial) {
		t.Errorf("compared before its check: %v", err)
	}
	if got := p.check(serials...); slices.Contains(got, false) {
		t.Fatalf("good templates: %v", got)
	}
	want := make([]bool, len(people)) // the same rule in the clear
	for i, pair := range people {
		q := iris.NewPairQuery(pair)
		for _, lower := range people[:i] {
			up, mirrored := q.Scores(lower)
			want[i] = want[i] || dot.Third().Match(up.Left, up.Right) || dot.Third().Match(mirrored.Left, mirrored.Right)
		}
	}
	if !slices.Equal(want, []bool{false, false, false, true, true, true, false}) {
		t.Fatalf("the plain rule says %v", want)
	}
	for range 2 { // the second time a retry
		if got := p.match(serials...); !slices.Equal(got, want) {
			t.Errorf("the parties say %v", got)
		}
		p.begin(1, eyes(1, 0))
	}
	each := func(f func(i int) error) { t.Helper(); must(t, three(f)) }
	for _, s := range serials {
		if want[s[0]] {
			each(func(i int) error { return p.all[i].Free(s) })
		} else {
			each(func(i int) error { return p.all[i].Commit(s) })
		}
	}
	// Person 1 is a member and known, until removed.
	for round, known := range []bool{true, false} {
		s := mpc.Serial{byte(100 + round)}
		p.begin(s[0], eyes(1, 5))
		p.check(s)
		if got := p.match(s); got[0] != known {
			t.Errorf("person 1 comes again, round %d: %v", round, got)
		}
		each(func(i int) error { return errors.Join(p.all[i].Free(s), p.all[i].Free(mpc.Serial{1})) })
	}
	if _, err := p.all[0].Match(t.Context(), p.number, serials[0]); !errors.Is(err, mpc.ErrSerial) {
		t.Errorf("a member as a query: %v", err)
	}
}

// A rogue device's person does not pass the checks, and is not compared.
func TestRogueInputs(t *testing.T) {
	p := newParties(t)
	pair := synth.New(22).Person(1).Sample(0)
	shares := splitPair(t, 1, pair)
	for i, s := range forged(t, 2, pair.Left, func(v []uint16) { clear(v) }) {
		shares[i].Left = s
	}
	s := mpc.Serial{1}
	must(t, three(func(i int) error {
		return p.all[i].Begin(s, mpc.Capture{1}, sealed(t, p.all[i].Modality(), i, shares[i]))
	}))
	if got := p.check(s); got[0] {
		t.Error("an eye that shows nothing passes")
	}
	for i := range p.all {
		if _, err := p.all[i].Match(t.Context(), p.number, s); !errors.Is(err, mpc.ErrSerial) {
			t.Errorf("compared: %v", err)
		}
	}
}

// Parties with different rules or epochs find out before anything else is sent.
func TestDifferentRules(t *testing.T) {
	third := irises(t, shape, dot.Third())
	p := newParties(t, third, third, irises(t, shape, dot.Inner()))
	p.begin(0, synth.New(23).Person(0).Sample(0))
	for i, err := range three(func(i int) error {
		_, err := p.all[i].Check(t.Context(), p.number, mpc.Serial{0})
		return err
	}) {
		if err == nil {
			t.Errorf("party %d has an answer", i)
		}
	}
}
