package setlog_test

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// replayRun is a run with enrolments, removals and a policy document.
func replayRun(t testing.TB) *setlogtest.Issuer {
	rng := rand.New(rand.NewSource(55))
	is := setlogtest.New(t, "issuer.example")
	for i := range 40 {
		if i == 20 {
			is.Seq++
			is.Publish(t0+20, []setlog.Entry{{Op: setlog.OpPolicy, Document: [32]byte{1}}})
			continue
		}
		var labels []string
		for j := range 1 + rng.Intn(9) {
			labels = append(labels, fmt.Sprint(i, ".", j))
		}
		var removed []int
		if i%4 == 3 {
			for _, p := range rng.Perm(is.Group.Size())[:2] {
				if !is.Group.Member(p).IsZero() {
					removed = append(removed, p)
				}
			}
		}
		is.Anchor(uint64(t0+i), labels, removed...)
	}
	return is
}

// TestT55Replay rebuilds the set from its log alone: the root is the logged one
// at every sequence number, and the last set is the issuer's.
func TestT55Replay(t *testing.T) {
	is := replayRun(t)
	var r setlog.Replay
	for i, e := range is.Entries {
		if err := r.Apply(e); err != nil {
			t.Fatal(err)
		}
		if i+1 < len(is.Entries) && is.Entries[i+1].Seq == e.Seq {
			continue
		}
		if err := r.Finish(); err != nil {
			t.Fatal(err)
		}
		g, err := r.Group()
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq() != e.Seq || g.Root() != e.Root || r.Live() != e.Live || r.Entries() != int64(i+1) {
			t.Fatalf("seq %d", e.Seq)
		}
	}
	g, _ := r.Group()
	if r.Seq() != 40 || g.Size() != is.Group.Size() || g.Root() != is.Group.Root() || r.Live() != is.Live {
		t.Error("another set")
	}
	// In one go, as an audit does.
	var all setlog.Replay
	if err := errors.Join(all.Apply(is.Entries...), all.Finish()); err != nil || all.Entries() != int64(len(is.Entries)) {
		t.Error(err)
	}
}

// TestT55ReplayRefuses changes one thing in a logged history at a time.
func TestT55ReplayRefuses(t *testing.T) {
	is := replayRun(t)
	firstOf := func(op setlog.Op) int {
		return slices.IndexFunc(is.Entries, func(e setlog.Entry) bool { return e.Op == op && e.Seq > 2 })
	}
	enrol, remove := firstOf(setlog.OpEnrol), firstOf(setlog.OpRemove)
	batch := is.Entries[enrol].Seq
	for name, bend := range map[string]func(es []setlog.Entry) []setlog.Entry{
		"another leaf": func(es []setlog.Entry) []setlog.Entry {
			es[enrol].Commitment = setlogtest.Commitment("ghost")
			return es
		},
		"another position":   func(es []setlog.Entry) []setlog.Entry { es[enrol].LeafIndex++; return es },
		"a member twice":     func(es []setlog.Entry) []setlog.Entry { es[enrol].Commitment = es[0].Commitment; return es },
		"removed another":    func(es []setlog.Entry) []setlog.Entry { es[remove].LeafIndex++; return es },
		"removed nobody":     func(es []setlog.Entry) []setlog.Entry { es[remove].LeafIndex = 1 << 20; return es },
		"a removal left out": func(es []setlog.Entry) []setlog.Entry { return slices.Delete(es, remove, remove+1) },
		"an entry left out":  func(es []setlog.Entry) []setlog.Entry { return slices.Delete(es, enrol, enrol+1) },
		"a batch left out": func(es []setlog.Entry) []setlog.Entry {
			return slices.DeleteFunc(es, func(e setlog.Entry) bool { return e.Seq == batch })
		},
		"a padded batch": func(es []setlog.Entry) []setlog.Entry {
			e := es[len(es)-1]
			e.LeafIndex, e.Commitment = e.LeafIndex+1, setlogtest.Commitment("pad")
			return append(es, e)
		},
		"two roots in a batch": func(es []setlog.Entry) []setlog.Entry { es[0].Root = setlogtest.Commitment("r"); return es },
		"another root": func(es []setlog.Entry) []setlog.Entry {
			for i := range es {
				if es[i].Seq == batch {
					es[i].Root = setlogtest.Commitment("r")
				}
			}
			return es
		},
		"another count": func(es []setlog.Entry) []setlog.Entry {
			for i := range es {
				if es[i].Seq == batch {
					es[i].Live++
				}
			}
			return es
		},
		"not from the start": func(es []setlog.Entry) []setlog.Entry {
			return es[slices.IndexFunc(es, func(e setlog.Entry) bool { return e.Seq == 2 }):]
		},
		"no entry": func(es []setlog.Entry) []setlog.Entry { es[enrol] = setlog.Entry{}; return es },
		"root zero": func(es []setlog.Entry) []setlog.Entry {
			for i := range es {
				es[i].Root = semaphore.Element{}
			}
			return es
		},
	} {
		var r setlog.Replay
		err := r.Apply(bend(slices.Clone(is.Entries))...)
		if err == nil {
			err = r.Finish()
		}
		var fault *setlog.AuditError
		if !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestT55Audit audits a whole log over its files; a biometric commitment that
// was changed afterwards leaves the set alone but not the log.
func TestT55Audit(t *testing.T) {
	is := replayRun(t)
	signed := is.Checkpoints[int64(len(is.Entries))]
	r, err := setlog.Audit(signed, is.Verifier, is.Fetch)
	if err != nil || r.Seq() != is.Seq || r.Live() != is.Live || r.Entries() != int64(len(is.Entries)) {
		t.Fatal(err)
	}
	g, err := r.Group()
	if err != nil || g.Root() != is.Group.Root() {
		t.Error(err)
	}
	is.Entries[0].Biometric[0] ^= 1
	if _, err := setlog.Audit(signed, is.Verifier, is.Fetch); !errors.Is(err, setlog.ErrProof) {
		t.Error("another biometric commitment:", err)
	}
	is.Entries[0].Biometric[0] ^= 1
	if _, err := setlog.Audit(signed, setlogtest.New(t, "other.example").Verifier, is.Fetch); !errors.Is(err, setlog.ErrSignature) {
		t.Error(err)
	}
	is.Refuse = func(string) error { return errGone }
	if _, err := setlog.Audit(signed, is.Verifier, is.Fetch); !errors.Is(err, errGone) {
		t.Error(err)
	}
}
