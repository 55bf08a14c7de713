package match_test

import (
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// enrolled gives a matcher that knows the first n people of a crowd.
func enrolled(t *testing.T, crowd *synth.Population, n int) *match.Matcher {
	t.Helper()
	m := match.New()
	for i := range n {
		if err := m.Add(serial(i), irisOf(crowd, i, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// n people, enrolled or about to be, do not become n^2 by pairing left and
// right eyes: of all pairings at most n get in, whatever the order.
func TestAttackEyeCombining(t *testing.T) {
	const n = 6
	crowd := synth.New(51)
	eyes := func(i, k int) iris.Pair { return crowd.Person(uint64(i)).Sample(uint64(k)) }
	attack := func(m *match.Matcher) (in int) {
		for i := range n {
			for j := range n {
				if i == j {
					continue
				}
				hit, _, err := m.MatchOrAdd(serial(100+n*i+j), match.FromIris(iris.Pair{Left: eyes(i, 1+j).Left, Right: eyes(j, 1+i).Right}))
				if err != nil {
					t.Fatal(err)
				}
				if !hit {
					in++
				}
			}
		}
		return in
	}
	if in := attack(enrolled(t, crowd, n)); in != 0 {
		t.Errorf("%d of %d pairings of enrolled people got in", in, n*(n-1))
	}
	if in := attack(match.New()); in > n {
		t.Errorf("%d people made %d identities", n, in)
	}
	// The control: under a rule that wants both eyes, all of them would.
	both := 0
	for i := range n {
		q := iris.NewPairQuery(iris.Pair{Left: eyes(i, 1).Left, Right: eyes((i+1)%n, 1).Right})
		for j := range n {
			if up, _ := q.Scores(eyes(j, 0)); up.Left.Below(iris.T) && up.Right.Below(iris.T) {
				both++
			}
		}
	}
	if both != 0 {
		t.Errorf("the control finds %d: this test sees nothing", both)
	}
}

// One person with an endless supply of other eyes stays one.
func TestAttackOneChangedEye(t *testing.T) {
	crowd := synth.New(52)
	m := enrolled(t, crowd, 5)
	for k := range 12 {
		own, other := crowd.Person(3).Sample(uint64(1+k)), crowd.Person(uint64(1000+k)).Sample(0)
		for name, p := range map[string]iris.Pair{
			"right": {Left: own.Left, Right: other.Right},
			"left":  {Left: other.Left, Right: own.Right},
		} {
			for _, q := range []iris.Pair{p, p.Mirror()} {
				if hit, got, err := m.Match(match.FromIris(q)); err != nil || !hit || got != serial(3) {
					t.Errorf("changed %s eye, try %d: %v %v, %v", name, k, hit, got, err)
				}
			}
		}
	}
}

// masked keeps the bits of an eye whose column keep accepts.
func masked(t *testing.T, e iris.Template, keep func(col int) bool) iris.Template {
	t.Helper()
	code, mask := e.Flat()
	for row := range iris.Rows {
		for col := range e.Columns() {
			if at := row*e.Columns() + col; !keep(col) {
				mask[at/2] &^= 0xf0 >> (at & 1 * 4)
			}
		}
	}
	out, err := iris.FromFlat(e.Columns(), code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// open gives an eye with every bit usable.
func open(t *testing.T, e iris.Template) iris.Template {
	t.Helper()
	code, mask := e.Flat()
	for i := range mask {
		mask[i] = 0xff
	}
	out, err := iris.FromFlat(e.Columns(), code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Two captures of one person whose masks share nothing are never compared, and
// so would both get in: both are refused. At the quality gate masks must share
// 28 % of the code, and that finds the person.
func TestAttackComplementaryMasks(t *testing.T) {
	crowd := synth.New(53)
	a, b := crowd.Person(1).Sample(0), crowd.Person(1).Sample(1)
	shown := func(p iris.Pair, from, to int) iris.Pair {
		in := func(col int) bool { return col >= from && col < to }
		return iris.Pair{Left: masked(t, open(t, p.Left), in), Right: masked(t, open(t, p.Right), in)}
	}
	// Rotation must not bring the halves together: 15 columns stay dark.
	first, second := shown(a, 0, 85), shown(b, 100, 185)
	if d, _ := iris.NewQuery(second.Left).Min(first.Left); d.Bits != 0 || first.Left.MaskBits() < 4096 {
		t.Fatalf("the attack is none: %v", d)
	}
	m := match.New()
	for _, p := range []iris.Pair{first, second} {
		if hit, _, err := m.MatchOrAdd(serial(1), match.FromIris(p)); !errors.Is(err, match.ErrQuality) || hit || m.Len() != 0 {
			t.Errorf("half an iris: %v, %v", hit, err)
		}
	}
	// 129 columns are 8,256 bits, just above the gate.
	mustMiss(t, m, match.FromIris(shown(a, 0, 129)))
	if err := m.Add(serial(1), match.FromIris(shown(a, 0, 129))); err != nil {
		t.Fatal(err)
	}
	mustMatch(t, m, match.FromIris(shown(b, 71, 200)), serial(1))
}

// An empty mask matches nobody: in one eye it would turn the person rule into
// the other eye's alone, in both it is unique to everybody.
func TestAttackZeroMask(t *testing.T) {
	crowd := synth.New(54)
	m := enrolled(t, crowd, 3)
	own := crowd.Person(1).Sample(1)
	none := masked(t, own.Left, func(int) bool { return false })
	for name, p := range map[string]iris.Pair{"both": {Left: none, Right: none}, "left": {Left: none, Right: own.Right}, "right": {Left: own.Left, Right: none}} {
		for range 2 {
			if hit, _, err := m.MatchOrAdd(serial(9), match.FromIris(p)); !errors.Is(err, match.ErrQuality) || hit || m.Len() != 3 {
				t.Errorf("%s: %v, %v", name, hit, err)
			}
		}
	}
	// Should one come from a gallery after all, nobody is like it.
	if iris.NewPairQuery(iris.Pair{Left: none, Right: none}).Match(crowd.Person(1).Sample(0)) {
		t.Error("nothing compared is a match")
	}
}

// A picture seen in a mirror, which shows the other eye, is the same person,
// with one eye changed too; a stranger's is not.
func TestAttackMirroredAndEyeSwapped(t *testing.T) {
	crowd := synth.New(55)
	m := enrolled(t, crowd, 8)
	for i := range 8 {
		own, other := crowd.Person(uint64(i)).Sample(2), crowd.Person(uint64(500+i)).Sample(0)
		mustMatch(t, m, match.FromIris(own.Mirror()), serial(i))
		mirrored := own.Mirror()
		mustMatch(t, m, match.FromIris(iris.Pair{Left: mirrored.Left, Right: other.Right}), serial(i))
		mustMatch(t, m, match.FromIris(iris.Pair{Left: other.Left, Right: mirrored.Right}), serial(i))
		mustMiss(t, m, match.FromIris(other.Mirror()))
	}
}
