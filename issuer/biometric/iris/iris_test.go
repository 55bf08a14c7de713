package iris_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// The ring form: v = mask - 2*(code AND mask), HD = (1 - code/mask)/2, and HD <
// t exactly when code > (1 - 2t)*mask.
func TestRingForm(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		a, b := random(t, r, 200), random(t, r, 200)
		na, nb := unpack(a), unpack(b)
		code, mask := 0, 0
		v := func(n naive, i int) int {
			switch {
			case !n.mask[i]:
				return 0
			case n.code[i]:
				return -1
			}
			return 1
		}
		for i := range na.code {
			code += v(na, i) * v(nb, i)
			mask += v(na, i) * v(na, i) * v(nb, i) * v(nb, i)
		}
		d := iris.Between(a, b)
		if c, m := d.Dot(); c != code || m != mask {
			t.Fatalf("dot %d, %d, want %d, %d", c, m, code, mask)
		}
		if math.Abs(d.HD()-(1-float64(code)/float64(mask))/2) > 1e-12 {
			t.Fatal("HD")
		}
		for _, limit := range []iris.Threshold{4900, 5000, 5100} {
			if d.Below(limit) != (10000*code > (10000-2*int(limit))*mask) {
				t.Fatal("threshold")
			}
		}
	}
}

func TestDistance(t *testing.T) {
	none, third, half := iris.Distance{}, iris.Distance{Diff: 3000, Bits: 9000}, iris.Distance{Diff: 10, Bits: 20}
	if none.HD() != 1 || none.Below(10000) || none.Less(half) || !half.Less(none) || none.Less(none) || !third.Less(half) || half.Less(third) {
		t.Error("order")
	}
	at := iris.Distance{Diff: 3450, Bits: 10000}
	if at.Below(iris.T) || !(iris.Distance{Diff: 3449, Bits: 10000}).Below(iris.T) {
		t.Error("a threshold is exclusive")
	}
	// biometrics.md section 1: max(0, .45 - (.45 - HD)*(5e-5*n + .5)).
	for _, c := range []struct {
		d    iris.Distance
		want float64
	}{
		{iris.Distance{Diff: 3000, Bits: 10000}, .3},                           // 10,000 bits change nothing
		{iris.Distance{Diff: 1500, Bits: 5000}, .45 - .15*.75},                 // fewer bits: nearer to .45
		{iris.Distance{Diff: 0, Bits: 12800}, max(0, .45-.45*(5e-5*12800+.5))}, // never negative
	} {
		if got := c.d.Normalised(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("normalised %v, want %v", got, c.want)
		}
	}
	a := random(t, rand.New(rand.NewPCG(1, 1)), 200)
	if d := iris.NewQuery(a).At(a, 16); d.Bits != 0 {
		t.Error("a rotation by 16 is compared")
	}
	if d, _ := iris.NewQuery(a).Min(random(t, rand.New(rand.NewPCG(1, 1)), 256)); d.Bits != 0 {
		t.Error("codes of different shapes are compared")
	}
	if d, _ := iris.NewQuery(iris.Template{}).Min(iris.Template{}); d.Bits != 0 || iris.Between(iris.Template{}, iris.Template{}).Bits != 0 {
		t.Error("zero values are compared")
	}
}

func TestQualityGate(t *testing.T) {
	if iris.MinMask(200) != 8200 || iris.MinMask(256) != 10496 {
		t.Fatalf("gates %d, %d", iris.MinMask(200), iris.MinMask(256))
	}
	masked := func(bits int) iris.Template {
		mask := make([]byte, 1600)
		for i := range bits / 2 {
			mask[i/4] |= 0xc0 >> (i % 4 * 2)
		}
		e, err := iris.FromFlat(200, make([]byte, 1600), mask)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := masked(8200).CheckQuality(); err != nil {
		t.Errorf("8,200 mask bits: %v", err)
	}
	for _, bits := range []int{0, 4096, 8198} {
		if err := masked(bits).CheckQuality(); !errors.Is(err, iris.ErrQuality) {
			t.Errorf("%d mask bits: %v", bits, err)
		}
	}
	good := masked(12800)
	for name, p := range map[string]iris.Pair{
		"left": {Left: masked(0), Right: good}, "right": {Left: good, Right: masked(8000)},
		"zero": {}, "missing": {Left: good}, "shapes": {Left: good, Right: random(t, rand.New(rand.NewPCG(1, 1)), 256)},
	} {
		if p.CheckQuality() == nil {
			t.Errorf("%s passes", name)
		}
	}
	// Why 4,096 would not do: two such masks need not overlap anywhere.
	low, high := masked(6400), masked(12800)
	code, all := high.Flat()
	_, part := low.Flat()
	for i := range all {
		all[i] &^= part[i]
	}
	rest, err := iris.FromFlat(200, code, all)
	if err != nil || iris.Between(low, rest).Bits != 0 || rest.MaskBits() < 4096 {
		t.Errorf("complementary masks: %v", err)
	}
}

func TestFlatRefuses(t *testing.T) {
	ok := make([]byte, 1600)
	uneven := bytes.Clone(ok)
	uneven[700] = 0x40
	for name, c := range map[string]struct {
		cols       int
		code, mask []byte
		want       error
	}{
		"short code":   {200, ok[1:], ok, iris.ErrFormat},
		"short mask":   {200, ok, ok[1:], iris.ErrFormat},
		"uneven mask":  {200, ok, uneven, iris.ErrFormat},
		"no columns":   {0, nil, nil, iris.ErrColumns},
		"odd columns":  {199, make([]byte, 1592), make([]byte, 1592), iris.ErrColumns},
		"many columns": {2048, make([]byte, 16384), make([]byte, 16384), iris.ErrColumns},
	} {
		if _, err := iris.FromFlat(c.cols, c.code, c.mask); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One eye's threshold stands alone, so that two people cannot trade eyes for
// new identities; strangers' eyes do not come near it.
func TestPersonRule(t *testing.T) {
	crowd := synth.New(21)
	alice, bob := crowd.Person(1), crowd.Person(2)
	q := iris.NewPairQuery(alice.Sample(1))
	a, b := alice.Sample(0), bob.Sample(0)
	for name, c := range map[string]struct {
		enrolled iris.Pair
		want     bool
	}{
		"same person":          {a, true},
		"stranger":             {b, false},
		"left eye only":        {iris.Pair{Left: a.Left, Right: b.Right}, true},
		"right eye only":       {iris.Pair{Left: b.Left, Right: a.Right}, true},
		"in a mirror":          {a.Mirror(), true},
		"eyes swapped only":    {iris.Pair{Left: a.Right, Right: a.Left}, false},
		"mirrored, one eye":    {iris.Pair{Left: a.Mirror().Left, Right: b.Right}, true},
		"stranger in a mirror": {b.Mirror(), false},
	} {
		if got := q.Match(c.enrolled); got != c.want {
			up, mirrored := q.Scores(c.enrolled)
			t.Errorf("%s: %v (%.3f %.3f, mirrored %.3f %.3f)", name, got, up.Left.HD(), up.Right.HD(), mirrored.Left.HD(), mirrored.Right.HD())
		}
	}
	d := func(hd int) iris.Distance { return iris.Distance{Diff: hd, Bits: 10000} }
	for _, c := range []struct {
		left, right int
		want        bool
	}{
		{3449, 3449, true}, {3449, 3450, false}, {3450, 3449, false}, {2799, 5000, true}, {5000, 2799, true}, {2800, 5000, false}, {5000, 2800, false},
	} {
		if got := (iris.Score{Left: d(c.left), Right: d(c.right)}).Match(); got != c.want {
			t.Errorf("%d and %d: %v", c.left, c.right, got)
		}
	}
	if s := (iris.Score{Left: d(2), Right: d(1)}); s.Least() != d(1) {
		t.Error("least")
	}
}

func TestWipe(t *testing.T) {
	p := synth.New(1).Person(1).Sample(0)
	p.Wipe()
	if p.Left.MaskBits() != 0 || p.Right.MaskBits() != 0 {
		t.Error("not wiped")
	}
}

func BenchmarkNewQuery(b *testing.B) {
	e := synth.New(1).Person(1).Sample(0).Left
	for b.Loop() {
		iris.NewQuery(e)
	}
}

// 31 rotations of one eye against one entry; biometrics.md section 5: pure Go
// 5.3 to 7.1 us.
func BenchmarkEntry31Rotations(b *testing.B) {
	crowd := synth.New(1)
	q := iris.NewQuery(crowd.Person(0).Sample(0).Left)
	var entries []iris.Template
	for i := range uint64(64) {
		entries = append(entries, crowd.Person(i).Sample(1).Left)
	}
	i := 0
	for b.Loop() {
		q.Min(entries[i%len(entries)])
		i++
	}
}
