package issuer_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func openStore(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func start(t testing.TB, change ...func(*issuer.Config)) (*testkit.World, *issuer.Issuer) {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	return w, open(t, w, openStore(t, filepath.Join(t.TempDir(), "issuer.db")), change...)
}

func open(t testing.TB, w *testkit.World, store issuer.Store, change ...func(*issuer.Config)) *issuer.Issuer {
	t.Helper()
	cfg := w.Config(store, w.Matcher())
	for _, f := range change {
		f(&cfg)
	}
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func code(err error) api.Code {
	if err == nil {
		return ""
	}
	return api.CodeOf(err)
}

func head(t testing.TB, w *testkit.World, i *issuer.Issuer) setlog.Head {
	t.Helper()
	h, err := i.Head()
	if err != nil {
		t.Fatal(err)
	}
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		t.Fatal(err)
	}
	open, err := setlog.OpenHead(h.Note, v)
	if err != nil {
		t.Fatal(err)
	}
	return open
}

func TestEnrolToHead(t *testing.T) {
	w, i := start(t)
	if h := head(t, w, i); h.Seq != 1 || h.Live != 0 || h.RootProof.Entry.Op != setlog.OpPolicy {
		t.Fatalf("the log does not begin with the policy: %+v", h)
	}
	alice := testkit.NewPerson(1)
	req := w.Start(t, i, alice)
	first, err := i.Enrol(t.Context(), req)
	if err != nil || first.Repeated || first.Enrolment.Status != api.StateMatched {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := i.Enrol(t.Context(), req)
	if err != nil || !again.Repeated || again.Enrolment != first.Enrolment {
		t.Fatalf("the same request again: %+v, %v", again, err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, alice.Again(2))); code(err) != api.AlreadyEnrolled {
		t.Errorf("same person, other secret: %v", err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, &testkit.Person{ID: alice.ID, Face: testkit.NewPerson(3).Face})); code(err) != api.CommitmentExists {
		t.Errorf("same secret, other person: %v", err)
	}
	done, err := i.Anchor(t.Context())
	if err != nil || done.Changes != 1 || done.Seq != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	h := head(t, w, i)
	if h.Live != 1 || h.Root != alice.ID.Commitment() || h.LogSize() != 2 {
		t.Errorf("%+v", h)
	}
	status, err := i.Status(t.Context(), first.Enrolment.ID)
	if err != nil || status.Status != api.StateCommitted || status.Seq != 2 || *status.LeafIndex != 0 {
		t.Fatalf("%+v, %v", status, err)
	}
	proof, err := setlog.ParseRootProof([]byte(status.RootProof))
	if err != nil || proof.Entry.Commitment != alice.ID.Commitment() {
		t.Fatalf("%+v, %v", proof, err)
	}
	v, _ := setlog.ParseVKey(w.VKey)
	if _, _, err := proof.Verify(v); err != nil {
		t.Error(err)
	}
	raw, _ := scope.DecodeToken(first.Enrolment.Receipt)
	r, err := issuer.VerifyReceipt(raw, v)
	if err != nil || r.Biometric != proof.Entry.Biometric {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, alice.Again(5))); code(err) != api.AlreadyEnrolled {
		t.Errorf("after the anchor: %v", err)
	}
}

// A restart loses nothing: sessions, receipts, members, gallery, head.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store)
	req := w.Start(t, i, testkit.NewPerson(1))
	first, err := i.Enrol(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := head(t, w, i)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w.Clock.Move(10 * time.Second)
	i = open(t, w, openStore(t, path))
	after := head(t, w, i)
	if after.Seq != before.Seq || after.Root != before.Root || after.Issued != before.Issued+10 || len(after.Window) != len(before.Window) {
		t.Errorf("head before %+v, after %+v", before, after)
	}
	if again, err := i.Enrol(t.Context(), req); err != nil || !again.Repeated || again.Enrolment.Receipt != first.Enrolment.Receipt {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(1).Again(9))); code(err) != api.AlreadyEnrolled {
		t.Errorf("the gallery was not rebuilt: %v", err)
	}
	if _, err := i.Enrol(t.Context(), w.Request(t, waiting, testkit.NewPerson(2))); err != nil {
		t.Errorf("a session from before: %v", err)
	}
}
