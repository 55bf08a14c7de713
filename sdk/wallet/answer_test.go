package wallet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// A real proof through every step, checked as a verifier would.
func TestAnswerWithARealProof(t *testing.T) {
	w := newWorld(t, 300)
	x := w.synced(func(c *wallet.Config) { c.Prover, c.Verify = real(), verifier().Verify })
	r := w.request(scope.PerDay(5))
	a, err := x.Answer(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	packed, token, ok := strings.Cut(a.Response, ".")
	if !ok || token != r.Challenge {
		t.Fatalf("response %q does not end in the challenge", a.Response)
	}
	p, err := semaphore.ParsePacked(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier().Verify(p); err != nil {
		t.Fatal(err)
	}
	raw, err := scope.DecodeToken(token)
	if err != nil {
		t.Fatal(err)
	}
	wantScope, err := scope.Compute(rp, action, scope.PerDay(5).Period(w.now), a.Slot)
	if err != nil {
		t.Fatal(err)
	}
	if p.Scope != wantScope || p.Message != scope.Message(r.Content, scope.ChallengeDigest(raw)) ||
		p.MerkleTreeRoot != w.set.Issuer().Group.Root() || p.Nullifier != a.Nullifier || p.MerkleTreeDepth != 20 {
		t.Fatalf("the proof is for something else: %+v", p)
	}
	if len(a.Response) > 2048 {
		t.Fatalf("a response of %d characters", len(a.Response))
	}
}

// Each rule that concerns a request alone, broken one at a time.
func TestRefusals(t *testing.T) {
	w := newWorld(t, 300)
	x := w.synced(nil)
	content := scope.Digest{1}
	base := scope.ChallengeParams{RP: rp, Action: action, Origin: origin, Content: content}
	fresh := func(change func(*scope.ChallengeParams)) string {
		p := base
		change(&p)
		return w.challenge(p)
	}
	good := func() wallet.Request {
		r := w.request(scope.PerDay(5))
		r.Content, r.Challenge = content, w.challenge(base)
		return r
	}
	other := newWorld(t, 0)
	cases := []struct {
		name   string
		code   wallet.Code
		change func(*wallet.Request)
	}{
		{"nothing wrong", "", func(*wallet.Request) {}},
		{"keys not given", "", func(r *wallet.Request) { r.Keys = nil }},
		{"http origin", wallet.OriginRefused, func(r *wallet.Request) { r.Origin = "http://forum.example" }},
		{"null origin", wallet.OriginRefused, func(r *wallet.Request) { r.Origin = "null" }},
		{"no origin", wallet.OriginRefused, func(r *wallet.Request) { r.Origin = "" }},
		{"origin with a path", wallet.OriginRefused, func(r *wallet.Request) { r.Origin = origin + "/" }},
		{"phishing origin relays a challenge", wallet.ChallengeWrongRP, func(r *wallet.Request) { r.Origin = "https://forum.example.evil.example" }},
		{"challenge for another rp", wallet.ChallengeWrongRP, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.RP = "other.example" })
		}},
		{"challenge for another origin of the rp", wallet.ChallengeWrongOrigin, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Origin = "https://m.forum.example" })
		}},
		{"challenge without origin", wallet.ChallengeWrongOrigin, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Origin = "" })
		}},
		{"challenge for another action", wallet.ChallengeWrongAction, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Action = "vote" })
		}},
		{"challenge for other content", wallet.MessageMismatch, func(r *wallet.Request) { r.Content = scope.Digest{2} }},
		{"challenge that binds nothing", wallet.MessageMismatch, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Content = scope.Digest{} })
		}},
		{"challenge expired", wallet.ChallengeExpired, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Now = w.now.Add(-scope.ChallengeTTL - scope.Skew) })
		}},
		{"challenge just alive", "", func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Now = w.now.Add(-scope.ChallengeTTL - scope.Skew + time.Second) })
		}},
		{"challenge from the future", wallet.ChallengeExpired, func(r *wallet.Request) {
			r.Challenge = fresh(func(p *scope.ChallengeParams) { p.Now = w.now.Add(scope.Skew + time.Second) })
		}},
		{"challenge signed by somebody else", wallet.ChallengeInvalid, func(r *wallet.Request) { r.Challenge = other.challenge(base) }},
		{"challenge altered", wallet.ChallengeInvalid, func(r *wallet.Request) { r.Challenge = "B" + r.Challenge[1:] }},
		{"challenge cut", wallet.ChallengeInvalid, func(r *wallet.Request) { r.Challenge = r.Challenge[:len(r.Challenge)-4] }},
		{"no challenge", wallet.ChallengeInvalid, func(r *wallet.Request) { r.Challenge = "" }},
		{"challenge with padding", wallet.ChallengeInvalid, func(r *wallet.Request) { r.Challenge += "=" }},
		{"action in capitals", wallet.RequestInvalid, func(r *wallet.Request) { r.Action = "Post" }},
		{"no policy", wallet.RequestInvalid, func(r *wallet.Request) { r.Policy = scope.Policy{} }},
		{"k of 1001", wallet.RequestInvalid, func(r *wallet.Request) { r.Policy.K = scope.MaxSlots + 1 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := good()
			c.change(&r)
			_, err := x.Prepare(context.Background(), r)
			wantCode(t, err, c.code)
			if c.code != "" { // Answer would use up slots
				_, err = x.Answer(context.Background(), r)
				wantCode(t, err, c.code)
			}
		})
	}
}

// What concerns the set: each is refused before any slot is touched.
func TestRefusesToProve(t *testing.T) {
	ask := func(t *testing.T, w *world, x *wallet.Wallet, want wallet.Code) {
		t.Helper()
		r := w.request(scope.PerDay(5))
		_, err := x.Prepare(context.Background(), r)
		wantCode(t, err, want)
		_, err = x.Answer(context.Background(), r)
		wantCode(t, err, want)
	}
	t.Run("locked", func(t *testing.T) {
		w := newWorld(t, 300)
		x := w.synced(nil)
		x.Lock()
		ask(t, w, x, wallet.Locked)
	})
	t.Run("not synced", func(t *testing.T) {
		w := newWorld(t, 300)
		ask(t, w, w.wallet(nil), wallet.NotSynced)
	})
	t.Run("not a member", func(t *testing.T) {
		w := newWorld(t, 0)
		w.set.Anchor(w.now, testset.Crowd(300))
		x := w.wallet(nil)
		st, err := x.Sync(context.Background())
		if err != nil || st.Member {
			t.Fatal(st, err)
		}
		ask(t, w, x, wallet.NotMember)
	})
	t.Run("crowd of 255", func(t *testing.T) {
		w := newWorld(t, 254)
		ask(t, w, w.synced(nil), wallet.CrowdTooSmall)
	})
	t.Run("crowd of 256", func(t *testing.T) {
		w := newWorld(t, 255)
		ask(t, w, w.synced(nil), "")
	})
	t.Run("removed members are no crowd", func(t *testing.T) {
		w := newWorld(t, 255)
		w.set.Anchor(w.now, nil, 3)
		ask(t, w, w.synced(nil), wallet.CrowdTooSmall)
	})
	t.Run("removed itself", func(t *testing.T) {
		w := newWorld(t, 300)
		x := w.synced(nil)
		w.set.Anchor(w.now, nil, 300)
		if st, err := x.Sync(context.Background()); err != nil || st.Member {
			t.Fatal(st, err)
		}
		ask(t, w, x, wallet.NotMember)
	})
	t.Run("head too old", func(t *testing.T) {
		w := newWorld(t, 300)
		x := w.synced(nil)
		w.now = w.now.Add(wallet.DefaultMaxStaleness + time.Second)
		ask(t, w, x, wallet.RootsStale)
	})
	t.Run("another person's path", func(t *testing.T) {
		w := newWorld(t, 300)
		x := w.synced(nil)
		if err := x.Unlock([]byte("another person's secret")); err != nil {
			t.Fatal(err)
		}
		ask(t, w, x, wallet.NotSynced)
	})
	t.Run("no prover", func(t *testing.T) {
		w := newWorld(t, 300)
		x := w.synced(func(c *wallet.Config) { c.Prover = nil })
		_, err := x.Answer(context.Background(), w.request(scope.Once()))
		wantCode(t, err, wallet.NotSynced)
	})
}

// A prover that returns another proof than the one asked for costs no slot.
func TestSpoiledProofCostsNoSlot(t *testing.T) {
	w := newWorld(t, 300)
	store := wallet.NewMemory()
	for name, spoil := range map[string]func(*semaphore.Proof) error{
		"does not verify": func(*semaphore.Proof) error { return nil }, // echo's proofs never do
		"other nullifier": func(p *semaphore.Proof) error { p.Nullifier[31] ^= 1; return nil },
		"other root":      func(p *semaphore.Proof) error { p.MerkleTreeRoot[31] ^= 1; return nil },
		"other message":   func(p *semaphore.Proof) error { p.Message[31] ^= 1; return nil },
		"other depth":     func(p *semaphore.Proof) error { p.MerkleTreeDepth = 16; return nil },
		"prover fails":    func(*semaphore.Proof) error { return errors.New("out of memory") },
	} {
		x := w.synced(func(c *wallet.Config) {
			inner := echo().Prove
			c.Store, c.Verify = store, verifier().Verify
			c.Prover = &wallet.Prover{Depth: 20, Prove: func(ctx context.Context, id *semaphore.Identity, path semaphore.MerkleProof, m, s semaphore.Uint256) (*semaphore.Proof, error) {
				p, err := inner(ctx, id, path, m, s)
				if err == nil {
					err = spoil(p)
				}
				return p, err
			}}
		})
		r := w.request(scope.Once())
		if _, err := x.Answer(context.Background(), r); wallet.CodeOf(err) != wallet.ProofFailed {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := x.Prepare(context.Background(), r)
		if err != nil || p.Left != 1 || p.Resend {
			t.Fatalf("%s: a slot is gone: %+v, %v", name, p, err)
		}
	}
}

// T26: no error, state or prompt holds the secret or what is derived from it.
func TestT26NoSecretInErrors(t *testing.T) {
	w := newWorld(t, 300)
	id := semaphore.IdentityFromKey(w.key)
	scalar := id.SecretScalar()
	secrets := []string{string(w.key), fmt.Sprintf("%x", w.key), id.Export()[:17], scalar.String(), string(scalar[:])}
	hunt := func(what string, s string) {
		t.Helper()
		for _, secret := range secrets {
			for i := 0; i+17 <= len(secret); i++ {
				if strings.Contains(s, secret[i:i+17]) {
					t.Fatalf("%s holds a part of the secret", what)
				}
			}
		}
	}
	x := w.synced(nil)
	hunt("state", string(x.State()))
	hunt("wallet", fmt.Sprintf("%v %+v %#v", x, x, x))
	short := w.key[:15]
	hunt("unlock", fmt.Sprint(x.Unlock(short)))
	if err := x.Unlock(w.key); err != nil {
		t.Fatal(err)
	}
	a, err := x.Answer(context.Background(), w.request(scope.PerDay(2)))
	if err != nil {
		t.Fatal(err)
	}
	hunt("answer", fmt.Sprintf("%+v", a))
	for _, change := range []func(*wallet.Request){
		func(r *wallet.Request) { r.Origin = "" }, func(r *wallet.Request) { r.Action = string(w.key) },
		func(r *wallet.Request) { r.Challenge = id.Export() }, func(r *wallet.Request) { r.Policy = scope.Policy{} },
	} {
		r := w.request(scope.PerDay(2))
		change(&r)
		_, err := x.Answer(context.Background(), r)
		if r.Action != string(w.key) { // what the caller put there may be quoted
			hunt("refusal", fmt.Sprintf("%v %+v", err, err))
		}
	}
	p, err := x.Possess([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	hunt("possession", fmt.Sprintf("%s%s%+v", p.Signature, p.Salt[:], p.PublicKey))
}

func TestPossess(t *testing.T) {
	w := newWorld(t, 0)
	x := w.wallet(nil)
	nonce := [32]byte{9}
	p, err := x.Possess(nonce)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := semaphore.ParseSignature(p.Signature)
	if err != nil {
		t.Fatal(err)
	}
	msg := scope.EnrolMessage(nonce, "issuer.example/people", w.commitment())
	if err := p.PublicKey.Verify(msg, sig); err != nil {
		t.Fatal(err)
	}
	if p.PublicKey.Commitment() != w.commitment() {
		t.Fatal("another person's key")
	}
	want, err := scope.Salt(w.key, nonce)
	if err != nil || p.Salt != want {
		t.Fatal("salt", err)
	}
	x.Lock()
	_, err = x.Possess(nonce)
	wantCode(t, err, wallet.Locked)
	wantCode(t, x.Unlock(make([]byte, 15)), wallet.SecretInvalid)
}
