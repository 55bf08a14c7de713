package verifier_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// faults change one thing about a good request, in the order of the checks.
var faults = []struct {
	name   string
	code   api.Code
	change func(*scene, *verifier.Request)
}{
	{"no proof", api.MalformedRequest, func(_ *scene, r *verifier.Request) { r.Proof = nil }},
	{"another depth", api.DepthUnsupported, func(_ *scene, r *verifier.Request) { r.Proof.MerkleTreeDepth = 19 }},
	{"nullifier plus r", api.NotCanonical, func(_ *scene, r *verifier.Request) { addR(&r.Proof.Nullifier) }},
	{"root plus r", api.NotCanonical, func(_ *scene, r *verifier.Request) { addR(&r.Proof.MerkleTreeRoot) }},
	{"a key with a space", api.MalformedRequest, func(_ *scene, r *verifier.Request) { r.IdempotencyKey = "a b" }},
	{"another policy", api.PolicyConflict, func(_ *scene, r *verifier.Request) { r.Policy = scope.Once() }},
	{"no challenge", api.ChallengeMissing, func(_ *scene, r *verifier.Request) { r.Challenge = "" }},
	{"no token", api.ChallengeInvalid, func(_ *scene, r *verifier.Request) { r.Challenge = "hello" }},
	{"padded token", api.ChallengeInvalid, func(_ *scene, r *verifier.Request) { r.Challenge += "=" }},
	{"a flipped bit", api.ChallengeInvalid, func(_ *scene, r *verifier.Request) { r.Challenge = flip(r.Challenge, 60) }},
	{"another's key", api.ChallengeInvalid, func(s *scene, r *verifier.Request) { r.Challenge = forged(s) }},
	{"an old challenge", api.ChallengeExpired, func(s *scene, _ *verifier.Request) { s.now = s.now.Add(330 * time.Second) }},
	{"a challenge from the future", api.ChallengeInvalid, func(s *scene, _ *verifier.Request) { s.now = s.now.Add(-31 * time.Second) }},
	{"another site", api.ChallengeWrongRP, func(s *scene, r *verifier.Request) { reSign(s, r, func(c *scope.Challenge) { c.RP[0] ^= 1 }) }},
	{"another action", api.ChallengeWrongAction, func(s *scene, r *verifier.Request) { reSign(s, r, func(c *scope.Challenge) { c.Action[0] ^= 1 }) }},
	{"another action of ours", api.ChallengeWrongAction, func(_ *scene, r *verifier.Request) { r.Action = "vote" }},
	{"another origin in the challenge", api.ChallengeWrongOrigin, func(s *scene, r *verifier.Request) { reSign(s, r, func(c *scope.Challenge) { c.Origin[0] ^= 1 }) }},
	{"another origin sends it", api.ChallengeWrongOrigin, func(_ *scene, r *verifier.Request) { r.Origin = "https://evil.example" }},
	{"no origin at all", api.ChallengeWrongOrigin, func(_ *scene, r *verifier.Request) { r.Origin = "null" }},
	{"another session", api.ChallengeWrongSession, func(_ *scene, r *verifier.Request) { r.Session = "session 2" }},
	{"the session left out", api.ChallengeWrongSession, func(_ *scene, r *verifier.Request) { r.Session = "" }},
	{"another scope", api.ScopeMismatch, func(_ *scene, r *verifier.Request) { r.Proof.Scope[31] ^= 1 }},
	{"a slot past k", api.ScopeMismatch, func(s *scene, r *verifier.Request) { r.Proof.Scope = scopeOf(rp, action, s.now, 5) }},
	{"yesterday's scope", api.ScopeMismatch, func(s *scene, r *verifier.Request) {
		r.Proof.Scope = scopeOf(rp, action, s.now.AddDate(0, 0, -1), 0)
	}},
	{"another site's scope", api.ScopeMismatch, func(s *scene, r *verifier.Request) { r.Proof.Scope = scopeOf("evil.example", action, s.now, 0) }},
	{"another message", api.MessageMismatch, func(_ *scene, r *verifier.Request) { r.Proof.Message[0] ^= 1 }},
	{"other content", api.MessageMismatch, func(_ *scene, r *verifier.Request) { r.Content[0] ^= 1 }},
	{"root 0", api.RootUnknown, func(_ *scene, r *verifier.Request) { r.Proof.MerkleTreeRoot = semaphore.Element{} }},
	{"a made-up root", api.RootUnknown, func(_ *scene, r *verifier.Request) { r.Proof.MerkleTreeRoot[31] ^= 1 }},
	{"an expired root", api.RootExpired, func(s *scene, r *verifier.Request) { s.roots.Expire(r.Proof.MerkleTreeRoot, true) }},
	{"a silent issuer", api.RootsStale, func(s *scene, _ *verifier.Request) { s.roots.Set(setlog.ErrStale) }},
	{"a point off its curve", api.ProofInvalid, func(_ *scene, r *verifier.Request) { r.Proof.Points[0][31] ^= 1 }},
	{"swapped points", api.ProofInvalid, func(_ *scene, r *verifier.Request) { swap(r.Proof) }},
	{"another nullifier", api.ProofInvalid, func(_ *scene, r *verifier.Request) { r.Proof.Nullifier[31] ^= 1 }},
}

var perDay = scope.PerDay(5)

// goodRequest is the one request that all tests spoil; its proof is made once.
func goodRequest(t *testing.T) (*scene, verifier.Request) {
	s := newScene(t)
	return s, s.request(0, perDay, 0, s.ask(perDay))
}

// Every expectation is the verifier's own. No refusal of these costs anybody
// anything: the good request passes afterwards.
func TestRefusals(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			s, good := goodRequest(t)
			bad, p := good, *good.Proof
			bad.Proof = &p
			f.change(s, &bad)
			for range 2 { // Check and Consume agree
				if v := verdictOf(s.v.Check(t.Context(), bad)); v.Code != f.code {
					t.Fatalf("Check: %s, want %s", v.Code, f.code)
				}
				v := s.want(bad, f.code)
				if v.Nullifier != "" || v.Root != "" || v.VerificationID != "" {
					t.Errorf("a refusal tells too much: %+v", v)
				}
			}
			if n := s.counters.Snapshot(); n[f.code] != 4 || len(n) != 1 {
				t.Errorf("counters %v", n)
			}
			s.now = noon
			s.roots.Set(nil)
			s.roots.Expire(good.Proof.MerkleTreeRoot, false)
			s.want(good, api.OK)
		})
	}
}

// The order of protocol.md section 4: of two faults the cheaper one is told,
// so a flood of bad proofs never reaches the pairing.
func TestChecksAreOrdered(t *testing.T) {
	for i, first := range faults {
		for _, second := range faults[i+1:] {
			if skipPair[first.name] || skipPair[second.name] || first.code == second.code {
				continue
			}
			s, good := goodRequest(t)
			bad, p := good, *good.Proof
			bad.Proof = &p
			second.change(s, &bad)
			first.change(s, &bad)
			if v := s.consume(bad); v.Code != first.code {
				t.Errorf("%s and %s: told %s", first.name, second.name, v.Code)
			}
		}
	}
}

// skipPair are faults whose changes undo each other or move several things.
var skipPair = map[string]bool{
	"no proof": true, "another policy": true, "another action of ours": true, "a challenge from the future": true,
	"an old challenge": true, "another site": true, "another action": true, "another origin in the challenge": true, "another's key": true,
	"a silent issuer": true, // knows of no root at all
}

// swap puts A in the place of C: all points are good, the equation is not.
func swap(p *semaphore.Proof) {
	p.Points[0], p.Points[1], p.Points[6], p.Points[7] = p.Points[6], p.Points[7], p.Points[0], p.Points[1]
}

func addR(e *semaphore.Element) {
	r, _ := new(big.Int).SetString("21888242871839275222246405745257275088548364400416034343698204186575808495617", 10)
	r.Add(r, new(big.Int).SetBytes(e[:]))
	r.FillBytes(e[:])
}

func flip(token string, i int) string {
	b := must(scope.DecodeToken(token))
	b[i] ^= 1
	return scope.EncodeToken(b)
}

func scopeOf(rp, action string, at time.Time, slot uint32) semaphore.Uint256 {
	return must(scope.Compute(rp, action, perDay.Period(at), slot))
}

// forged is a challenge that somebody else signed.
func forged(s *scene) string {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = 1
	c := must(scope.NewChallenge(zeros{}, scope.ChallengeParams{RP: rp, Action: action, Origin: origin, Session: "session 1", Now: s.now}))
	return scope.EncodeToken(c.Sign(ed25519.NewKeyFromSeed(seed)))
}

// reSign changes the challenge and signs it with the verifier's own key: the
// server once signed this, for something else.
func reSign(_ *scene, r *verifier.Request, change func(*scope.Challenge)) {
	c := must(scope.ParseChallenge(must(scope.DecodeToken(r.Challenge))))
	change(&c)
	r.Challenge = scope.EncodeToken(c.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A challenge that names its content binds the proof to it.
func TestContentInChallenge(t *testing.T) {
	s := newScene(t)
	c, err := s.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: action, Policy: perDay, Origin: origin, Session: "session 1", Content: scope.Digest{1}})
	if err != nil {
		t.Fatal(err)
	}
	s.want(s.request(0, perDay, 0, c.Challenge), api.MessageMismatch)
}

func TestChallengeRefusals(t *testing.T) {
	s := newScene(t)
	if _, err := s.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: action, Policy: scope.Once(), Origin: origin}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		r    verifier.ChallengeRequest
		code api.Code
	}{
		"foreign origin": {verifier.ChallengeRequest{Action: action, Policy: scope.Once(), Origin: "https://evil.example"}, api.OriginNotAllowed},
		"no origin":      {verifier.ChallengeRequest{Action: action, Policy: scope.Once()}, api.OriginNotAllowed},
		"plain http":     {verifier.ChallengeRequest{Action: action, Policy: scope.Once(), Origin: "http://forum.example"}, api.OriginNotAllowed},
		"no action":      {verifier.ChallengeRequest{Policy: scope.Once(), Origin: origin}, api.MalformedRequest},
		"other policy":   {verifier.ChallengeRequest{Action: action, Policy: scope.PerDay(1), Origin: origin}, api.PolicyConflict},
		"no policy":      {verifier.ChallengeRequest{Action: action, Origin: origin}, api.Internal},
	} {
		if _, err := s.v.Challenge(t.Context(), c.r); api.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// T26: no number of a proof, no token and no key is in an error's text.
func TestT26ErrorsTellNothing(t *testing.T) {
	for _, f := range faults {
		s, r := goodRequest(t)
		p := *r.Proof
		r.Proof = &p
		r.IdempotencyKey = "secret-idempotency-key"
		f.change(s, &r)
		_, err := s.v.Consume(t.Context(), r)
		if err == nil {
			continue
		}
		text := err.Error()
		for _, secret := range []string{p.Nullifier.String(), r.Challenge, "secret-idempotency-key", "session 1"} {
			if len(secret) >= 9 && strings.Contains(text, secret) {
				t.Errorf("%s: %s", f.name, text)
			}
		}
	}
}

// T22: one nullifier has one spelling on the wire.
func TestT22Spellings(t *testing.T) {
	_, good := goodRequest(t)
	text := must(json.Marshal(good.Proof))
	if _, err := verifier.ParseProof(text); err != nil {
		t.Fatal(err)
	}
	n := good.Proof.Nullifier.String()
	for _, other := range []string{"0" + n, "+" + n, " " + n, "0x" + good.Proof.Nullifier.Hex()[2:], "0X" + good.Proof.Nullifier.Hex()[2:], n + " ", n + ".0", n + "e0", ""} {
		_, err := verifier.ParseProof([]byte(strings.Replace(string(text), `"`+n+`"`, `"`+other+`"`, 1)))
		if code := api.CodeOf(err); code != api.NotCanonical && code != api.MalformedRequest {
			t.Errorf("%q: %v", other, err)
		}
	}
	packed := must(good.Proof.Packed())
	for name, in := range map[string]string{
		"empty": ``, "null": `null`, "number": `7`, "array": `[]`, "object": `{}`, "padded": `"` + packed + `="`, "short": `"` + packed[1:] + `"`,
		"long": `"` + packed + `A"`, "newline": `"` + packed[:9] + `\n` + packed[9:] + `"`, "nothing": `""`, "half": `"`,
	} {
		if _, err := verifier.ParseProof([]byte(in)); err == nil || api.CodeOf(err) == api.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verifier.ParseProof(must(json.Marshal(packed))); err != nil {
		t.Error(err)
	}
	p, challenge, err := verifier.ParseResponse(packed + ".token")
	if err != nil || challenge != "token" || *p != *good.Proof {
		t.Errorf("%v", err)
	}
	if _, _, err := verifier.ParseResponse(strings.Repeat("A", verifier.MaxResponse+1)); api.CodeOf(err) != api.TooLarge {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	s := newScene(t)
	good := verifier.Config{RP: rp, Roots: s.roots, Store: memory.New()}
	for name, change := range map[string]func(*verifier.Config){
		"no rp":             func(c *verifier.Config) { c.RP = "" },
		"an upper-case rp":  func(c *verifier.Config) { c.RP = "Forum.example" },
		"no roots":          func(c *verifier.Config) { c.Roots = nil },
		"no store":          func(c *verifier.Config) { c.Store = nil },
		"a foreign origin":  func(c *verifier.Config) { c.Origins = []string{"https://evil.example"} },
		"plain http":        func(c *verifier.Config) { c.Origins = []string{"http://forum.example"} },
		"depth 33":          func(c *verifier.Config) { c.Depth = 33 },
		"an environment":    func(c *verifier.Config) { c.Environment = "Live!" },
		"a short key":       func(c *verifier.Config) { c.Keys = []ed25519.PrivateKey{make([]byte, 32)} },
		"no randomness":     func(c *verifier.Config) { c.Rand = strings.NewReader("") },
		"a store that died": func(c *verifier.Config) { c.Store = closedStore() },
	} {
		c := good
		change(&c)
		if _, err := verifier.New(t.Context(), c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if got := verifier.DefaultOrigin("agora.localhost:8080"); got != "http://agora.localhost:8080" {
		t.Error(got)
	}
	if got := verifier.DefaultOrigin(rp); got != origin {
		t.Error(got)
	}
}

func closedStore() verifier.Store {
	s := memory.New()
	_ = s.Close()
	return s
}

func TestAnyOf(t *testing.T) {
	s := newScene(t)
	root := s.set.Group.Root()
	empty := s.set.Roots()
	empty.Good = nil
	silent := s.set.Roots()
	silent.Set(setlog.ErrStale)
	for name, c := range map[string]struct {
		roots verifier.Roots
		want  error
	}{
		"second knows":          {verifier.AnyOf(empty, s.roots), nil},
		"one silent, one knows": {verifier.AnyOf(silent, s.roots), nil},
		"nobody knows":          {verifier.AnyOf(empty, empty), setlog.ErrRootUnknown},
		"one cannot tell":       {verifier.AnyOf(silent, empty), setlog.ErrStale},
	} {
		if _, err := c.roots.Root(t.Context(), root, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verifier.AnyOf(silent, s.roots).(verifier.Fresh).Fresh(noon); err == nil {
		t.Error("a silent issuer is fresh")
	}
	if n := verifier.AnyOf(empty, s.roots).(verifier.Crowd).Live(); n != 8 {
		t.Error(n)
	}
}

// T30: the edges of a challenge's life, 300 s and 30 s of skew either way.
func TestT30ChallengeEdges(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		code  api.Code
	}{
		{-31 * time.Second, api.ChallengeInvalid}, {-30 * time.Second, api.OK}, {0, api.OK},
		{329 * time.Second, api.OK}, {330 * time.Second, api.ChallengeExpired}, {331 * time.Second, api.ChallengeExpired},
	} {
		s, r := goodRequest(t)
		s.now = s.now.Add(c.after)
		s.want(r, c.code)
	}
}
