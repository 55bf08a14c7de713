package match_test

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func serial(n int) match.Serial { return match.Serial{0: byte(n >> 8), 1: byte(n), 15: 1} }

func irisOf(crowd *synth.Population, n, k int) match.Template {
	return match.FromIris(crowd.Person(uint64(n)).Sample(uint64(k)))
}

func faceOf(crowd *synth.Population, n, k int) match.Template {
	return match.FromFace(crowd.Person(uint64(n)).SampleFace(uint64(k)))
}

func mustMatch(t *testing.T, m *match.Matcher, q match.Template, want match.Serial, except ...match.Serial) {
	t.Helper()
	hit, got, err := m.Match(q, except...)
	if err != nil || !hit || got != want {
		t.Fatalf("match %v %v, %v; want %v", hit, got, err, want)
	}
}

func mustMiss(t *testing.T, m *match.Matcher, q match.Template, except ...match.Serial) {
	t.Helper()
	if hit, got, err := m.Match(q, except...); err != nil || hit || got != (match.Serial{}) {
		t.Fatalf("match %v %v, %v; want none", hit, got, err)
	}
}

func TestMatchIrises(t *testing.T) {
	crowd, m := synth.New(31), match.New()
	const n = 40
	for i := range n {
		mustMiss(t, m, irisOf(crowd, i, 0))
		if err := m.Add(serial(i), irisOf(crowd, i, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		mustMatch(t, m, irisOf(crowd, i, 1), serial(i))
		// A match is never against one's own serial: a retry of an enrolment.
		mustMiss(t, m, irisOf(crowd, i, 1), serial(i))
	}
	mustMiss(t, m, irisOf(crowd, n, 0))
	again := crowd.Person(3).Sample(1)
	mustMatch(t, m, match.FromIris(again.Mirror()), serial(3))
	// Trading eyes gives nobody a new identity.
	mustMatch(t, m, match.FromIris(iris.Pair{Left: again.Left, Right: crowd.Person(n + 1).Sample(0).Right}), serial(3))
	mustMatch(t, m, match.FromIris(iris.Pair{Left: crowd.Person(n + 1).Sample(0).Left, Right: again.Right}), serial(3))

	if !m.Remove(serial(3)) || m.Remove(serial(3)) || m.Len() != n-1 {
		t.Fatal("remove")
	}
	mustMiss(t, m, irisOf(crowd, 3, 1))
	mustMatch(t, m, irisOf(crowd, 4, 1), serial(4))
}

func TestMatchFaces(t *testing.T) {
	// The people of this seed happen not to collide; in a larger crowd some do
	// (package synth).
	crowd, m := synth.New(32), match.New()
	for i := range 20 {
		if hit, _, err := m.MatchOrAdd(serial(i), faceOf(crowd, i, 0)); hit || err != nil {
			t.Fatalf("person %d: %v, %v", i, hit, err)
		}
	}
	for i := range 20 {
		mustMatch(t, m, faceOf(crowd, i, 1), serial(i))
	}
	if !m.Remove(serial(7)) {
		t.Fatal("remove")
	}
	mustMiss(t, m, faceOf(crowd, 7, 1))
}

// A face and an iris of one person cannot be compared: both get in.
func TestModalitiesAreApart(t *testing.T) {
	crowd, m := synth.New(33), match.New()
	if err := m.Add(serial(1), irisOf(crowd, 1, 0)); err != nil {
		t.Fatal(err)
	}
	mustMiss(t, m, faceOf(crowd, 1, 0))
	if err := m.Add(serial(1), faceOf(crowd, 1, 0)); !errors.Is(err, match.ErrSerial) {
		t.Fatalf("a serial twice: %v", err)
	}
	if err := m.Add(serial(2), faceOf(crowd, 1, 0)); err != nil || m.Len() != 2 {
		t.Fatal(err)
	}
}

// The answer depends on the set, not on its history.
func TestDeterministic(t *testing.T) {
	crowd := synth.New(34)
	q := irisOf(crowd, 1, 9)
	var want match.Serial
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		m := match.New()
		for _, k := range order { // four captures of one person under four serials
			if err := m.Add(serial(k), irisOf(crowd, 1, k)); err != nil {
				t.Fatal(err)
			}
		}
		_, got, err := m.Match(q)
		if err != nil || want != (match.Serial{}) && got != want {
			t.Fatalf("order %v: %v, %v", order, got, err)
		}
		want = got
	}
	// Equally near ones: the lowest serial.
	for _, order := range [][]int{{5, 9}, {9, 5}} {
		m := match.New()
		for _, k := range order {
			if err := m.Add(serial(k), faceOf(crowd, 1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		mustMatch(t, m, faceOf(crowd, 1, 1), serial(5))
	}
}

// Templates that would look unique to everybody, or are none.
func TestHostileTemplates(t *testing.T) {
	crowd := synth.New(35)
	good := crowd.Person(1).Sample(0)
	masked := func(fill byte, n int) iris.Template {
		mask := make([]byte, 1600)
		for i := range n {
			mask[i] = fill
		}
		e, err := iris.FromFlat(200, make([]byte, 1600), mask)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	wide, err := synth.NewColumns(1, 256)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		t    match.Template
		want error
	}{
		"zero value":       {match.Template{}, match.ErrFormat},
		"no eyes":          {match.FromIris(iris.Pair{}), match.ErrQuality},
		"all-zero masks":   {match.FromIris(iris.Pair{Left: masked(0, 0), Right: masked(0, 0)}), match.ErrQuality},
		"one zero mask":    {match.FromIris(iris.Pair{Left: good.Left, Right: masked(0, 0)}), match.ErrQuality},
		"half a mask":      {match.FromIris(iris.Pair{Left: masked(0xff, 800), Right: good.Right}), match.ErrQuality},
		"one bit too few":  {match.FromIris(iris.Pair{Left: masked(0xff, 1024), Right: good.Right}), match.ErrQuality},
		"another shape":    {match.FromIris(wide.Person(1).Sample(0)), match.ErrQuality},
		"mixed shapes":     {match.FromIris(iris.Pair{Left: good.Left, Right: wide.Person(1).Sample(0).Right}), match.ErrQuality},
		"zero vector":      {match.FromFace(face.Vector{}), match.ErrQuality},
		"too long to face": {match.FromFace(func() (v face.Vector) { v[0], v[1] = 127, 127; return v }()), nil},
	} {
		m := match.New()
		_, _, err1 := m.Match(c.t)
		_, _, err2 := m.MatchOrAdd(serial(1), c.t)
		err3 := m.Add(serial(2), c.t)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if c.want != nil && m.Len() != 0 {
			t.Errorf("%s: enrolled", name)
		}
	}
}

// T12: captures of one person at the same time; exactly one gets in. The
// control asks first and adds later, and lets several in.
func TestT12MatchOrAddRace(t *testing.T) {
	crowd := synth.New(36)
	p := crowd.Person(1)
	const n = 6
	var captures []match.Template
	for k := range n {
		captures = append(captures, match.FromIris(p.Sample(uint64(k))))
	}
	run := func(enrol func(m *match.Matcher, k int) bool) int64 {
		m := match.New()
		for i := range 8 {
			if err := m.Add(serial(1000+i), irisOf(crowd, 100+i, 0)); err != nil {
				t.Fatal(err)
			}
		}
		var in atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for k := range n {
			wg.Go(func() {
				<-start
				if enrol(m, k) {
					in.Add(1)
				}
			})
		}
		// Somebody leaves meanwhile: comparisons in flight start over.
		wg.Go(func() { <-start; m.Remove(serial(1003)) })
		close(start)
		wg.Wait()
		if int64(m.Len()) != 7+in.Load() {
			t.Errorf("%d entries, %d got in", m.Len(), in.Load())
		}
		return in.Load()
	}
	for range 4 {
		if got := run(func(m *match.Matcher, k int) bool {
			hit, _, err := m.MatchOrAdd(serial(k), captures[k])
			if err != nil {
				t.Error(err)
			}
			return !hit
		}); got != 1 {
			t.Fatalf("%d captures of one person got in", got)
		}
	}
	// The control makes its gap wide: everybody asks before anybody adds.
	var asked sync.WaitGroup
	asked.Add(n)
	if got := run(func(m *match.Matcher, k int) bool {
		hit, _, _ := m.Match(captures[k])
		asked.Done()
		asked.Wait()
		return !hit && m.Add(serial(k), captures[k]) == nil
	}); got < 2 {
		t.Fatalf("the broken control let %d in: this test sees nothing", got)
	}
}

func TestMatchOrAddRetry(t *testing.T) {
	crowd, m := synth.New(37), match.New()
	for range 3 {
		if hit, _, err := m.MatchOrAdd(serial(1), irisOf(crowd, 1, 0)); hit || err != nil || m.Len() != 1 {
			t.Fatalf("retry: %v, %v, %d entries", hit, err, m.Len())
		}
	}
	if hit, other, err := m.MatchOrAdd(serial(2), irisOf(crowd, 1, 1)); !hit || other != serial(1) || err != nil || m.Len() != 1 {
		t.Fatalf("the same person again: %v %v, %v", hit, other, err)
	}
}

// The crowd of the demonstration: nobody collides, and everybody is found again.
func TestCrowd(t *testing.T) {
	n := 60
	if os.Getenv("PERHUMAN_LONG") == "1" {
		n = 600
	}
	crowd, m := synth.New(1), match.New()
	for i := range n {
		if hit, other, err := m.MatchOrAdd(serial(i), irisOf(crowd, i, 0)); hit || err != nil {
			t.Fatalf("person %d collides with %v, %v", i, other, err)
		}
	}
	for i := 0; i < n; i += 7 {
		mustMatch(t, m, irisOf(crowd, i, 5), serial(i))
	}
}

// One query against the crowd of the demonstration.
func BenchmarkMatch300Irises(b *testing.B) {
	crowd, m := synth.New(1), match.New()
	for i := range 300 {
		if err := m.Add(serial(i), irisOf(crowd, i, 0)); err != nil {
			b.Fatal(err)
		}
	}
	q := irisOf(crowd, 300, 0)
	for b.Loop() {
		if hit, _, err := m.Match(q); hit || err != nil {
			b.Fatal(err)
		}
	}
}
