package issuer_test

import (
	"bytes"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

// quick are delays that tests can walk through.
func quick(c *issuer.Config) {
	c.Window = 10 * time.Minute
	c.Life = issuer.Life{RekeyPeriod: hour, Cooldown: 3 * hour, ReentryDelay: 2 * day}
}

// opsOf counts the entries of the log by operation, and gives the last of each.
func opsOf(t testing.TB, i *issuer.Issuer, h setlog.Head) (map[setlog.Op]int, map[setlog.Op]setlog.Entry) {
	t.Helper()
	counts, last := map[setlog.Op]int{}, map[setlog.Op]setlog.Entry{}
	for _, e := range entriesOf(t, i, h) {
		counts[e.Op]++
		last[e.Op] = e
	}
	return counts, last
}

// walk moves the clock in steps and anchors at each, until f says that it is
// enough.
func walk(t testing.TB, w *testkit.World, i *issuer.Issuer, f func() bool) {
	t.Helper()
	for range 2000 {
		if f() {
			return
		}
		w.Clock.Move(time.Minute)
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := i.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("it never came")
}

func recoveryOf(t testing.TB, i *issuer.Issuer, id string) api.Recovery {
	t.Helper()
	r, err := i.RecoveryStatus(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A recovery from the capture to the new leaf, step by step as protocol.md
// section 7 has it.
func TestRecovery(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 5)
	alice := testkit.NewPerson(3)
	fresh := alice.Again(1000)
	index := uint64(leafIndex(t, i, alice))
	req := w.Recovery(t, i, fresh)
	w.Clock.Move(time.Second)
	before := head(t, w, i)
	r, repeated, err := i.Recover(t.Context(), req)
	if err != nil || repeated || r.Status != api.RecoveryAnnounced || r.Announcement == nil || r.Receipt == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	announced := head(t, w, i)
	e := announced.RootProof.Entry
	if announced.Seq != before.Seq+1 || announced.Root != before.Root || e.Op != setlog.OpRekeyAnnounced ||
		e.LeafIndex != index || e.Commitment != alice.ID.Commitment() || e.Biometric != [32]byte{} || uint64(announced.LogSize()-1) != *r.Announcement {
		t.Fatalf("the announcement: %+v", e)
	}
	again, repeated, err := i.Recover(t.Context(), req)
	if err != nil || !repeated || again.ID != r.ID || again.Receipt != r.Receipt {
		t.Errorf("the same request again: %+v, %v", again, err)
	}
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(1001))); code(err) != api.RecoveryPending {
		t.Errorf("a second recovery: %v", err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, &testkit.Person{ID: fresh.ID, Face: testkit.NewPerson(77).Face})); code(err) != api.CommitmentExists {
		t.Errorf("somebody else takes the new commitment: %v", err)
	}
	var out, in setlog.Head
	walk(t, w, i, func() bool { out = head(t, w, i); return recoveryOf(t, i, r.ID).Status == api.RecoveryOut })
	s := recoveryOf(t, i, r.ID)
	if out.Live != 4 || out.MinValidSeq != out.Seq || out.RootProof.Entry.Op != setlog.OpRekeyOut || out.RootProof.Entry.LeafIndex != index || len(out.Window) != 0 {
		t.Errorf("the old leaf is not out: %+v", out)
	}
	if s.OutAt < r.AnnouncedAt+3*3600 || s.Boundary%3600 != 0 || s.Boundary < s.OutAt+10*60+120 || s.Due < s.Boundary+60 || s.EffectiveAt != s.Due || r.EffectiveAt < s.Due || r.EffectiveAt%3600 != 60 {
		t.Errorf("times: %+v, announced %d", s, r.AnnouncedAt)
	}
	if _, err := i.Veto(t.Context(), strconv.FormatUint(*r.Announcement, 10), testkit.Veto(t, alice.ID, *r.Announcement)); code(err) != api.RecoveryOver {
		t.Errorf("a veto that comes too late: %v", err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, alice.Again(1002))); code(err) != api.AlreadyEnrolled {
		t.Errorf("enrolment between the leaves: %v", err)
	}
	walk(t, w, i, func() bool { in = head(t, w, i); return recoveryOf(t, i, r.ID).Status == api.RecoveryCommitted })
	if now := uint64(w.Clock.Now().Unix()); now < s.Boundary+60 || in.Live != 5 {
		t.Errorf("the new leaf at %d, boundary %d, live %d", now, s.Boundary, in.Live)
	}
	done := recoveryOf(t, i, r.ID)
	proof, err := setlog.ParseRootProof([]byte(done.RootProof))
	if err != nil || proof.Entry.Op != setlog.OpRekeyIn || proof.Entry.Commitment != fresh.ID.Commitment() || *done.LeafIndex != 5 || proof.Entry.Biometric == [32]byte{} {
		t.Errorf("%+v, %v", done, err)
	}
	counts, _ := opsOf(t, i, in)
	if counts[setlog.OpRekeyAnnounced] != 1 || counts[setlog.OpRekeyOut] != 1 || counts[setlog.OpRekeyIn] != 1 {
		t.Error(counts)
	}
	// The template leads to the new leaf: a second recovery starts there.
	next, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(1003)))
	if err != nil {
		t.Fatal(err)
	}
	if e := head(t, w, i).RootProof.Entry; e.Commitment != fresh.ID.Commitment() || e.LeafIndex != 5 {
		t.Errorf("the second announcement: %+v, %+v", e, next)
	}
	audit(t, i, head(t, w, i))
}

// The operator's removal and the person's own deletion end a recovery at any
// stage; when the old leaf has gone already, the new one never comes.
func TestRecoveryCancelled(t *testing.T) {
	for _, stage := range []string{api.RecoveryAnnounced, api.RecoveryOut} {
		w, i := start(t, quick)
		enrolCrowd(t, w, i, 1, 3)
		alice := testkit.NewPerson(2)
		index := uint64(leafIndex(t, i, alice))
		r, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(9)))
		if err != nil {
			t.Fatal(err)
		}
		walk(t, w, i, func() bool { return recoveryOf(t, i, r.ID).Status == stage })
		if err := i.Removal(t.Context(), index, true); err != nil {
			t.Fatal(err)
		}
		if s := recoveryOf(t, i, r.ID); s.Status != api.RecoveryEnded || s.Code != api.RecoveryCancelled {
			t.Errorf("%s: %+v", stage, s)
		}
		w.Clock.Move(day)
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if h := head(t, w, i); h.Live != 2 || h.Size != 3 {
			t.Errorf("%s: live %d of %d", stage, h.Live, h.Size)
		}
		if err := i.Removal(t.Context(), index, true); code(err) != api.NotFound {
			t.Errorf("%s, again: %v", stage, err)
		}
		audit(t, i, head(t, w, i))
	}
}

// A restart, or a reload after a commit in doubt, between any two steps changes
// nothing about a recovery.
func TestRecoveryOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	var i *issuer.Issuer
	again := func() func() error {
		store := openStore(t, path)
		i = open(t, w, store, quick)
		return store.Close
	}
	stop := again()
	enrolCrowd(t, w, i, 1, 2)
	r, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(1).Again(9)))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n := 0; !seen[api.RecoveryCommitted]; n++ {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.Clock.Move(10 * time.Minute)
		stop = again()
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seen[recoveryOf(t, i, r.ID).Status] = true; n > 100 {
			t.Fatal("it never came")
		}
	}
	if !seen[api.RecoveryAnnounced] || !seen[api.RecoveryOut] || head(t, w, i).Live != 2 {
		t.Errorf("%v", seen)
	}
}

// Recoveries of one period leave together and come together, the new leaves in
// the order of their commitments.
func TestRecoveriesShareBatches(t *testing.T) {
	w, i := start(t, quick)
	enrolCrowd(t, w, i, 1, 8)
	ids := map[string]bool{}
	for n := range uint64(5) {
		r, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(n+1).Again(100+n)))
		if err != nil {
			t.Fatal(err)
		}
		ids[r.ID] = true
		w.Clock.Move(time.Minute)
	}
	walk(t, w, i, func() bool {
		for id := range ids {
			if recoveryOf(t, i, id).Status != api.RecoveryCommitted {
				return false
			}
		}
		return true
	})
	outs, ins := map[uint64]int{}, map[uint64]int{}
	var last setlog.Entry
	for _, e := range entriesOf(t, i, head(t, w, i)) {
		switch e.Op {
		case setlog.OpRekeyOut:
			outs[e.Seq]++
		case setlog.OpRekeyIn:
			if ins[e.Seq]++; e.Seq == last.Seq && bytes.Compare(e.Commitment[:], last.Commitment[:]) < 0 {
				t.Error("new leaves out of order")
			}
			last = e
		}
	}
	if len(outs) != 1 || len(ins) != 1 {
		t.Errorf("outs %v, ins %v", outs, ins)
	}
}
