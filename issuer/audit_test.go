package issuer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// wholeLife is the log of an issuer after everything that can happen to people.
func wholeLife(t *testing.T) (*testkit.World, *issuer.Issuer) {
	t.Helper()
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 6)
	if _, err := i.Import(t.Context(), strings.NewReader(list(commitments(3))), issuer.ImportOptions{Batch: 2}); err != nil {
		t.Fatal(err)
	}
	var last api.Recovery
	for n := range uint64(3) {
		r, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(1+n).Again(100+n)))
		if err != nil {
			t.Fatal(err)
		}
		last = r
	}
	if _, err := i.Veto(t.Context(), last.ID, testkit.Veto(t, testkit.NewPerson(3).ID, *last.Announcement)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(5).ID)); err != nil {
		t.Fatal(err)
	}
	if err := i.Removal(t.Context(), uint64(leafIndex(t, i, testkit.NewPerson(6))), true); err != nil {
		t.Fatal(err)
	}
	walk(t, w, i, func() bool { c, _ := opsOf(t, i, head(t, w, i)); return c[setlog.OpRekeyIn] == 2 })
	w.Clock.Move(3 * day)
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(5).Again(200))); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, i
}

// An outsider's audit accepts an honest log with every operation in it, and
// counts right.
func TestAuditOfWholeLife(t *testing.T) {
	w, i := wholeLife(t)
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := i.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := i.Head()
	if err != nil {
		t.Fatal(err)
	}
	report, err := setlog.AuditConfig{Verifier: v, Checkpoint: checkpoint, Head: signed.Note, Now: w.Clock.Now()}.Run(func(path string) ([]byte, error) {
		tile, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return i.Tile(t.Context(), tile)
	})
	if err != nil {
		t.Fatal(err)
	}
	var sum setlog.AuditDay
	for _, d := range report.Days {
		sum.Enrolled += d.Enrolled
		sum.Removed += d.Removed
		sum.RekeyedOut += d.RekeyedOut
		sum.RekeyedIn += d.RekeyedIn
		sum.Announced += d.Announced
		sum.Live = d.Live
	}
	if sum.Enrolled != 10 || sum.Removed != 2 || sum.RekeyedOut != 2 || sum.RekeyedIn != 2 || sum.Announced != 3 || sum.Live != 8 {
		t.Errorf("%+v", sum)
	}
}

// The same log with a lie about a re-key, hashed and signed again by the issuer
// itself, is named.
func TestAuditNamesLiesAboutRekeys(t *testing.T) {
	w, i := wholeLife(t)
	honest := entriesOf(t, i, head(t, w, i))
	first := func(es []setlog.Entry, op setlog.Op) int {
		return slices.IndexFunc(es, func(e setlog.Entry) bool { return e.Op == op })
	}
	for name, c := range map[string]struct {
		bend func(es []setlog.Entry) []setlog.Entry
		lie  setlog.Lie
	}{
		"no announcement": {func(es []setlog.Entry) []setlog.Entry {
			es[first(es, setlog.OpRekeyAnnounced)].LeafIndex = 6 // an imported member
			es[first(es, setlog.OpRekeyAnnounced)].Commitment = leafNow(es, 6)
			return es
		}, setlog.LieRekey},
		"announced is another leaf": {func(es []setlog.Entry) []setlog.Entry {
			es[first(es, setlog.OpRekeyAnnounced)].Commitment = commitments(1)[0]
			return es
		}, setlog.LieLeaf},
		"a new leaf without an old one": {func(es []setlog.Entry) []setlog.Entry {
			es[slices.IndexFunc(es, func(e setlog.Entry) bool { return e.Op == setlog.OpEnrol })].Op = setlog.OpRekeyIn
			return es
		}, setlog.LieRekey},
		"one new leaf too many": {func(es []setlog.Entry) []setlog.Entry {
			es[len(es)-1].Op = setlog.OpRekeyIn
			return es
		}, setlog.LieRekey},
		"a re-key passed off as removal and enrolment": {func(es []setlog.Entry) []setlog.Entry {
			es[first(es, setlog.OpRekeyOut)].Op = setlog.OpRemove
			return es
		}, setlog.LieRekey}, // then a new leaf is too many
		"out for nobody": {func(es []setlog.Entry) []setlog.Entry {
			es[first(es, setlog.OpRemove)].Op = setlog.OpRekeyOut
			return es
		}, setlog.LieRekey},
	} {
		t.Run(name, func(t *testing.T) {
			bent := c.bend(slices.Clone(honest))
			err := auditEntries(t, w, bent)
			var lie *setlog.AuditError
			if !errors.As(err, &lie) || lie.Lie != c.lie {
				t.Errorf("%v, want %s", err, c.lie)
			}
		})
	}
	if err := auditEntries(t, w, honest); err != nil {
		t.Errorf("the honest log: %v", err)
	}
}

// A replay may be resumed behind every batch, also between the steps of a
// re-key: an issuer that starts from a snapshot does.
func TestReplayResumesAnywhere(t *testing.T) {
	w, i := wholeLife(t)
	all := entriesOf(t, i, head(t, w, i))
	for n := 1; n < len(all); n++ {
		if all[n].Seq == all[n-1].Seq {
			continue
		}
		var before setlog.Replay
		if err := before.Apply(all[:n]...); err != nil {
			t.Fatal(err)
		}
		if err := before.Finish(); err != nil {
			t.Fatal(err)
		}
		g, err := before.Group()
		if err != nil {
			t.Fatal(err)
		}
		rest, err := setlog.ResumeReplay(g, all[n-1], int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(rest.Apply(all[n:]...), rest.Finish()); err != nil {
			t.Errorf("resumed behind entry %d: %v", n, err)
		}
	}
}

// leafNow finds what was added at a position.
func leafNow(es []setlog.Entry, index uint64) semaphore.Element {
	n := slices.IndexFunc(es, func(e setlog.Entry) bool { return e.Op.Adds() && e.LeafIndex == index })
	return es[n].Commitment
}

// auditEntries signs a log of these entries and audits it.
func auditEntries(t *testing.T, w *testkit.World, es []setlog.Entry) error {
	t.Helper()
	_, tree, err := setlog.Append(0, es, setlog.Hashes(nil))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(w.Signer)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := setlog.Checkpoint{Origin: testkit.Name, Size: tree.N, Hash: tree.Hash}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = setlog.AuditConfig{Verifier: v, Checkpoint: checkpoint, Now: w.Clock.Now().Add(time.Hour)}.Run(func(path string) ([]byte, error) {
		tile, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		if tile.L != setlog.EntriesLevel {
			return setlog.TileData(tile, tree.N, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, errors.New("not asked for") }))
		}
		return setlog.EntryBundle(es[tile.N*setlog.TileWidth:][:tile.W])
	})
	return err
}
