package verifier_test

import (
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// codesOf are the codes of a batch, of errors too.
func codesOf(out []verifier.BatchResult) []api.Code {
	var codes []api.Code
	for _, r := range out {
		codes = append(codes, verdictOf(r.Verdict, r.Err).Code)
	}
	return codes
}

// bad spoils the points of a request's proof.
func bad(r verifier.Request) verifier.Request {
	p := *r.Proof
	swap(&p)
	r.Proof = &p
	return r
}

// Each request of a batch gets the verdict that it would get alone, whatever
// stands beside it.
func TestBatchVerdicts(t *testing.T) {
	s := newScene(t)
	var in []verifier.Request
	for i := range 4 {
		in = append(in, s.request(i, perDay, 0, s.ask(perDay)))
	}
	nothing := in[0]
	nothing.Proof = nil
	wrong := in[1]
	wrong.Session = "session 2"
	in = append(in, nothing, wrong, bad(in[0]))
	out := s.v.ConsumeBatch(t.Context(), in)
	want := []api.Code{api.OK, api.OK, api.OK, api.OK, api.MalformedRequest, api.ChallengeWrongSession, api.ProofInvalid}
	for i, code := range codesOf(out) {
		if code != want[i] {
			t.Errorf("request %d: %s, want %s", i, code, want[i])
		}
	}
	if out[2].Verdict.Nullifier != in[2].Proof.Nullifier.String() || out[2].Verdict.Bound != 1 || out[2].Verdict.Slot == nil {
		t.Errorf("%+v", out[2].Verdict)
	}
	for i, code := range codesOf(s.v.ConsumeBatch(t.Context(), in[:4])) {
		if code != api.ChallengeAlreadyUsed {
			t.Errorf("again, request %d: %s", i, code)
		}
	}
	if n := s.counters.Snapshot(); n[api.OK] != 4 || n[api.ProofInvalid] != 1 || n[api.ChallengeAlreadyUsed] != 4 {
		t.Errorf("counters %v", n)
	}
	if got := s.v.ConsumeBatch(t.Context(), nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for _, code := range codesOf(s.v.ConsumeBatch(t.Context(), make([]verifier.Request, verifier.MaxBatch+1))) {
		if code != api.TooLarge {
			t.Fatal(code)
		}
	}
}

// Two requests of one batch that spend one nullifier, or one challenge: exactly
// one is accepted.
func TestBatchOneWinner(t *testing.T) {
	for range 20 {
		s := newScene(t)
		r := s.request(0, perDay, 0, s.ask(perDay))
		rival := s.request(0, perDay, 0, s.ask(perDay)) // the same person and slot, a second challenge
		codes := map[api.Code]int{}
		for _, code := range codesOf(s.v.ConsumeBatch(t.Context(), []verifier.Request{r, rival, r, rival, r})) {
			codes[code]++
		}
		if codes[api.OK] != 1 || codes[api.NullifierAlreadyUsed]+codes[api.ChallengeAlreadyUsed] != 4 {
			t.Fatalf("%v", codes)
		}
	}
}

// Idempotency keys work in a batch, and after time has passed.
func TestBatchRepeats(t *testing.T) {
	s := newScene(t)
	r := s.request(0, perDay, 1, s.ask(perDay))
	r.IdempotencyKey, r.Credential = "k", "app"
	first := s.want(r, api.OK)
	s.now = s.now.Add(10 * time.Minute)
	out := s.v.ConsumeBatch(t.Context(), []verifier.Request{r, bad(r)})
	if v := out[0].Verdict; out[0].Err != nil || !v.Replayed || v.VerificationID != first.VerificationID {
		t.Errorf("%+v %v", v, out[0].Err)
	}
	if out[1].Verdict.Code != api.ProofInvalid {
		t.Errorf("%+v", out[1])
	}
}

// What cannot be decided is an error for each, and nobody passes.
func TestBatchTrouble(t *testing.T) {
	broken := &brokenStore{Store: memory.New(), err: verifier.ErrInDoubt}
	s := newScene(t, func(c *verifier.Config) { c.Store = broken })
	in := []verifier.Request{s.request(0, perDay, 0, s.ask(perDay)), s.request(1, perDay, 0, s.ask(perDay))}
	for i, code := range codesOf(s.v.ConsumeBatch(t.Context(), in)) {
		if code != api.InDoubt {
			t.Errorf("request %d: %s", i, code)
		}
	}
	s.roots.Set(setlog.ErrStale)
	for i, code := range codesOf(s.v.ConsumeBatch(t.Context(), in)) {
		if code != api.RootsStale {
			t.Errorf("request %d: %s", i, code)
		}
	}
	// No place among the batches that run, and none to wait.
	s = newScene(t, func(c *verifier.Config) { c.MaxPairings, c.MaxWaiting, c.MaxWait = 1, 1, 20*time.Millisecond })
	in = []verifier.Request{s.request(0, perDay, 0, s.ask(perDay))}
	inside, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.v.Bounded(t.Context(), func() error { close(inside); <-leave; return nil })
	}()
	<-inside
	for i, code := range codesOf(s.v.ConsumeBatch(t.Context(), in)) {
		if code != api.Overloaded {
			t.Errorf("request %d: %s", i, code)
		}
	}
	close(leave)
	for {
		if codesOf(s.v.ConsumeBatch(t.Context(), in))[0] == api.OK {
			break
		}
	}
}

// Events are made for acceptances alone, and reach the store with the act.
func TestEvents(t *testing.T) {
	kept := &eventKeeper{Store: memory.New()}
	var seen []api.Verdict
	s := newScene(t, func(c *verifier.Config) {
		c.Store = kept
		c.Events = func(v api.Verdict) *verifier.Event {
			seen = append(seen, v)
			return &verifier.Event{ID: v.VerificationID, Body: []byte("{}"), Created: noon}
		}
	})
	r := s.request(0, perDay, 0, s.ask(perDay))
	s.want(bad(r), api.ProofInvalid)
	if len(seen) != 0 || len(kept.events) != 0 {
		t.Error("an event of a refusal")
	}
	v := s.want(r, api.OK)
	if len(seen) != 1 || !equalVerdicts(seen[0], v) || len(kept.events) != 1 || kept.events[0].ID != v.VerificationID {
		t.Errorf("%+v, %+v", seen, kept.events)
	}
	if v := verdictOf(s.v.Check(t.Context(), s.request(1, perDay, 0, s.ask(perDay)))); v.Code != api.OK || len(seen) != 1 {
		t.Error("Check makes an event")
	}
}
