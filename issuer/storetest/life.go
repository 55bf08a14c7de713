package storetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// life takes people through everything that can happen to them; after each step
// the database agrees with itself, and at the end a second start finds the same.
func life(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	alice, bob, carol, dave := r.person(), r.person(), r.person(), r.person()
	first := r.Start(t, r.i, alice)
	got, err := r.i.Enrol(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.i.Enrol(t.Context(), first); err != nil || !again.Repeated || again.Enrolment.Receipt != got.Enrolment.Receipt {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	for _, p := range []*testkit.Person{bob, carol, dave} {
		r.enrol(t, p)
	}
	_, err = r.i.Enrol(t.Context(), r.Start(t, r.i, alice.Again(500)))
	codeIs(t, err, api.AlreadyEnrolled)
	_, err = r.i.Enrol(t.Context(), r.Start(t, r.i, &testkit.Person{ID: bob.ID, Face: r.person().Face}))
	codeIs(t, err, api.CommitmentExists)
	r.anchor(t)
	dumped(t, r.store)

	r.populate(t, alice, bob, carol)
	index, ok := r.i.Position(dave.ID.Commitment())
	if !ok {
		t.Fatal("dave is no member")
	}
	if err := r.i.Removal(t.Context(), index, false); err != nil { // by the operator
		t.Fatal(err)
	}
	if err := r.i.Removal(t.Context(), index, true); err != nil { // and now at once
		t.Fatal(err)
	}
	r.anchor(t)
	if _, err := r.i.Import(t.Context(), bytes.NewReader([]byte(testkit.WithSecret(9001).Commitment().String()+"\n"+testkit.WithSecret(9002).Commitment().String()+"\n")), issuer.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	before := digest(t, r.store)
	have := report(t, r.store)
	if have.Live != 4 || have.Waiting != 0 || have.Templates != 3 {
		t.Errorf("%+v", have)
	}
	openings, err := r.i.Openings(t.Context(), 0, 100)
	if err != nil || len(openings) < 3 {
		t.Errorf("%d openings on record, %v", len(openings), err)
	}

	r.over(t, s.Reopen(t, r.store))
	if digest(t, r.store) == before {
		t.Error("a new writer leaves no trace")
	}
	after := report(t, r.store)
	if after.Live != have.Live || after.LogSize != have.LogSize || !bytes.Equal(after.Checkpoint, have.Checkpoint) {
		t.Errorf("after a restart: %+v, before %+v", after, have)
	}
	if e, err := r.i.Status(t.Context(), got.Enrolment.ID); err != nil || e.Receipt != got.Enrolment.Receipt {
		t.Errorf("%+v, %v", e, err)
	}
}

// populate recovers alice, lets bob veto a recovery, and deletes carol.
func (r *rig) populate(t testing.TB, alice, bob, carol *testkit.Person) {
	t.Helper()
	ctx := t.Context()
	first, _, err := r.i.Recover(ctx, r.Recovery(t, r.i, alice.Again(600)))
	if err != nil {
		t.Fatal(err)
	}
	dumped(t, r.store)
	_, _, err = r.i.Recover(ctx, r.Recovery(t, r.i, alice.Again(601)))
	codeIs(t, err, api.RecoveryPending)
	second, _, err := r.i.Recover(ctx, r.Recovery(t, r.i, bob.Again(602)))
	if err != nil || second.Announcement == nil {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := r.i.Veto(ctx, second.ID, testkit.Veto(t, bob.ID, *second.Announcement)); err != nil {
		t.Fatal(err)
	}
	dumped(t, r.store)
	gone, repeated, err := r.i.Delete(ctx, testkit.Deletion(t, r.i, carol.ID))
	if err != nil || repeated {
		t.Fatalf("%+v, %v", gone, err)
	}
	done := func() bool {
		a, err := r.i.RecoveryStatus(ctx, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.i.DeletionStatus(ctx, gone.ID)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status == api.RecoveryCommitted && c.Tombstone != ""
	}
	for range 300 {
		if done() {
			return
		}
		r.Clock.Move(10 * time.Minute)
		if _, err := r.i.Anchor(ctx); err != nil {
			t.Fatal(err)
		}
		if err := r.i.Release(ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("recovery and deletion did not come to their ends")
}
