package issuer_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// openNote checks the issuer's signature and gives the lines.
func openNote(t testing.TB, w *testkit.World, token string) []string {
	t.Helper()
	raw, err := scope.DecodeToken(token)
	if err != nil {
		t.Fatal(err)
	}
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(raw, note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(n.Text, "\n")
}

// A deletion: the leaf goes at once, the template can only say "wait" until the
// delay has passed, and is then destroyed; the person may return.
func TestDeletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store, quick)
	enrolCrowd(t, w, i, 1, 4)
	alice := testkit.NewPerson(2)
	req := testkit.Deletion(t, i, alice.ID)
	w.Clock.Move(time.Second)
	d, repeated, err := i.Delete(t.Context(), req)
	if err != nil || repeated || d.Status != api.DeletionRemoved || d.Seq == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if h := head(t, w, i); h.Live != 3 || h.MinValidSeq != h.Seq || len(h.Window) != 0 {
		t.Errorf("the leaf is not gone at once: %+v", h)
	}
	proof, err := setlog.ParseRootProof([]byte(d.RootProof))
	if err != nil || proof.Entry.Op != setlog.OpRemove || proof.Entry.Commitment != alice.ID.Commitment() {
		t.Errorf("%+v, %v", proof, err)
	}
	if lines := openNote(t, w, d.Receipt); lines[0] != "perhuman/deletion/1 "+testkit.Name || lines[3] != alice.ID.Commitment().String() {
		t.Errorf("%q", lines)
	}
	if again, repeated, err := i.Delete(t.Context(), req); err != nil || !repeated || again.Receipt != d.Receipt {
		t.Errorf("%+v, %v", again, err)
	}
	wants := func(n uint64, want api.Code) {
		t.Helper()
		if _, err := i.Enrol(t.Context(), w.Start(t, i, alice.Again(n))); code(err) != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	wants(10, api.CooldownActive)
	if err := store.Close(); err != nil { // the mark survives
		t.Fatal(err)
	}
	store = openStore(t, path)
	i = open(t, w, store, quick)
	wants(11, api.CooldownActive)
	if published := i.Info().ReentryDelay; d.ReentryAt < uint64(w.Clock.Now().Unix())+published {
		t.Errorf("return at %d, published delay %d", d.ReentryAt, published)
	}
	w.Clock.Move(time.Unix(int64(d.ReentryAt)-1, 0).Sub(w.Clock.Now()))
	wants(12, api.CooldownActive)
	w.Clock.Move(time.Second)
	wants(13, "")
	done, err := i.DeletionStatus(t.Context(), d.ID)
	if err != nil || done.Status != api.DeletionDestroyed {
		t.Fatalf("%+v, %v", done, err)
	}
	if lines := openNote(t, w, done.Tombstone); lines[0] != "perhuman/tombstone/1 "+testkit.Name || lines[5] != "0" {
		t.Errorf("%q", lines)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := head(t, w, i); h.Live != 4 || h.Size != 5 {
		t.Errorf("%+v", h)
	}
	audit(t, i, head(t, w, i))
	wants(14, api.AlreadyEnrolled)
}

// Only the key of a live member deletes it, once, and a recovery of it ends.
func TestDeletionRefusals(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 4)
	p := testkit.NewPerson
	try := func(name string, req api.DeletionRequest, want api.Code) {
		t.Helper()
		if _, _, err := i.Delete(t.Context(), req); code(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	try("a stranger", testkit.Deletion(t, i, p(50).ID), api.NotEnrolled)
	other := testkit.Deletion(t, i, p(1).ID)
	other.PublicKey = testkit.Deletion(t, i, p(2).ID).PublicKey
	try("another's key", other, api.PossessionInvalid)
	stolen := testkit.Deletion(t, i, p(1).ID)
	stolen.Session = testkit.Deletion(t, i, p(1).ID).Session
	try("another session", stolen, api.PossessionInvalid)
	enrolling := w.Start(t, i, p(1))
	try("an enrolment's signature", api.DeletionRequest{Session: enrolling.Session, PublicKey: enrolling.PublicKey, Signature: enrolling.Signature}, api.PossessionInvalid)
	old := testkit.Deletion(t, i, p(1).ID)
	w.Clock.Move(11 * time.Minute)
	try("an old session", old, api.SessionExpired)
	if err := i.Removal(t.Context(), uint64(leafIndex(t, i, p(3))), false); err != nil {
		t.Fatal(err)
	}
	try("about to be removed by the operator", testkit.Deletion(t, i, p(3).ID), api.NotEnrolled)
	r, _, err := i.Recover(t.Context(), w.Recovery(t, i, p(4).Again(9)))
	if err != nil {
		t.Fatal(err)
	}
	try("under recovery", testkit.Deletion(t, i, p(4).ID), "")
	if s := recoveryOf(t, i, r.ID); s.Code != api.RecoveryCancelled {
		t.Errorf("%+v", s)
	}
}

// The delay counts from the anchor that removed the leaf, should it come late.
func TestDeletionAnchoredLate(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 2)
	req := testkit.Deletion(t, i, testkit.NewPerson(1).ID)
	w.Clock.Move(-time.Minute) // the clock was set back: nothing is anchored
	d, _, err := i.Delete(t.Context(), req)
	if err != nil || d.Status != api.DeletionAccepted {
		t.Fatalf("%+v, %v", d, err)
	}
	w.Clock.Move(3 * day)
	if err := i.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, _ = i.DeletionStatus(t.Context(), d.ID); d.Status != api.DeletionAccepted {
		t.Fatalf("%+v", d)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	removed := uint64(w.Clock.Now().Unix())
	if d, _ = i.DeletionStatus(t.Context(), d.ID); d.Status != api.DeletionRemoved || d.ReentryAt < removed+2*86400 {
		t.Errorf("%+v, removed at %d", d, removed)
	}
	w.Clock.Move(2*day - time.Minute)
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(1).Again(7))); code(err) != api.CooldownActive {
		t.Errorf("%v", err)
	}
}

// Neither the table of templates nor that of members tells who is leaving, and
// the rows of templates that are older than marks get one.
func TestDeletionAtRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store, quick)
	enrolCrowd(t, w, i, 1, 5)
	if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(2).ID)); err != nil {
		t.Fatal(err)
	}
	size := -1
	err := store.Templates(t.Context(), 1, nil, func(x issuer.Template) error {
		if size < 0 {
			size = len(x.Mark)
		}
		if len(x.Mark) != size || size == 0 {
			t.Errorf("a mark of %d bytes, another of %d", len(x.Mark), size)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c := testkit.NewPerson(2).Face[:24]
	grep(t, filepath.Dir(path), "template", c)
	w.Clock.Move(3 * day)
	if err := i.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := store.Templates(t.Context(), 1, nil, func(issuer.Template) error { n++; return nil }); err != nil || n != 4 {
		t.Errorf("%d templates left, %v", n, err)
	}
}

// The operator deletes somebody on the person's behalf: a thief who vetoes every
// recovery is out, and the person returns after the delay.
func TestDismissal(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 2)
	alice := testkit.NewPerson(1)
	r, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(8)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Veto(t.Context(), r.ID, testkit.Veto(t, alice.ID, *r.Announcement)); err != nil {
		t.Fatal(err)
	}
	d, err := i.Dismissal(t.Context(), uint64(leafIndex(t, i, alice)))
	if err != nil || d.Status != api.DeletionRemoved || d.Receipt == "" {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := i.Dismissal(t.Context(), 99); code(err) != api.NotFound {
		t.Errorf("%v", err)
	}
	w.Clock.Move(time.Unix(int64(d.ReentryAt), 0).Sub(w.Clock.Now()))
	if _, err := i.Enrol(t.Context(), w.Start(t, i, alice.Again(9))); err != nil {
		t.Error(err)
	}
}
