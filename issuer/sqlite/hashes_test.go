package sqlite

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
)

// Hashes read as a range are those read one by one, and what is missing is
// missed either way.
func TestHashesByRange(t *testing.T) {
	r := newRig(t)
	reqs := make([]api.EnrolmentRequest, 60)
	for n := range reqs {
		reqs[n] = r.Start(t, r.i, r.person())
	}
	if _, err := r.i.EnrolMany(t.Context(), reqs); err != nil {
		t.Fatal(err)
	}
	state, err := r.store.Load(t.Context(), 0, true)
	if err != nil {
		t.Fatal(err)
	}
	ranges := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- repeatable chance for tests
		var indexes []int64
		from := rng.Int64N(state.Hashes - 40)
		for n := from; n < from+40; n++ {
			if rng.IntN(3) > 0 {
				indexes = append(indexes, n)
			}
		}
		if !dense(indexes) {
			continue
		}
		ranges++
		got, err := r.store.Hashes(t.Context(), indexes)
		if err != nil {
			t.Fatal(err)
		}
		for n, index := range indexes {
			one, err := r.store.Hashes(t.Context(), []int64{index})
			if err != nil || one[0] != got[n] {
				t.Fatalf("hash %d: %v", index, err)
			}
		}
		last := append(slices.Clone(indexes), state.Hashes)
		if dense(last) {
			if _, err := r.store.Hashes(t.Context(), last); !errors.Is(err, issuer.ErrNotFound) {
				t.Errorf("a hash beyond the end: %v", err)
			}
		}
	}
	if ranges < 100 {
		t.Errorf("%d ranges", ranges)
	}
	if _, err := r.store.w.Exec(`DELETE FROM hashes WHERE n = 20`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Hashes(t.Context(), []int64{10, 11, 12, 13, 14, 15, 18, 20, 21, 23}); !errors.Is(err, issuer.ErrCorrupt) {
		t.Errorf("a hash that is gone: %v", err)
	}
}
