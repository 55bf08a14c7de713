package issuer_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
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
	if s.OutAt < r.AnnouncedAt+3*3600 || s.Boundary%3600 != 0 || s.Boundary < s.OutAt+10*60+120 || s.Due < s.Boundary+60 {
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
		if err != nil || v.Status != api.RecoveryEnded || v.Code != api.RecoveryVetoed || v.ID != "" || v.Receipt != "" {
			t.Fatalf("%+v, %v", v, err)
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
