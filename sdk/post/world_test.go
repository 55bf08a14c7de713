package post_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const (
	t0     = 1_790_000_000
	rp     = "agora.localhost:8080"
	action = "post"
)

var (
	verifier = sync.OnceValues(semaphore.NewVerifier)
	prover   = sync.OnceValues(func() (*prove.Prover, error) {
		return prove.New(depth20.NewReader(), prove.WithRand(&stream{seed: "prover"}))
	})
)

// stream is deterministic bytes, so that a golden bundle can be made again.
type stream struct {
	seed string
	mu   sync.Mutex
	n    int
	rest []byte
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rest) < len(p) {
		block := sha256.Sum256(fmt.Appendf(nil, "%s %d", s.seed, s.n))
		s.n++
		s.rest = append(s.rest, block[:]...)
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// world is everything around one post: an issuer's log, a site, a person.
type world struct {
	t      testing.TB
	is     *setlogtest.Issuer
	key    ed25519.PrivateKey
	person *semaphore.Identity
	at     int // position in the set
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, is: setlogtest.New(t, "issuer.example/people"), at: 7}
	seed := make([]byte, ed25519.SeedSize)
	io.ReadFull(setlogtest.Seed("site"), seed)
	w.key = ed25519.NewKeyFromSeed(seed)
	w.person = semaphore.IdentityFromKey([]byte("ada"))
	var members []semaphore.Element
	for i := range 20 {
		members = append(members, setlogtest.Commitment(fmt.Sprint(i)))
	}
	members[w.at] = w.person.Commitment()
	w.is.AnchorMembers(t0-100, members)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// prove makes a proof of the person's for a message and a scope.
func (w *world) prove(message, sc semaphore.Uint256) *semaphore.Proof {
	w.t.Helper()
	p, err := prover()
	w.must(err)
	path, err := w.is.Group.Proof(w.at)
	w.must(err)
	proof, err := p.Prove(w.t.Context(), w.person, path, message, sc)
	w.must(err)
	return proof
}

// params makes the parts of an honest bundle: a post in slot 2 of a day, in
// answer to a challenge, with a receipt.
func (w *world) params() post.Params {
	w.t.Helper()
	p := post.Params{
		Post:   scope.Post{RP: rp, Author: "ada", Created: t0, Text: "Grüße, <world> & all\n", Media: []scope.Digest{{1}, {2}}},
		Action: action, Period: scope.PerDay(5).Period(time.Unix(t0, 0)), Slot: 2, RootProof: w.is.Proof(3),
	}
	content, err := p.Post.Digest()
	w.must(err)
	c, err := scope.NewChallenge(setlogtest.Seed("nonce"), scope.ChallengeParams{
		RP: rp, Action: action, Origin: "http://" + rp, Session: "cookie", Content: content, Now: time.Unix(t0-10, 0),
	})
	w.must(err)
	p.Challenge = c.Sign(w.key)
	sc, err := scope.Compute(rp, action, p.Period, p.Slot)
	w.must(err)
	p.Proof = w.prove(scope.Message(content, scope.ChallengeDigest(p.Challenge)), sc)
	receipt := post.SignReceipt(p.Proof, w.is.Seq, t0+5, w.key)
	p.Receipt = &receipt
	return p
}

func (w *world) config() post.CheckConfig {
	w.t.Helper()
	v, err := verifier()
	w.must(err)
	return post.CheckConfig{
		Issuer: w.is.VKey, RPKeys: []ed25519.PublicKey{w.key.Public().(ed25519.PublicKey)}, Verifier: v,
		RP: rp, Action: action, MaxK: 5,
	}
}

// shared is one honest bundle for all tests: proofs cost time.
var shared struct {
	sync.Once
	params post.Params
}

func honest(t testing.TB) (*world, post.Params) {
	w := newWorld(t)
	shared.Do(func() { shared.params = w.params() })
	if shared.params.Proof == nil {
		t.Fatal("no proof")
	}
	return w, shared.params
}

// bundle gives a deep copy that a test may bend.
func bundle(t testing.TB, p post.Params) post.Bundle {
	t.Helper()
	b, err := post.New(p)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	c, err := post.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.MarshalJSON()
	if err != nil || !bytes.Equal(raw, again) {
		t.Fatalf("JSON does not survive: %v", err)
	}
	return c
}

// rootProof proves an entry under the issuer's newest checkpoint.
func (w *world) rootProof(index int) setlog.RootProof { return w.is.Proof(index) }
