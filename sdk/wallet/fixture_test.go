package wallet_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	origin = "https://forum.example"
	rp     = "forum.example"
	action = "post"
)

var start = time.Unix(1_800_000_000, 0)

// world is an issuer, a relying party and a clock.
type world struct {
	t    testing.TB
	set  *testset.Set
	now  time.Time
	key  []byte // the person's secret
	sign ed25519.PrivateKey
	pub  ed25519.PublicKey
}

func newWorld(t testing.TB, crowd int) *world {
	t.Helper()
	pub, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, set: testset.New(t, "issuer.example/people"), now: start, key: bytes.Repeat([]byte{7, 1, 8}, 11)[:32], sign: sign, pub: pub}
	if crowd > 0 {
		w.set.Anchor(w.now, append(testset.Crowd(crowd), w.commitment()))
	}
	return w
}

func (w *world) commitment() semaphore.Element { return semaphore.IdentityFromKey(w.key).Commitment() }

func (w *world) config() wallet.Config {
	return wallet.Config{
		Issuer: w.set.VKey(), Source: w.set, Store: wallet.NewMemory(), Prover: echo(), Now: func() time.Time { return w.now },
	}
}

// wallet makes an unlocked wallet; change may alter its configuration.
func (w *world) wallet(change func(*wallet.Config)) *wallet.Wallet {
	w.t.Helper()
	cfg := w.config()
	if change != nil {
		change(&cfg)
	}
	out, err := wallet.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := out.Unlock(w.key); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// synced is a wallet that is ready to prove.
func (w *world) synced(change func(*wallet.Config)) *wallet.Wallet {
	w.t.Helper()
	out := w.wallet(change)
	st, err := out.Sync(context.Background())
	if err != nil || !st.Member {
		w.t.Fatalf("sync: %+v, %v", st, err)
	}
	return out
}

// request asks for a proof under a fresh challenge.
func (w *world) request(p scope.Policy) wallet.Request {
	w.t.Helper()
	content, err := scope.Content(scope.KindRaw, []byte("hello"))
	if err != nil {
		w.t.Fatal(err)
	}
	return wallet.Request{
		Origin: origin, Action: action, Policy: p, Content: content, Keys: []ed25519.PublicKey{w.pub},
		Challenge: w.challenge(scope.ChallengeParams{RP: rp, Action: action, Origin: origin, Content: content}),
	}
}

func (w *world) challenge(p scope.ChallengeParams) string {
	w.t.Helper()
	if p.Now.IsZero() {
		p.Now = w.now
	}
	c, err := scope.NewChallenge(rand.Reader, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return scope.EncodeToken(c.Sign(w.sign))
}

// realProver is the official key at depth 20, loaded once for all tests.
var realProver = sync.OnceValue(func() *prove.Prover {
	p, err := prove.New(depth20.NewReader())
	if err != nil {
		panic(err)
	}
	return p
})

var verifier = sync.OnceValue(func() *semaphore.Verifier {
	v, err := semaphore.NewVerifier()
	if err != nil {
		panic(err)
	}
	return v
})

func real() *wallet.Prover {
	return &wallet.Prover{Depth: realProver().Depth(), Prove: realProver().Prove}
}

// points are those of one real proof, so that what echo makes can be packed.
var points = sync.OnceValue(func() [8]semaphore.Uint256 {
	id := semaphore.IdentityFromKey([]byte("some key of a test"))
	g, err := semaphore.NewGroup(testset.Crowd(2)[0], id.Commitment())
	if err != nil {
		panic(err)
	}
	path, err := g.Proof(1)
	if err != nil {
		panic(err)
	}
	p, err := realProver().Prove(context.Background(), id, path, semaphore.Uint256{}, semaphore.Uint256{})
	if err != nil {
		panic(err)
	}
	return p.Points
})

// echo stands in for the prover where hundreds of answers are needed and what
// is tested comes before or after the proof. Its proofs do not verify.
func echo() *wallet.Prover {
	return &wallet.Prover{Depth: 20, Prove: func(_ context.Context, id *semaphore.Identity, path semaphore.MerkleProof, message, sc semaphore.Uint256) (*semaphore.Proof, error) {
		return &semaphore.Proof{
			MerkleTreeDepth: 20, MerkleTreeRoot: path.Root, Nullifier: id.Nullifier(sc), Message: message, Scope: sc, Points: points(),
		}, nil
	}}
}

func wantCode(t interface {
	Helper()
	Fatalf(string, ...any)
}, err error, want wallet.Code) {
	t.Helper()
	if got := wallet.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q (%v)", got, want, err)
	}
}
