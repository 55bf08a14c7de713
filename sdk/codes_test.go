package sdk_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// Codes that no library call of an application's own gives, and who does.
var notOfTheLibrary = map[api.Code]string{
	api.CredentialMissing:  "the verifier service: app keys",
	api.CredentialInvalid:  "the verifier service: app keys",
	api.TestKeyInProd:      "the verifier service: reserved keys",
	api.NotFound:           "the verifier service: routes",
	api.Gone:               "an issuer: set tiles",
	api.SessionExpired:     "an issuer",
	api.SessionUsed:        "an issuer",
	api.PossessionInvalid:  "an issuer",
	api.CommitmentInvalid:  "an issuer",
	api.CommitmentExists:   "an issuer",
	api.CaptureUntrusted:   "an issuer",
	api.CaptureReplayed:    "an issuer",
	api.QualityTooLow:      "an issuer",
	api.AlreadyEnrolled:    "an issuer",
	api.NotAccepted:        "an issuer",
	api.CooldownActive:     "an issuer",
	api.DeviceRevoked:      "an issuer",
	api.MatcherUnavailable: "an issuer",
	api.NotEnrolled:        "an issuer",
	api.RecoveryPending:    "an issuer",
	api.RecoveryOver:       "an issuer",
	api.RecoveryVetoed:     "an issuer",
	api.RecoveryCancelled:  "an issuer",
	api.SignatureInvalid:   "sdk/agent",
	api.RequestReplayed:    "sdk/agent",
	api.GrantUnknown:       "sdk/agent",
	api.GrantRevoked:       "sdk/agent",
	api.GrantExpired:       "sdk/agent",
	api.GrantLacks:         "sdk/agent",
	api.BudgetExhausted:    "sdk/agent",
	api.QuotaExhausted:     "a wallet",
	api.NotMember:          "a wallet",
	api.CrowdTooSmall:      "a wallet",
	api.Cancelled:          "a wallet",
}

// One fixture for each code: the least that makes the library answer it. A code
// that has none, here or by name above, fails the test.
var fixtures = map[api.Code]func(*bench) api.Code{
	api.OK: func(b *bench) api.Code { return b.code(b.good()) },
	api.MalformedRequest: func(b *bench) api.Code {
		_, _, err := verifier.ParseAnswer("hello.world")
		return api.CodeOf(err)
	},
	api.NotCanonical: func(b *bench) api.Code {
		r := b.good()
		for i := range r.Proof.Nullifier {
			r.Proof.Nullifier[i] = 0xff
		}
		return b.code(r)
	},
	api.DepthUnsupported: func(b *bench) api.Code { r := b.good(); r.Proof.MerkleTreeDepth = 32; return b.code(r) },
	api.TooLarge: func(b *bench) api.Code {
		_, _, err := verifier.ParseAnswer(strings.Repeat("A", verifier.MaxResponse+1))
		return api.CodeOf(err)
	},
	api.ActionUnknown:    func(b *bench) api.Code { return b.page("POST", `{"action":"x"}`, "application/json") },
	api.MethodNotAllowed: func(b *bench) api.Code { return b.page("GET", "", "application/json") },
	api.WrongMediaType:   func(b *bench) api.Code { return b.page("POST", `{"action":"post"}`, "text/plain") },
	api.OriginNotAllowed: func(b *bench) api.Code {
		_, err := b.v.Challenge(b.t.Context(), verifier.ChallengeRequest{Action: "post", Policy: sdk.PerDay(5), Origin: "https://evil.example"})
		return api.CodeOf(err)
	},
	api.PolicyConflict:        func(b *bench) api.Code { r := b.good(); r.Policy = sdk.Once(); return b.code(r) },
	api.ChallengeMissing:      func(b *bench) api.Code { r := b.good(); r.Challenge = ""; return b.code(r) },
	api.ChallengeInvalid:      func(b *bench) api.Code { r := b.good(); r.Challenge += "A"; return b.code(r) },
	api.ChallengeWrongRP:      func(b *bench) api.Code { return b.signed(func(c *scope.Challenge) { c.RP[0] ^= 1 }) },
	api.ChallengeWrongAction:  func(b *bench) api.Code { return b.signed(func(c *scope.Challenge) { c.Action[0] ^= 1 }) },
	api.ChallengeWrongOrigin:  func(b *bench) api.Code { return b.signed(func(c *scope.Challenge) { c.Origin[0] ^= 1 }) },
	api.ChallengeWrongSession: func(b *bench) api.Code { r := b.good(); r.Session = "another"; return b.code(r) },
	api.ScopeMismatch:         func(b *bench) api.Code { r := b.good(); r.Proof.Scope[0] ^= 1; return b.code(r) },
	api.MessageMismatch:       func(b *bench) api.Code { r := b.good(); r.Content[0] ^= 1; return b.code(r) },
	api.ChallengeExpired:      func(b *bench) api.Code { r := b.good(); b.now = b.now.Add(time.Hour); return b.code(r) },
	api.ChallengeAlreadyUsed:  func(b *bench) api.Code { r := b.good(); b.code(r); return b.code(r) },
	api.NullifierAlreadyUsed:  func(b *bench) api.Code { b.code(b.good()); return b.code(b.good()) },
	api.IdempotencyKeyConflict: func(b *bench) api.Code {
		first, second := b.good(), b.good()
		first.IdempotencyKey, second.IdempotencyKey = "k", "k"
		b.code(first)
		return b.code(second)
	},
	api.RootUnknown: func(b *bench) api.Code { r := b.good(); r.Proof.MerkleTreeRoot[31] ^= 1; return b.code(r) },
	api.RootExpired: func(b *bench) api.Code {
		r := b.good()
		b.roots.Expire(r.Proof.MerkleTreeRoot, true)
		return b.code(r)
	},
	api.RootNotSnapshot: func(b *bench) api.Code {
		b.roots.Frozen = map[uint64]semaphore.Element{3: {1}}
		b.policy = sdk.Snapshot(3, sdk.PerDay(5))
		return b.code(b.good())
	},
	api.IssuerMissing: func(b *bench) api.Code {
		b.both()
		r := b.good()
		return b.code(r)
	},
	api.NullifierMismatch: func(b *bench) api.Code {
		b.both()
		r := b.good()
		r.And = []*semaphore.Proof{verifiertest.Two().Prove(b.t, 1, r.Proof.Message, r.Proof.Scope)}
		return b.code(r)
	},
	api.ProofInvalid: func(b *bench) api.Code {
		r := b.good()
		p := &r.Proof.Points
		p[0], p[1], p[6], p[7] = p[6], p[7], p[0], p[1]
		return b.code(r)
	},
	api.RateLimited: func(b *bench) api.Code { return b.far(http.StatusTooManyRequests) },
	api.Overloaded: func(b *bench) api.Code {
		b.open(func(c *verifier.Config) { c.MaxWait = time.Nanosecond })
		return b.code(b.good())
	},
	api.StoreUnavailable: func(b *bench) api.Code { r := b.good(); _ = b.store.Close(); return b.code(r) },
	api.InDoubt: func(b *bench) api.Code {
		b.open(func(c *verifier.Config) { c.Store = doubtful{c.Store} })
		return b.code(b.good())
	},
	api.RootsStale: func(b *bench) api.Code { r := b.good(); b.roots.Set(setlog.ErrStale); return b.code(r) },
	api.Internal: func(b *bench) api.Code {
		r := b.good()
		b.rand.err = errors.New("no randomness")
		return b.code(r)
	},
}

func TestEveryCodeThroughTheLibrary(t *testing.T) {
	for _, row := range api.Table() {
		f, ok := fixtures[row.Code]
		where := notOfTheLibrary[row.Code]
		switch {
		case ok == (where != ""):
			t.Errorf("%s: it needs a fixture here, or a place where else it comes from", row.Code)
		case ok:
			t.Run(string(row.Code), func(t *testing.T) {
				b := &bench{t: t, now: noon, store: memory.New(), policy: sdk.PerDay(5)}
				b.open()
				if got := f(b); got != row.Code {
					t.Errorf("the fixture gives %s", got)
				}
			})
		}
	}
}

// bench is a verifier to make codes with.
type bench struct {
	t      *testing.T
	now    time.Time
	store  verifier.Store
	roots  *verifiertest.Roots
	rand   *dice
	policy scope.Policy
	v      *verifier.Verifier
}

// dice are random until they fail.
type dice struct {
	io.Reader
	err error
}

func (d *dice) Read(b []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	return d.Reader.Read(b)
}

func (b *bench) open(change ...func(*verifier.Config)) {
	b.t.Helper()
	b.roots, b.rand = verifiertest.One().Roots(), &dice{Reader: rand.NewChaCha8([32]byte{3})}
	cfg := verifier.Config{
		RP: rp, Roots: b.roots, Store: b.store, Now: func() time.Time { return b.now }, Rand: b.rand,
		Keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))},
	}
	for _, f := range change {
		f(&cfg)
	}
	b.v = must(verifier.New(b.t.Context(), cfg))
}

// both wants a proof under each of two issuers from now on.
func (b *bench) both() {
	b.open(func(c *verifier.Config) { c.Roots = verifier.AllOf(c.Roots, verifiertest.Two().Roots()) })
}

// good is person 0's answer in slot 0 to a new challenge.
func (b *bench) good() verifier.Request {
	b.t.Helper()
	c, err := b.v.Challenge(b.t.Context(), verifier.ChallengeRequest{Action: "post", Policy: b.policy, Origin: origin, Session: "sid=1"})
	if err != nil {
		b.t.Fatal(err)
	}
	content := raw(body)
	sc := must(scope.Compute(rp, "post", b.policy.Period(b.now), 0))
	message := scope.Message(content, scope.ChallengeDigest(must(scope.DecodeToken(c.Challenge))))
	return verifier.Request{
		Action: "post", Policy: b.policy, Challenge: c.Challenge, Content: content, Session: "sid=1", Origin: origin,
		Proof: verifiertest.One().Prove(b.t, 0, message, sc),
	}
}

func (b *bench) code(r verifier.Request) api.Code {
	v, err := b.v.Consume(b.t.Context(), r)
	if err != nil {
		return api.CodeOf(err)
	}
	if v.Success != (v.Code == api.OK) {
		b.t.Errorf("%+v", v)
	}
	return v.Code
}

// signed is the good answer to a challenge that the server signed for something
// else.
func (b *bench) signed(change func(*scope.Challenge)) api.Code {
	r := b.good()
	c := must(scope.ParseChallenge(must(scope.DecodeToken(r.Challenge))))
	change(&c)
	r.Challenge = scope.EncodeToken(c.Sign(ed25519.NewKeyFromSeed(make([]byte, 32))))
	return b.code(r)
}

// page asks a Gate for a challenge.
func (b *bench) page(method, text, mediaType string) api.Code {
	s := newSite(b.t)
	w := s.do(method, "/perhuman/challenge", text, "Content-Type", mediaType)
	return codeIn(b.t, w)
}

// far asks a Remote whose verifier answers with a status and nothing else.
func (b *bench) far(status int) api.Code {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(status)
	}))
	b.t.Cleanup(srv.Close)
	r := must(sdk.NewRemote(sdk.RemoteConfig{URL: srv.URL, Key: "k", RP: rp}))
	w := httptest.NewRecorder()
	r.WellKnown().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/perhuman.json", nil))
	return codeIn(b.t, w)
}

func codeIn(t *testing.T, w *httptest.ResponseRecorder) api.Code {
	t.Helper()
	_, rest, _ := strings.Cut(w.Body.String(), `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	if want := api.Code(code).Info().Status; w.Code != want {
		t.Errorf("%d for %s", w.Code, code)
	}
	return api.Code(code)
}

// doubtful is a store that never knows whether it wrote.
type doubtful struct{ verifier.Store }

func (doubtful) Spend(context.Context, verifier.Act) (verifier.Outcome, error) {
	return verifier.Outcome{}, verifier.ErrInDoubt
}
