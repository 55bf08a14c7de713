package storetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// model says what a store must answer, in the plainest way: it keeps the acts
// that were written in a list and looks through all of it.
type model struct{ written []verifier.Act }

func (m *model) spend(a verifier.Act) verifier.Outcome {
	var out verifier.Outcome
	nonce, key := false, false
	for _, b := range m.written {
		if b.Environment != a.Environment {
			continue
		}
		if a.Repeats(b) {
			out.Replayed, out.Record = true, b.Record
		}
		nonce = nonce || b.Nonce == a.Nonce
		key = key || a.Key != "" && b.Key == a.Key && b.Credential == a.Credential
	}
	if !out.Replayed && key {
		return verifier.Outcome{Result: verifier.KeyConflict}
	}
	if !out.Replayed && nonce {
		return verifier.Outcome{Result: verifier.NonceUsed}
	}
	if !out.Replayed {
		m.written = append(m.written, a)
	}
	for _, b := range m.written { // the first to write this nullifier in this scope owns it
		if b.Environment != a.Environment || b.Nullifier != a.Nullifier || b.Scope != a.Scope {
			continue
		}
		out.Result, out.FirstSeen = verifier.Accepted, b.Now
		if b.Nonce != a.Nonce {
			if out.Returned = a.Returning; !a.Returning {
				out.Result, out.SameMessage = verifier.NullifierUsed, b.Message == a.Message
			}
		}
		break
	}
	return out
}

func equalsModel(t *testing.T, s Store) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		store, m := open(t, s), &model{}
		r := rand.New(rand.NewPCG(seed, 10)) // #nosec G404 -- repeatable chance for a test
		for step := range 150 {
			// Few values, so that everything collides with everything.
			pick := func(n int) uint64 { return uint64(r.IntN(n)) }
			a := verifier.Act{
				Environment: []string{"live", "test"}[pick(2)],
				Nonce:       NewAct(1, pick(12)).Nonce, Scope: NewAct(1, pick(2)).Scope,
				Nullifier: NewAct(1, pick(6)).Nullifier, Message: NewAct(1, pick(3)).Message,
				Credential: []string{"a", "b"}[pick(2)], Key: []string{"", "", "k1", "k2", "k3"}[pick(5)],
				Returning: seed%2 == 1, Now: epoch.Add(time.Duration(step) * time.Second),
				Expires: epoch.Add(time.Hour), Record: []byte{byte(step)},
			}
			if n := len(m.written); n > 0 && pick(3) == 0 { // often enough the very same again
				again := m.written[pick(n)]
				again.Now, again.Record = a.Now, a.Record
				a = again
			}
			want := m.spend(a)
			if got := expect(t, store, a, want.Result); !same(got, want) {
				t.Fatalf("seed %d step %d: %+v, want %+v", seed, step, got, want)
			}
		}
	}
}
