package verifier_test

// What went wrong elsewhere, each as a test. The first ten are the traps of the
// best known verify call in the field: what its route answers, and what its
// callers therefore have to know.

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// Trap 1: a nullifier that was used before answers success, and only a sentence
// in English differs. Here it is a refusal, in the boolean, in the code, in the
// words that other integrations read, and in which challenge it came with.
func TestTrap1UsedNullifierIsNoSuccess(t *testing.T) {
	for _, p := range []scope.Policy{scope.Once(), scope.PerDay(5), scope.PerEpoch(time.Hour, 1)} {
		s := newScene(t)
		s.want(s.request(0, p, 0, s.ask(p)), api.OK)
		v := s.want(s.request(0, p, 0, s.ask(p)), api.NullifierAlreadyUsed)
		if v.Success || len(v.ErrorCodes) != 1 || v.SameMessage == nil || v.FirstSeenAt == 0 || v.Retryable || v.VerificationID != "" {
			t.Errorf("%+v", v)
		}
	}
	// Where a second time is welcome the program has said so, and it is a field.
	s := newScene(t)
	p := scope.Returning()
	for i := range 2 {
		if v := s.want(s.request(0, p, 0, s.ask(p)), api.OK); v.Returning != (i == 1) {
			t.Errorf("visit %d: %+v", i, v)
		}
	}
}

// Trap 2: of several proofs one that passes makes all of them pass, also when
// all were asked for. Here every one of an AND must pass, and of a batch each has
// a verdict of its own.
func TestTrap2OneOfSeveralIsNotAll(t *testing.T) {
	s, _ := pair(t)
	good := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	for i := range 2 {
		half := good
		half.And = slices.Clone(good.And)
		p := *good.And[0]
		if i == 0 {
			p = *good.Proof
		}
		swap(&p)
		if half.And[0] = &p; i == 0 {
			half.Proof, half.And = &p, good.And
		}
		s.want(half, api.ProofInvalid)
	}
	single := newScene(t)
	a, b := single.request(0, perDay, 0, single.ask(perDay)), single.request(1, perDay, 0, single.ask(perDay))
	out := single.v.ConsumeBatch(t.Context(), []verifier.Request{a, bad(b)})
	if !out[0].Verdict.Success || out[1].Verdict.Success {
		t.Errorf("%+v", out)
	}
}

// Trap 3: the nonce is not stored, so one proof passes in many sessions. Here
// the nonce is the first row that is written, and outlives its challenge.
func TestTrap3NonceIsStored(t *testing.T) {
	store := must(sqlite.Open(filepath.Join(t.TempDir(), "s.db")))
	defer store.Close()
	s := newScene(t, func(c *verifier.Config) { c.Store = store })
	p := scope.Returning() // the policy under which a nullifier says no to nobody
	r := s.request(0, p, 0, s.ask(p))
	s.want(r, api.OK)
	s.want(r, api.ChallengeAlreadyUsed)
	s.now = s.now.Add(329 * time.Second) // the last second of its life
	if err := s.v.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(r, api.ChallengeAlreadyUsed)
	s.now = s.now.Add(time.Second)
	s.want(r, api.ChallengeExpired)
}

// Trap 4: nullifiers of sessions are left to the caller to store. Here a
// sign-in is counted by the same rows, and a replay is no visit.
func TestTrap4SignInsAreStored(t *testing.T) {
	s := newScene(t)
	p := scope.Returning()
	first := s.request(0, p, 0, s.ask(p))
	s.want(first, api.OK)
	s.want(first, api.ChallengeAlreadyUsed)
	if v := s.want(s.request(0, p, 0, s.ask(p)), api.OK); !v.Returning || v.FirstSeenAt != uint64(noon.Unix()) {
		t.Errorf("%+v", v)
	}
	s.want(first, api.ChallengeAlreadyUsed)
}

// Trap 5: the caller picks the environment, so a proof for staging passes when
// it is sent as one for staging. Here no request has a field for it, and what was
// spent in one environment is not spent in another.
func TestTrap5NoEnvironmentInRequests(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[verifier.Request](), reflect.TypeFor[api.VerifyRequest](), reflect.TypeFor[api.ChallengeRequest]()} {
		for _, f := range reflect.VisibleFields(typ) {
			if strings.Contains(strings.ToLower(f.Name+string(f.Tag)), "environment") {
				t.Errorf("%s.%s", typ, f.Name)
			}
		}
	}
	var in api.VerifyRequest
	if err := api.Decode([]byte(`{"action":"post","environment":"test"}`), &in); api.CodeOf(err) != api.MalformedRequest {
		t.Error(err)
	}
	store := memory.New()
	live := newScene(t, func(c *verifier.Config) { c.Store = store })
	test := newScene(t, func(c *verifier.Config) { c.Store, c.Environment = store, "test" })
	r := live.request(0, scope.Once(), 0, live.ask(scope.Once()))
	if v := test.want(r, api.OK); v.Environment != "test" {
		t.Errorf("%+v", v)
	}
	if v := live.want(r, api.OK); v.Environment != "live" {
		t.Errorf("%+v", v)
	}
}

// Trap 6: expiry and issuer come from the prover's own payload and are compared
// with nothing. Here a proof carries no such field at all: the root says whose
// set it is and how old, and both are looked up.
func TestTrap6ProverStatesNothing(t *testing.T) {
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[semaphore.Proof]()) {
		fields = append(fields, f.Name)
	}
	if want := []string{"MerkleTreeDepth", "MerkleTreeRoot", "Nullifier", "Message", "Scope", "Points"}; !slices.Equal(fields, want) {
		t.Errorf("a proof has %v", fields)
	}
	s, good := goodRequest(t)
	s.roots.Expire(good.Proof.MerkleTreeRoot, true)
	s.want(good, api.RootExpired)
	s.roots.Expire(good.Proof.MerkleTreeRoot, false)
	foreign := good
	foreign.Proof = verifiertest.Two().Prove(t, 0, good.Proof.Message, good.Proof.Scope) // of an issuer that is not asked for
	s.want(foreign, api.RootUnknown)
	s.want(good, api.OK)
}

// Trap 7: flags such as "the user was present" are carried and never checked.
// Here a request, a proof in JSON and a verdict have no field that nothing
// checks: what is not known is refused.
func TestTrap7NoUncheckedFlags(t *testing.T) {
	_, good := goodRequest(t)
	text := string(must(json.Marshal(good.Proof)))
	for _, extra := range []string{`"user_presence_completed":true`, `"identity_attested":true`, `"expires_at_min":1`, `"issuer_schema_id":1`} {
		if _, err := verifier.ParseProof([]byte(strings.Replace(text, "{", "{"+extra+",", 1))); api.CodeOf(err) != api.MalformedRequest {
			t.Errorf("%s: %v", extra, err)
		}
		var in api.VerifyRequest
		if err := api.Decode([]byte(`{"action":"post",`+extra+`}`), &in); api.CodeOf(err) != api.MalformedRequest {
			t.Errorf("%s: %v", extra, err)
		}
	}
}

// Trap 8: the digest that should protect the whole request covers the nonce
// alone. Here the message binds the content and every byte of the challenge, and
// with it relying party, action, origin, session and times.
func TestTrap8MessageCoversTheChallenge(t *testing.T) {
	_, good := goodRequest(t)
	token := must(scope.DecodeToken(good.Challenge))
	for i := range token {
		s, r := goodRequest(t)
		r.Challenge = flip(r.Challenge, i)
		if v := s.consume(r); v.Success || v.Code == api.OK {
			t.Fatalf("byte %d of the challenge does not matter", i)
		}
		// Not even if the server had signed such a challenge.
		changed := must(scope.DecodeToken(r.Challenge))
		if scope.Message(content, scope.ChallengeDigest(changed)) == good.Proof.Message {
			t.Fatalf("byte %d of the challenge is not in the message", i)
		}
	}
	s, r := goodRequest(t)
	r.Content[31] ^= 1
	s.want(r, api.MessageMismatch)
}

// Trap 9: two versions of the protocol give one human two nullifiers, so a claim
// passes twice during a migration. Here a scope is of one version, deeper trees
// and frozen sets change no nullifier, and neither does the issuer.
func TestTrap9OneNullifierThroughMigrations(t *testing.T) {
	one, two := verifiertest.One(), verifiertest.Two()
	p := scope.Once()
	sc := must(scope.Compute(rp, action, p.Period(noon), 0))
	if one.IDs[0].Nullifier(sc) != two.IDs[0].Nullifier(sc) {
		t.Error("another issuer, another nullifier")
	}
	// From one issuer to another in mid-action: the secret that was used stays used.
	store := memory.New()
	before := newScene(t, func(c *verifier.Config) { c.Store = store })
	before.want(before.request(0, p, 0, before.ask(p)), api.OK)
	after := newScene(t, func(c *verifier.Config) { c.Store, c.Roots = store, second() })
	after.ask(p) // a nonce that before has used
	r := after.request(0, p, 0, after.ask(p))
	r.Proof = two.Prove(t, 0, r.Proof.Message, r.Proof.Scope)
	after.want(r, api.NullifierAlreadyUsed)
	// Another depth is refused, not counted apart.
	deeper := newScene(t, func(c *verifier.Config) { c.Store, c.Depth = store, 32 })
	deeper.want(r, api.DepthUnsupported)
}

// Trap 10: the signal's hash in the body is the prover's, and the sample back end
// signs whatever action the client names. Here the server computes the content
// itself, and a challenge is signed for actions of the program alone.
func TestTrap10ServerComputesTheSignal(t *testing.T) {
	s, good := goodRequest(t)
	r := good
	r.Content = must(scope.Content(scope.KindRaw, []byte("another body"))) // what the server received
	s.want(r, api.MessageMismatch)
	r = good
	r.Content = scope.Digest{} // the server binds nothing
	s.want(r, api.MessageMismatch)
	s.want(good, api.OK)
	if _, err := s.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: "grant-admin", Origin: origin}); err == nil {
		t.Error("an action without a policy of the program's was signed for")
	}
}

// Hex twins: one nullifier written in two ways counts once, since it is compared
// and stored as 32 bytes, and has one spelling on the wire (T22).
func TestTrapHexTwins(t *testing.T) {
	s, good := goodRequest(t)
	s.want(good, api.OK)
	twin := s.request(0, perDay, 0, s.ask(perDay))
	addR(&twin.Proof.Nullifier)
	s.want(twin, api.NotCanonical)
	text := string(must(json.Marshal(good.Proof)))
	n := good.Proof.Nullifier
	for _, spelled := range []string{n.Hex(), strings.ToUpper(n.Hex()), "0" + n.String(), strings.TrimPrefix(n.Hex(), "0x")} {
		if p, err := verifier.ParseProof([]byte(strings.Replace(text, n.String(), spelled, 1))); err == nil {
			t.Errorf("%q is read as %s", spelled, p.Nullifier)
		}
	}
}

// A replayed idempotency key answers what it answered, and says that it did: the
// caller that runs its handler on Replayed does so knowingly. (The Gate does not:
// see package sdk.)
func TestTrapReplayedKeyIsMarked(t *testing.T) {
	s, r := goodRequest(t)
	r.IdempotencyKey, r.Credential = "k", "app"
	var handled atomic.Int32
	for range 5 {
		if v := s.want(r, api.OK); !v.Replayed {
			handled.Add(1)
		}
	}
	if handled.Load() != 1 {
		t.Errorf("the handler would have run %d times", handled.Load())
	}
}

// A policy that changes under a live action is refused, whatever it changes to
// and by whatever process; k may grow from the next period on.
func TestTrapPolicyChangedUnderALiveAction(t *testing.T) {
	store := memory.New()
	s := newScene(t, func(c *verifier.Config) { c.Store = store })
	s.want(s.request(0, perDay, 0, s.ask(perDay)), api.OK)
	other := newScene(t, func(c *verifier.Config) { c.Store = store })
	for _, p := range []scope.Policy{scope.Once(), scope.Returning(), scope.PerEpoch(time.Hour, 5), scope.Snapshot(3, perDay)} {
		if _, err := other.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: action, Policy: p, Origin: origin}); api.CodeOf(err) != api.PolicyConflict {
			t.Errorf("%s: %v", p, err)
		}
		r := other.request(0, perDay, 1, s.ask(perDay))
		r.Policy = p
		other.want(r, api.PolicyConflict)
	}
	more := scope.PerDay(9)
	r := other.request(0, more, 5, s.ask(perDay))
	r.Policy = more
	other.want(r, api.ScopeMismatch) // a sixth slot is not of today
}

// A challenge for one action is worth nothing at another, nor in another
// session, with a proof that is good in every other way.
func TestTrapTokenOfAnotherActionOrSession(t *testing.T) {
	s := newScene(t)
	c, err := s.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: "vote", Policy: perDay, Origin: origin, Session: "session 1"})
	if err != nil {
		t.Fatal(err)
	}
	r := s.request(0, perDay, 0, c.Challenge) // scope and message as "post" wants them
	s.want(r, api.ChallengeWrongAction)
	mine := s.request(0, perDay, 0, s.ask(perDay))
	theirs := mine
	theirs.Session = "session 2"
	s.want(theirs, api.ChallengeWrongSession)
	s.want(mine, api.OK)
}

// Two proofs of an AND are one act: they spend one nullifier, once.
func TestTrapTwoProofsOfAnAndCountOnce(t *testing.T) {
	s, _ := pair(t)
	p := scope.PerDay(2)
	v := s.want(s.answerBoth(0, p, 0, s.ask(p)), api.OK)
	if v.Bound != 1 || v.K != 2 {
		t.Errorf("%+v", v)
	}
	s.want(s.answerBoth(0, p, 1, s.ask(p)), api.OK) // the second slot is there still
	s.want(s.answerBoth(0, p, 1, s.ask(p)), api.NullifierAlreadyUsed)
}
