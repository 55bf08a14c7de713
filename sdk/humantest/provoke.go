package humantest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// Codes lists the codes that Provoke has a fixture for, in the order of the
// table of package api.
func Codes() []api.Code {
	var out []api.Code
	for _, info := range api.Table() {
		if fixtures[info.Code] != nil {
			out = append(out, info.Code)
		}
	}
	return out
}

// Provoke does a guarded request in such a way that the site answers with code,
// and returns its answer. It acts as a stranger, an enrolled person of whom the
// test has not heard. It ends the test if there is no fixture for the code, or
// if the site answers something else: then the app handles the code before the
// Gate does, or never asks it.
//
// The request is bound by its exact body; for a route with a content function
// give the digest as content.
func (k *Kit) Provoke(code api.Code, s Site, r *http.Request, action string, content ...scope.Digest) *httptest.ResponseRecorder {
	k.t.Helper()
	fixture := fixtures[code]
	if fixture == nil {
		k.t.Fatalf("humantest: no fixture for %q: a Gate never answers it", code)
	}
	a := &attempt{kit: k, site: s, request: r, action: action, bound: k.bodyDigest(r), who: k.Person(stranger)}
	if len(content) > 0 {
		a.bound = content[0]
	}
	var err error
	if a.body, err = io.ReadAll(r.Body); err != nil {
		k.t.Fatal(err)
	}
	c, w := s.ask(action, a.bound)
	if w.Code != http.StatusOK {
		k.t.Fatalf("humantest: no challenge for %q: status %d: %s", action, w.Code, w.Body)
	}
	if a.policy, err = policyOf(c); err != nil {
		k.t.Fatal(err)
	}
	a.challenge = c.Challenge
	w = fixture(a)
	if got := w.Body.String(); !strings.Contains(got, `"`+string(code)+`"`) {
		k.t.Fatalf("humantest: %s was provoked, and the site answered status %d: %s", code, w.Code, got)
	}
	return w
}

// attempt is a request that is about to go wrong.
type attempt struct {
	kit       *Kit
	site      Site
	request   *http.Request
	body      []byte
	action    string
	bound     scope.Digest // content
	policy    scope.Policy
	challenge string // a fresh one of the site
	who       *Person
}

// send does the request with a response.
func (a *attempt) send(response string) *httptest.ResponseRecorder { return a.sendWith(response, nil) }

func (a *attempt) sendWith(response string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := a.request.Clone(a.request.Context())
	r.Body = io.NopCloser(bytes.NewReader(a.body))
	if r.Header.Del(sdk.ResponseHeader); response != "" {
		r.Header.Set(sdk.ResponseHeader, response)
	}
	if change != nil {
		change(r)
	}
	return a.site.do(r)
}

// forge signs a challenge with the site's own key, bent by change.
func (a *attempt) forge(change func(*scope.ChallengeParams)) string {
	a.kit.t.Helper()
	p := scope.ChallengeParams{
		RP: rpOf(a.kit.t, a.site.Origin), Action: a.action, Origin: a.site.Origin, Session: a.site.Cookie,
		Content: a.bound, Now: a.kit.Now(),
	}
	change(&p)
	c, err := scope.NewChallenge(bytes.NewReader(seed("humantest forged challenge "+a.challenge)), p)
	if err != nil {
		a.kit.t.Fatal(err)
	}
	return scope.EncodeToken(c.Sign(a.kit.key))
}

// statement is what a proof is asked to say.
type statement struct {
	path    semaphore.MerkleProof
	message semaphore.Uint256
	scope   semaphore.Uint256
}

// prove makes the proof that the site expects for a challenge, in slot 0, bent
// by change.
func (a *attempt) prove(challenge string, change func(*statement)) *semaphore.Proof {
	a.kit.t.Helper()
	token, err := scope.DecodeToken(challenge)
	if err != nil {
		a.kit.t.Fatal(err)
	}
	path, err := a.kit.issuer.Path(a.who.id.Commitment())
	if err != nil {
		a.kit.t.Fatal(err)
	}
	st := statement{path: path, message: scope.Message(a.bound, scope.ChallengeDigest(token))}
	st.scope, err = scope.Compute(rpOf(a.kit.t, a.site.Origin), a.action, a.policy.Period(a.kit.Now()), 0)
	if err != nil {
		a.kit.t.Fatal(err)
	}
	if change != nil {
		change(&st)
	}
	p, err := a.kit.proofs.prove(context.Background(), a.who.id, st.path, st.message, st.scope)
	if err != nil {
		a.kit.t.Fatal(err)
	}
	return p
}

// respond packs a proof together with the challenge that it goes with.
func (a *attempt) respond(p *semaphore.Proof, challenge string) string {
	a.kit.t.Helper()
	packed, err := p.Packed()
	if err != nil {
		a.kit.t.Fatal(err)
	}
	return packed + "." + challenge
}

// good is what an honest wallet would answer.
func (a *attempt) good() string { return a.respond(a.prove(a.challenge, nil), a.challenge) }

// fresh asks for another challenge.
func (a *attempt) fresh() string {
	a.kit.t.Helper()
	c, w := a.site.ask(a.action, a.bound)
	if w.Code != http.StatusOK {
		a.kit.t.Fatalf("humantest: no challenge for %q: status %d: %s", a.action, w.Code, w.Body)
	}
	return c.Challenge
}

// bent answers a forged challenge.
func (a *attempt) bent(change func(*scope.ChallengeParams)) *httptest.ResponseRecorder {
	challenge := a.forge(change)
	return a.send(a.respond(a.prove(challenge, nil), challenge))
}

// stated answers the challenge with a proof of something else.
func (a *attempt) stated(change func(*statement)) *httptest.ResponseRecorder {
	return a.send(a.respond(a.prove(a.challenge, change), a.challenge))
}

// failing sends a good answer while the store fails.
func (a *attempt) failing(set func(*Store)) *httptest.ResponseRecorder {
	response := a.good()
	var w *httptest.ResponseRecorder
	a.kit.store.with(set, func() { w = a.send(response) })
	return w
}

// other makes another kit's set: a root that the site's issuer never published.
func (a *attempt) other() semaphore.MerkleProof {
	a.kit.t.Helper()
	group, err := semaphore.NewGroup(a.who.id.Commitment(), virtual.Identity("nobody").Commitment())
	if err != nil {
		a.kit.t.Fatal(err)
	}
	path, err := group.Proof(0)
	if err != nil {
		a.kit.t.Fatal(err)
	}
	return path
}

// swapped answers with the points of a proof in another order: each is on its
// curve, and the equation does not hold.
func (a *attempt) swapped() *httptest.ResponseRecorder {
	p := a.prove(a.challenge, nil)
	points := slices.Clone(p.Points[:])
	copy(p.Points[0:2], points[6:8])
	copy(p.Points[6:8], points[0:2])
	return a.send(a.respond(p, a.challenge))
}

const older = 10 * time.Minute // older than any challenge lives

// twice sends two good answers, the second with a challenge that change may
// replace.
func (a *attempt) twice(second string) *httptest.ResponseRecorder {
	a.send(a.good())
	return a.send(a.respond(a.prove(second, nil), second))
}

// hasty gives up waiting just before the pairing.
func (a *attempt) hasty() *httptest.ResponseRecorder {
	response := a.good()
	ctx, cancel := context.WithCancel(a.request.Context())
	defer cancel()
	var w *httptest.ResponseRecorder
	a.kit.store.with(func(s *Store) { s.looking = cancel }, func() {
		w = a.sendWith(response, func(r *http.Request) { *r = *r.WithContext(ctx) })
	})
	return w
}

// silent lets the issuer fall silent between challenge and answer.
func (a *attempt) silent() *httptest.ResponseRecorder {
	response := a.good()
	a.kit.IssuerDown(true)
	defer a.kit.IssuerDown(false)
	var w *httptest.ResponseRecorder
	a.kit.after(3*time.Minute, func() { w = a.send(response) })
	return w
}

// fixtures is one way to each code that a Gate gives. There is none for codes
// that concern an HTTP service, an issuer or a wallet.
var fixtures = map[api.Code]func(*attempt) *httptest.ResponseRecorder{
	api.MalformedRequest: func(a *attempt) *httptest.ResponseRecorder {
		return a.sendWith(a.good(), func(r *http.Request) { r.Header.Add(sdk.ResponseHeader, "another one") })
	},
	api.NotCanonical: func(a *attempt) *httptest.ResponseRecorder {
		p := a.prove(a.challenge, nil)
		packed, err := p.MarshalBinary()
		if err != nil {
			a.kit.t.Fatal(err)
		}
		for i := range 32 { // the root, made larger than the field
			packed[1+i] = 0xff
		}
		return a.send(scope.EncodeToken(packed) + "." + a.challenge)
	},
	api.DepthUnsupported: func(a *attempt) *httptest.ResponseRecorder {
		p := a.prove(a.challenge, nil)
		p.MerkleTreeDepth = 16
		return a.send(a.respond(p, a.challenge))
	},
	api.TooLarge: func(a *attempt) *httptest.ResponseRecorder {
		return a.send(a.good() + strings.Repeat("A", verifier.MaxResponse))
	},
	api.ActionUnknown: func(a *attempt) *httptest.ResponseRecorder {
		_, w := a.site.ask("no-such-action", a.bound)
		return w
	},
	api.PolicyConflict: func(a *attempt) *httptest.ResponseRecorder {
		var w *httptest.ResponseRecorder
		// Tomorrow the Gate asks the store anew.
		a.kit.store.with(func(s *Store) { s.bind = verifier.ErrPolicyConflict }, func() {
			a.kit.after(time.Duration(max(a.policy.Len, 86400))*time.Second, func() { _, w = a.site.ask(a.action, a.bound) })
		})
		return w
	},
	api.OriginNotAllowed: func(a *attempt) *httptest.ResponseRecorder {
		foreign := a.site
		foreign.Origin = "https://elsewhere.example"
		_, w := foreign.ask(a.action, a.bound)
		return w
	},
	api.ChallengeMissing: func(a *attempt) *httptest.ResponseRecorder { return a.send("") },
	api.ChallengeInvalid: func(a *attempt) *httptest.ResponseRecorder {
		token, _ := scope.DecodeToken(a.challenge)
		token[len(token)-1] ^= 1 // in the signature
		challenge := scope.EncodeToken(token)
		return a.send(a.respond(a.prove(challenge, nil), challenge))
	},
	api.ChallengeWrongRP: func(a *attempt) *httptest.ResponseRecorder {
		return a.bent(func(p *scope.ChallengeParams) { p.RP = "elsewhere.example" })
	},
	api.ChallengeWrongAction: func(a *attempt) *httptest.ResponseRecorder {
		return a.bent(func(p *scope.ChallengeParams) { p.Action = "another-action" })
	},
	api.ChallengeWrongOrigin: func(a *attempt) *httptest.ResponseRecorder {
		return a.bent(func(p *scope.ChallengeParams) { p.Origin = "https://elsewhere.example" })
	},
	api.ChallengeWrongSession: func(a *attempt) *httptest.ResponseRecorder {
		return a.bent(func(p *scope.ChallengeParams) { p.Session = "somebody else's" })
	},
	api.ScopeMismatch: func(a *attempt) *httptest.ResponseRecorder {
		return a.stated(func(s *statement) { s.scope[31] ^= 1 })
	},
	api.MessageMismatch: func(a *attempt) *httptest.ResponseRecorder {
		return a.stated(func(s *statement) { s.message[31] ^= 1 })
	},
	api.ChallengeExpired: func(a *attempt) *httptest.ResponseRecorder {
		return a.bent(func(p *scope.ChallengeParams) { p.Now = p.Now.Add(-older) })
	},
	api.ChallengeAlreadyUsed: func(a *attempt) *httptest.ResponseRecorder { return a.twice(a.challenge) },
	api.NullifierAlreadyUsed: func(a *attempt) *httptest.ResponseRecorder {
		if a.policy.Kind == scope.KindReturning {
			a.kit.t.Fatalf("humantest: %q welcomes the same person again", a.action)
		}
		return a.twice(a.fresh())
	},
	api.RootUnknown: func(a *attempt) *httptest.ResponseRecorder {
		return a.stated(func(s *statement) { s.path = a.other() })
	},
	api.RootExpired: func(a *attempt) *httptest.ResponseRecorder {
		return a.stated(func(s *statement) {
			path, err := a.kit.issuer.SupersededPath(a.who.id.Commitment())
			if err != nil {
				a.kit.t.Fatal(err)
			}
			s.path = path
		})
	},
	api.ProofInvalid: (*attempt).swapped,
	api.Overloaded:   (*attempt).hasty,
	api.StoreUnavailable: func(a *attempt) *httptest.ResponseRecorder {
		return a.failing(func(s *Store) { s.spent = verifier.ErrUnavailable })
	},
	api.InDoubt: func(a *attempt) *httptest.ResponseRecorder {
		return a.failing(func(s *Store) { s.spend = verifier.ErrInDoubt })
	},
	api.RootsStale: (*attempt).silent,
}
