package issuer_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Every opening of a link is on record before it happens, in a chain that shows
// if one is taken away, and says only to the operator whose it was.
func TestOpeningsOnRecord(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 3)
	alice, bob := testkit.NewPerson(1), testkit.NewPerson(2)
	if o, err := i.Openings(t.Context(), 0, 10); err != nil || len(o) != 0 {
		t.Fatalf("before: %v, %v", o, err)
	}
	r, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(9)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(77))); code(err) != api.NotEnrolled {
		t.Fatal(err) // nobody's link was opened
	}
	walk(t, w, i, func() bool { return recoveryOf(t, i, r.ID).Status == api.RecoveryCommitted })
	if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, bob.ID)); err != nil {
		t.Fatal(err)
	}
	list, err := i.Openings(t.Context(), 0, 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	var prev issuer.Opening
	for n, o := range list {
		if o.After(prev).Chain != o.Chain || o.Number != int64(n+1) {
			t.Errorf("opening %d does not follow", n)
		}
		prev = o
		subject, err := i.OpenedSubject(o)
		if err != nil {
			t.Fatal(err)
		}
		switch o.Reason {
		case issuer.OpenedForRekey:
			if c := alice.Again(9).ID.Commitment(); string(subject) != string(c[:]) {
				t.Error("another's link was opened for the re-key")
			}
		case issuer.OpenedForDeletion:
			if c := bob.ID.Commitment(); string(subject) != string(c[:]) {
				t.Error("another's link was opened for the deletion")
			}
		}
	}
	if list[0].Reason != issuer.OpenedForRecovery || list[1].Reason != issuer.OpenedForRekey || list[2].Reason != issuer.OpenedForDeletion {
		t.Errorf("%+v", list)
	}
	if more, err := i.Openings(context.Background(), 2, 10); err != nil || len(more) != 1 || more[0].Number != 3 {
		t.Errorf("%+v, %v", more, err)
	}
}

// leafIndex finds a person's leaf, -1 if it is not in the set.
func leafIndex(t testing.TB, i *issuer.Issuer, p *testkit.Person) int {
	t.Helper()
	note, err := i.Head()
	if err != nil {
		t.Fatal(err)
	}
	v, err := setlog.ParseVKey(i.VKey())
	if err != nil {
		t.Fatal(err)
	}
	h, err := setlog.OpenHead(note.Note, v)
	if err != nil {
		t.Fatal(err)
	}
	pieces, _, err := i.Leaves(h.Seq)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := setlog.ParseLeaves(bytes.Join(pieces, nil))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Index(leaves, p.ID.Commitment())
}

// entriesOf reads the public log.
func entriesOf(t testing.TB, i *issuer.Issuer, h setlog.Head) (all []setlog.Entry) {
	t.Helper()
	for n := int64(0); n < h.LogSize(); n += setlog.TileWidth {
		b, err := i.Tile(t.Context(), tlog.Tile{H: setlog.TileHeight, L: setlog.EntriesLevel, N: n / setlog.TileWidth, W: int(min(h.LogSize()-n, setlog.TileWidth))})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := setlog.ParseEntryBundle(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all
}
