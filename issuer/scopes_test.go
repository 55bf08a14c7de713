package issuer_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// forum is an application with the real verifier, which follows the real
// issuer, and the people who prove to it.
type forum struct {
	t      *testing.T
	w      *testkit.World
	i      *issuer.Issuer
	f      *setlog.Follower
	v      *verifier.Verifier
	prover *prove.Prover
}

// Root, SnapshotRoot and Bound make forum a verifier.Roots that hears the issuer
// at every question.
func (f *forum) Root(_ context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error) {
	return f.f.Root(root, now)
}

func (f *forum) SnapshotRoot(_ context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	p, err := f.f.SeqProof(seq, f.fetch)
	return p.Entry.Root, setlog.RootInfo{Seq: seq, Live: p.Entry.Live}, err
}

func (f *forum) Bound(_ context.Context, p scope.Policy) (verifier.Bound, error) {
	return verifier.BoundOf(f.i.Info(), p)
}

func (f *forum) fetch(path string) ([]byte, error) {
	tile, err := setlog.ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	return f.i.Tile(context.Background(), tile)
}

func newForum(t *testing.T) *forum {
	w, i := start(t, func(c *issuer.Config) {
		p := *c.Capture
		p.Accept = map[capture.Modality]capture.Gates{capture.Face: p.Accept[capture.Face]}
		c.Capture, c.Anchor = &p, 10*time.Minute // all else as it is by default
	})
	f := &forum{t: t, w: w, i: i}
	var err error
	if f.f, err = setlog.NewFollower(setlog.FollowerConfig{VKey: w.VKey}); err != nil {
		t.Fatal(err)
	}
	if f.prover, err = prove.New(bytes.NewReader(depth20.ZKey())); err != nil {
		t.Fatal(err)
	}
	if f.v, err = verifier.New(t.Context(), verifier.Config{RP: "forum.example", Roots: f, Store: memory.New(), Now: w.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	return f
}

// group rebuilds the set as it is now from the public leaves.
func (f *forum) group() (*semaphore.Group, setlog.Head) {
	f.t.Helper()
	h := head(f.t, f.w, f.i)
	pieces, _, err := f.i.Leaves(h.Seq)
	if err != nil {
		f.t.Fatal(err)
	}
	leaves, err := setlog.ParseLeaves(bytes.Join(pieces, nil))
	if err != nil {
		f.t.Fatal(err)
	}
	g, err := semaphore.NewGroup(leaves...)
	if err != nil {
		f.t.Fatal(err)
	}
	return g, h
}

// act has p do the policy's action under g. A proof that the verifier must
// refuse before it comes to the pairing is not made: its points are rubbish.
func (f *forum) act(p *testkit.Person, g *semaphore.Group, policy scope.Policy, want api.Code) api.Verdict {
	f.t.Helper()
	signed, err := f.i.Head()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.f.Update(signed.Note, f.w.Clock.Now(), f.fetch); err != nil {
		f.t.Fatal(err)
	}
	action := "act/" + policy.Kind.String()
	if policy.Snapshot != 0 {
		action = "vote"
	}
	c, err := f.v.Challenge(f.t.Context(), verifier.ChallengeRequest{Action: action, Policy: policy, Origin: "https://forum.example"})
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := scope.DecodeToken(c.Challenge)
	if err != nil {
		f.t.Fatal(err)
	}
	sc, err := scope.Compute("forum.example", action, policy.Period(f.w.Clock.Now()), 0)
	if err != nil {
		f.t.Fatal(err)
	}
	message := scope.Message(scope.Digest{}, scope.ChallengeDigest(token))
	proof := &semaphore.Proof{MerkleTreeDepth: 20, MerkleTreeRoot: g.Root(), Nullifier: p.ID.Nullifier(sc), Message: message, Scope: sc}
	if want == api.OK {
		path, err := g.Proof(g.IndexOf(p.ID.Commitment()))
		if err != nil {
			f.t.Fatal(err)
		}
		if proof, err = f.prover.Prove(f.t.Context(), p.ID, path, message, sc); err != nil {
			f.t.Fatal(err)
		}
	}
	v, err := f.v.Consume(f.t.Context(), verifier.Request{Action: action, Policy: policy, Proof: proof, Challenge: c.Challenge, Origin: "https://forum.example"})
	if err != nil {
		v.Code = api.CodeOf(err)
	}
	if v.Code != want {
		f.t.Errorf("%s: %s, want %s", policy, v.Code, want)
	}
	return v
}

// The table of docs/life-of-a-person.md, line by line, with the issuer's default
// delays and the real verifier.
func TestWhatEachScopeGets(t *testing.T) {
	f := newForum(t)
	enrolCrowd(t, f.w, f.i, 1, 3)
	alice := testkit.NewPerson(1)
	before, frozen := f.group()
	once, returning, daily := scope.Once(), scope.Returning(), scope.PerDay(1)
	vote := scope.Snapshot(frozen.Seq, scope.Once())
	for _, p := range []scope.Policy{once, daily, vote} {
		if v := f.act(alice, before, p, api.OK); v.Bound != 1 {
			t.Errorf("%s: bound %d", p, v.Bound)
		}
		f.act(alice, before, p, api.NullifierAlreadyUsed)
	}
	first := f.act(alice, before, returning, api.OK)
	if first.Renewal != 7*86400 {
		t.Errorf("renewal %d", first.Renewal)
	}

	// Re-key. Until the old leaf goes, nothing changes; then the old secret is
	// worth nothing over the moving set, and the new one comes on another day.
	fresh := alice.Again(50)
	r, _, err := f.i.Recover(t.Context(), f.w.Recovery(t, f.i, fresh))
	if err != nil {
		t.Fatal(err)
	}
	f.w.Clock.Move(time.Duration(r.Due+1)*time.Second - hour - time.Duration(f.w.Clock.Now().Unix())*time.Second)
	f.act(alice, before, daily, api.OK) // the day on which the old leaf goes
	f.act(alice, before, once, api.NullifierAlreadyUsed)
	day1 := daily.Period(f.w.Clock.Now()).Start
	f.w.Clock.Move(hour)
	if _, err := f.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := recoveryOf(t, f.i, r.ID); s.Status != api.RecoveryOut {
		t.Fatalf("%+v", s)
	}
	for _, p := range []scope.Policy{once, returning, daily} {
		f.act(alice, before, p, api.RootExpired)
	}
	f.act(alice, before, vote, api.NullifierAlreadyUsed) // under the frozen root she is who she was
	for recoveryOf(t, f.i, r.ID).Status != api.RecoveryCommitted {
		if between, _ := f.group(); between.IndexOf(fresh.ID.Commitment()) >= 0 {
			t.Fatal("the new leaf is there too early")
		}
		f.w.Clock.Move(10 * time.Minute)
		if _, err := f.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if daily.Period(f.w.Clock.Now()).Start == day1 {
		t.Error("the new leaf came on the day on which the old one went")
	}
	after, _ := f.group()
	f.act(fresh, after, daily, api.OK)
	f.act(fresh, after, once, api.OK) // looks new, as the verdict's renewal says
	if v := f.act(fresh, after, returning, api.OK); v.Returning || v.Nullifier == first.Nullifier {
		t.Error("she was recognised under her new secret")
	}
	f.act(fresh, after, vote, api.RootNotSnapshot)

	// Deletion. At once nothing is left; back after the delay, with whatever
	// secret.
	d, _, err := f.i.Delete(t.Context(), testkit.Deletion(t, f.i, fresh.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []scope.Policy{once, returning, daily} {
		f.act(fresh, after, p, api.RootExpired)
	}
	f.w.Clock.Move(time.Minute)
	if _, err := f.i.Enrol(t.Context(), f.w.Start(t, f.i, alice.Again(51))); code(err) != api.CooldownActive {
		t.Errorf("%v", err)
	}
	f.w.Clock.Move(time.Unix(int64(d.ReentryAt), 0).Sub(f.w.Clock.Now()))
	back := alice.Again(52)
	for _, p := range []*testkit.Person{back, testkit.NewPerson(9)} {
		if _, err := f.i.Enrol(t.Context(), f.w.Start(t, f.i, p)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	returned, _ := f.group()
	f.act(back, returned, daily, api.OK)
	f.act(back, returned, once, api.OK)
	f.act(back, returned, vote, api.RootNotSnapshot)

	// The operator removes somebody: normally, older roots run out; urgently,
	// they are void at once. Who was removed does not come back.
	other := testkit.NewPerson(9)
	if err := f.i.Removal(t.Context(), uint64(returned.IndexOf(other.ID.Commitment())), false); err != nil {
		t.Fatal(err)
	}
	f.w.Clock.Move(time.Minute)
	if _, err := f.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.act(other, returned, daily, api.OK) // within the window
	f.w.Clock.Move(hour)
	f.act(other, returned, once, api.RootExpired)
	third := testkit.NewPerson(3)
	now, _ := f.group()
	if err := f.i.Removal(t.Context(), uint64(now.IndexOf(third.ID.Commitment())), true); err != nil {
		t.Fatal(err)
	}
	f.act(third, now, daily, api.RootExpired)
	f.w.Clock.Move(40 * day)
	if _, err := f.i.Enrol(t.Context(), f.w.Start(t, f.i, third.Again(60))); code(err) != api.AlreadyEnrolled {
		t.Errorf("%v", err)
	}
	if _, _, err := f.i.Recover(t.Context(), f.w.Recovery(t, f.i, third.Again(61))); code(err) != api.NotAccepted {
		t.Errorf("%v", err)
	}
}
