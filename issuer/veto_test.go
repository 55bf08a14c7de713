package issuer_test

import (
	"strconv"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// The old key stops a recovery as long as its leaf is in the set, under the
// announcement's number in the log; nobody else's key does.
func TestVeto(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 3)
	alice, thief := testkit.NewPerson(2), testkit.NewPerson(2).Again(500)
	r, _, err := i.Recover(t.Context(), w.Recovery(t, i, thief))
	if err != nil {
		t.Fatal(err)
	}
	n := *r.Announcement
	id := strconv.FormatUint(n, 10)
	for name, v := range map[string]struct {
		id   string
		req  api.VetoRequest
		code api.Code
	}{
		"another member":           {id, testkit.Veto(t, testkit.NewPerson(1).ID, n), api.PossessionInvalid},
		"the new key":              {id, testkit.Veto(t, thief.ID, n), api.PossessionInvalid},
		"for another announcement": {id, testkit.Veto(t, alice.ID, n-1), api.PossessionInvalid},
		"of no announcement":       {"1", testkit.Veto(t, alice.ID, 1), api.NotFound},
		"a number in another form": {"0" + id, testkit.Veto(t, alice.ID, n), api.NotFound},
		"an id that nobody has":    {"AAAAAAAAAAAAAAAAAAAAAA", testkit.Veto(t, alice.ID, n), api.NotFound},
		"a signature cut short":    {id, api.VetoRequest{PublicKey: testkit.Veto(t, alice.ID, n).PublicKey, Signature: "AAAA"}, api.NotCanonical},
	} {
		if _, err := i.Veto(t.Context(), v.id, v.req); code(err) != v.code {
			t.Errorf("%s: %v, want %s", name, err, v.code)
		}
	}
	for range 2 { // again: the same answer
		v, err := i.Veto(t.Context(), id, testkit.Veto(t, alice.ID, n))
		if err != nil || v.Status != api.RecoveryEnded || v.Code != api.RecoveryVetoed || v.ID != "" || v.LeafIndex != nil {
			t.Fatalf("%+v, %v", v, err)
		}
		if lines := openNote(t, w, v.Receipt); lines[0] != "perhuman/veto/1 "+testkit.Name || lines[1] != id || lines[2] != alice.ID.Commitment().String() {
			t.Errorf("%q", lines)
		}
	}
	if s := recoveryOf(t, i, r.ID); s.Code != api.RecoveryVetoed {
		t.Errorf("%+v", s)
	}
	w.Clock.Move(2 * day)
	if done, err := i.Anchor(t.Context()); err != nil || done.Seq != 0 {
		t.Errorf("a vetoed recovery went on: %+v, %v", done, err)
	}
	if leafIndex(t, i, alice) < 0 {
		t.Error("the old leaf is gone")
	}
	// Another recovery may follow, and the new commitment is free again.
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, thief)); err != nil {
		t.Error(err)
	}
}

// Who has no membership cannot recover one.
func TestRecoveryRefusals(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 5)
	p := testkit.NewPerson
	try := func(name string, person *testkit.Person, want api.Code) {
		t.Helper()
		if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, person)); code(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	try("a stranger", p(50), api.NotEnrolled)
	try("to another member's key", &testkit.Person{ID: p(2).ID, Face: p(1).Face}, api.CommitmentExists)
	try("to the own old key", p(1), api.CommitmentExists)
	asEnrolment := w.Start(t, i, p(1).Again(60))
	if _, _, err := i.Recover(t.Context(), api.RecoveryRequest(asEnrolment)); code(err) != api.PossessionInvalid {
		t.Errorf("an enrolment's signature: %v", err)
	}
	if _, err := i.Enrol(t.Context(), api.EnrolmentRequest(w.Recovery(t, i, p(70)))); code(err) != api.PossessionInvalid {
		t.Errorf("a recovery's signature: %v", err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, p(80))); err != nil {
		t.Fatal(err)
	}
	try("not anchored yet", p(80).Again(81), api.NotAccepted)
	if err := i.Removal(t.Context(), uint64(leafIndex(t, i, p(4))), false); err != nil {
		t.Fatal(err)
	}
	try("about to be removed", p(4).Again(61), api.NotEnrolled)
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	try("removed by the operator", p(4).Again(62), api.NotAccepted)
	if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, p(5).ID)); err != nil {
		t.Fatal(err)
	}
	try("deleted", p(5).Again(63), api.CooldownActive)
	// One session, one thing.
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := w.Request(t, s, p(90))
	if _, err := i.Enrol(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	rec := w.Recovery(t, i, p(90))
	rec.Session = s.Nonce
	if _, _, err := i.Recover(t.Context(), rec); code(err) != api.PossessionInvalid && code(err) != api.SessionUsed {
		t.Errorf("an enrolment's session: %v", err)
	}
}

// An unattended device never tells whether somebody is enrolled, and an issuer
// that offers no recoveries says so and publishes no period.
func TestRecoveryNotOffered(t *testing.T) {
	w, i := start(t, quick, func(c *issuer.Config) { c.Unattended = map[string]bool{capture.ClassVirtual: true} })
	enrolCrowd(t, w, i, 1, 1)
	for _, p := range []*testkit.Person{testkit.NewPerson(1).Again(2), testkit.NewPerson(3)} {
		if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, p)); code(err) != api.NotAccepted {
			t.Errorf("%v", err)
		}
	}
	w, i = start(t, func(c *issuer.Config) { c.Life.RekeyPeriod = -1 })
	enrolCrowd(t, w, i, 1, 1)
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(1).Again(2))); code(err) != api.NotFound {
		t.Errorf("%v", err)
	}
	if info := i.Info(); info.RekeyPeriod != 0 || info.Cooldown != 0 || info.ReentryDelay == 0 {
		t.Errorf("%+v", info)
	}
}
