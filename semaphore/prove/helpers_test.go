package prove

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// workers are helpers in this process: each section is a Section, and scalars
// and answers go by as bytes.
type workers struct {
	number int
	fail   func(section int) ([]byte, error) // instead of an answer, if not nil
	full   bool                              // Load fails

	mu       sync.Mutex
	sections map[int]*Section
	points   map[int]int // of each helper
	asked    int
}

func (w *workers) Number() int { return w.number }

func (w *workers) Load(helper, section int, p Points) error {
	if w.full {
		return errors.New("no memory")
	}
	s, err := NewSection(p)
	w.sections[section] = s
	w.points[helper] += len(p.Data)
	return err
}

func (w *workers) Start(section int, scalars []byte) func(context.Context) ([]byte, error) {
	own := bytes.Clone(scalars)
	w.mu.Lock()
	w.asked++
	w.mu.Unlock()
	return func(ctx context.Context) ([]byte, error) {
		if w.fail != nil {
			return w.fail(section)
		}
		return w.sections[section].Sum(ctx, own)
	}
}

func newWorkers(n int) *workers {
	return &workers{number: n, sections: map[int]*Section{}, points: map[int]int{}}
}

func TestHelpers(t *testing.T) {
	st := member(t, "helped", 3, 9)
	off := appendLimbs(nil, [4]uint64{1}, [4]uint64{2}, [4]uint64{3})
	for name, c := range map[string]struct {
		n    int
		fail func(int) ([]byte, error)
	}{
		"one": {1, nil}, "two": {2, nil}, "three": {3, nil}, "none": {0, nil},
		"failing":            {2, func(int) ([]byte, error) { return nil, errors.New("gone") }},
		"one section failed": {3, nil},
		"no point":           {1, func(int) ([]byte, error) { return off, nil }},
		"nothing":            {1, func(int) ([]byte, error) { return nil, nil }},
	} {
		w := newWorkers(c.n)
		w.fail = c.fail
		if name == "one section failed" {
			w.fail = func(section int) ([]byte, error) {
				if section == 1 {
					return nil, errors.New("gone")
				}
				return make([]byte, 0), nil // and the others say nothing
			}
		}
		var done []int
		total := 0
		p := load(t, 20, WithHelpers(w), WithProgress(func(_ string, d, n int) { done, total = append(done, d), n }))
		proof, err := st.prove(p)
		if err == nil {
			err = gnarkVerify(t, proof)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if w.asked != len(w.sections) || c.n > 0 && w.asked < c.n {
			t.Errorf("%s: %d sections, %d asked", name, len(w.sections), w.asked)
		}
		if !slices.IsSorted(done) || done[len(done)-1] != total {
			t.Errorf("%s: progress %v of %d", name, done, total)
		}
	}
}

func TestHelpersOutOfMemory(t *testing.T) {
	w := newWorkers(1)
	w.full = true
	key := artifact(t, 20, "zkey")
	if _, err := New(bytes.NewReader(key), WithHelpers(w)); err == nil || errors.Is(err, ErrKey) {
		t.Errorf("%v", err)
	}
}

func TestHelpersCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w := newWorkers(1)
	w.fail = func(int) ([]byte, error) {
		cancel()
		return nil, ctx.Err()
	}
	st := member(t, "helped", 3, 9)
	if _, err := load(t, 20, WithHelpers(w)).Prove(ctx, st.id, st.path, st.message, st.scope); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestShare: every point once, in order; no worker has much more to do than
// its share.
func TestShare(t *testing.T) {
	lists, costs := []int{4180, 6193, 10630, 8192}, []float64{costG2, 1, 1, 1}
	for n := 1; n <= 8; n++ {
		const beside = 2900
		load := make([]float64, n)
		total := float64(beside)
		load[n-1] = beside
		last := 0
		for i, spans := range share(lists, costs, n, beside) {
			at := 0
			for _, s := range spans {
				if s.from != at || s.to <= s.from || s.worker < last {
					t.Errorf("%d workers: list %d: %v", n, i, spans)
				}
				at, last = s.to, s.worker
				load[s.worker] += float64(s.to-s.from) * costs[i]
				total += float64(s.to-s.from) * costs[i]
			}
			if at != lists[i] {
				t.Errorf("%d workers: list %d ends at %d of %d", n, i, at, lists[i])
			}
		}
		if m := slices.Max(load); m > 1.15*total/float64(n) {
			t.Errorf("%d workers: one has %.0f of %.0f", n, m, total)
		}
	}
}

func TestSectionRefusals(t *testing.T) {
	for _, n := range []int{0, 1, 63, 65, maxKey + 64} {
		if _, err := NewSection(Points{Data: make([]byte, n)}); !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	s, err := NewSection(Points{G2: true, Data: make([]byte, 256)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sum(context.Background(), make([]byte, 63)); err == nil {
		t.Error("half a scalar was taken")
	}
}
