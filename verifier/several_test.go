package verifier_test

import (
	"slices"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// second gives the roots of the other issuer.
func second() *verifiertest.Roots { return verifiertest.Two().Roots() }

// pair is a verifier that wants a proof under each of two issuers.
func pair(t *testing.T) (*scene, *verifiertest.Roots) {
	other := second()
	s := newScene(t, func(c *verifier.Config) { c.Roots = verifier.AllOf(c.Roots, other) })
	return s, other
}

// answerBoth has person i answer under both issuers.
func (s *scene) answerBoth(i int, p scope.Policy, slot uint32, challenge string) verifier.Request {
	s.t.Helper()
	r := s.request(i, p, slot, challenge)
	r.And = []*semaphore.Proof{verifiertest.Two().Prove(s.t, i, r.Proof.Message, r.Proof.Scope)}
	return r
}

// A AND B: one act, one nullifier.
func TestAllOf(t *testing.T) {
	s, _ := pair(t)
	r := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	if r.Proof.MerkleTreeRoot == r.And[0].MerkleTreeRoot || r.Proof.Nullifier != r.And[0].Nullifier {
		t.Fatal("the two sets are not what they should be")
	}
	if v := s.want(r, api.OK); v.Bound != 1 || v.Root != r.Proof.MerkleTreeRoot.String() {
		t.Errorf("%+v", v)
	}
	s.want(r, api.ChallengeAlreadyUsed)
	again := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	s.want(again, api.NullifierAlreadyUsed)
	if out := s.v.ConsumeBatch(t.Context(), []verifier.Request{s.answerBoth(1, scope.Once(), 0, s.ask(scope.Once()))}); out[0].Verdict.Code != api.OK {
		t.Errorf("%+v", out)
	}
}

// Two proofs of an AND that are not what they should be; each is refused, and
// spends nothing.
func TestTwoProofsAreNotAlwaysTwo(t *testing.T) {
	for name, c := range map[string]struct {
		code   api.Code
		change func(*scene, *verifier.Request)
	}{
		"one proof":          {api.IssuerMissing, func(_ *scene, r *verifier.Request) { r.And = nil }},
		"the same twice":     {api.IssuerMissing, func(_ *scene, r *verifier.Request) { r.And = []*semaphore.Proof{r.Proof} }},
		"the other twice":    {api.IssuerMissing, func(_ *scene, r *verifier.Request) { r.Proof = r.And[0] }},
		"the same rewritten": {api.IssuerMissing, func(_ *scene, r *verifier.Request) { p := *r.Proof; swap(&p); r.And = []*semaphore.Proof{&p} }},
		"in the other order": {api.RootUnknown, func(_ *scene, r *verifier.Request) { r.Proof, r.And = r.And[0], []*semaphore.Proof{r.Proof} }},
		"three proofs":       {api.MalformedRequest, func(_ *scene, r *verifier.Request) { r.And = append(r.And, r.And[0]) }},
		"a hole":             {api.MalformedRequest, func(_ *scene, r *verifier.Request) { r.And[0] = nil }},
		"two people": {api.NullifierMismatch, func(s *scene, r *verifier.Request) {
			r.And[0] = verifiertest.Two().Prove(s.t, 1, r.Proof.Message, r.Proof.Scope)
		}},
		"two messages":     {api.MessageMismatch, func(_ *scene, r *verifier.Request) { p := *r.And[0]; p.Message[0] ^= 1; r.And[0] = &p }},
		"two scopes":       {api.ScopeMismatch, func(_ *scene, r *verifier.Request) { p := *r.And[0]; p.Scope[0] ^= 1; r.And[0] = &p }},
		"another depth":    {api.DepthUnsupported, func(_ *scene, r *verifier.Request) { p := *r.And[0]; p.MerkleTreeDepth = 19; r.And[0] = &p }},
		"nullifier plus r": {api.NotCanonical, func(_ *scene, r *verifier.Request) { p := *r.And[0]; addR(&p.Nullifier); r.And[0] = &p }},
		"root 0": {api.RootUnknown, func(_ *scene, r *verifier.Request) {
			p := *r.And[0]
			p.MerkleTreeRoot = semaphore.Element{}
			r.And[0] = &p
		}},
		"a bad second": {api.ProofInvalid, func(_ *scene, r *verifier.Request) { p := *r.And[0]; swap(&p); r.And[0] = &p }},
		"a bad first":  {api.ProofInvalid, func(_ *scene, r *verifier.Request) { p := *r.Proof; swap(&p); r.Proof = &p }},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := pair(t)
			good := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
			wrong := good
			wrong.And = slices.Clone(good.And)
			c.change(s, &wrong)
			s.want(wrong, c.code)
			if code := codesOf(s.v.ConsumeBatch(t.Context(), []verifier.Request{wrong}))[0]; code != c.code {
				t.Errorf("in a batch: %s", code)
			}
			s.want(good, api.OK)
		})
	}
	// Where one issuer is enough, a second proof has no meaning.
	s, _ := pair(t)
	r := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	newScene(t).want(r, api.MalformedRequest)
}

// Either of the issuers being silent is enough to decide nothing.
func TestAllOfFailsClosed(t *testing.T) {
	s, other := pair(t)
	r := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	other.Set(setlog.ErrStale)
	s.want(r, api.RootsStale)
	if err := s.v.Ready(t.Context()); api.CodeOf(err) != api.RootsStale {
		t.Error(err)
	}
	other.Set(nil)
	other.Expire(r.And[0].MerkleTreeRoot, true)
	s.want(r, api.RootExpired)
	other.Expire(r.And[0].MerkleTreeRoot, false)
	s.want(r, api.OK)
	for _, n := range []int{0, verifier.MaxProofs + 1} {
		roots := make([]verifier.Roots, n)
		if _, err := verifier.New(t.Context(), verifier.Config{RP: rp, Store: s.store, Roots: verifier.AllOf(roots...)}); err == nil {
			t.Errorf("%d issuers are accepted", n)
		}
	}
	if _, err := verifier.AllOf(s.roots, other).Root(t.Context(), r.Proof.MerkleTreeRoot, noon); err == nil {
		t.Error("one root of several is enough")
	}
}

// A OR B: the same secret counts once, under whichever root.
func TestAnyOfCountsASecretOnce(t *testing.T) {
	other := second()
	s := newScene(t, func(c *verifier.Config) { c.Roots = verifier.AnyOf(c.Roots, other) })
	r := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	viaB := r
	viaB.Proof, viaB.And = r.And[0], nil
	if v := s.want(viaB, api.OK); v.Bound != 2 {
		t.Errorf("%+v", v)
	}
	r = s.request(0, scope.Once(), 0, s.ask(scope.Once()))
	s.want(r, api.NullifierAlreadyUsed)
}

func TestParseAnswer(t *testing.T) {
	s, _ := pair(t)
	r := s.answerBoth(0, scope.Once(), 0, s.ask(scope.Once()))
	one, two := must(r.Proof.Packed()), must(r.And[0].Packed())
	proofs, challenge, err := verifier.ParseAnswer(one + "." + two + "." + r.Challenge)
	if err != nil || len(proofs) != 2 || *proofs[0] != *r.Proof || *proofs[1] != *r.And[0] || challenge != r.Challenge {
		t.Errorf("%d %v", len(proofs), err)
	}
	if proofs, challenge, err = verifier.ParseAnswer(one); err != nil || len(proofs) != 1 || challenge != "" {
		t.Errorf("%d %q %v", len(proofs), challenge, err)
	}
	if four := one + "." + one + "." + one + "." + one + "." + r.Challenge; len(four) > verifier.MaxResponse {
		t.Error("four proofs do not fit into a response")
	} else if proofs, _, err = verifier.ParseAnswer(four); err != nil || len(proofs) != verifier.MaxProofs {
		t.Error(err)
	}
	for name, in := range map[string]string{
		"nothing": "", "a dot": ".", "dots": "....", "a hole": one + "..c", "five": one + "." + one + "." + one + "." + one + "." + one + ".c", "cut": one[1:] + ".c",
	} {
		if _, _, err := verifier.ParseAnswer(in); api.CodeOf(err) != api.MalformedRequest && api.CodeOf(err) != api.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	// For a verifier of one issuer the rest is a challenge, which no key signed.
	if _, challenge, err := verifier.ParseResponse(one + "." + two + "." + r.Challenge); err != nil || challenge != two+"."+r.Challenge {
		t.Error(err)
	}
}
