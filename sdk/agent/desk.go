// Package agent lets programs act for people, so often and no more, and never
// more often than the people could themselves.
//
// A person makes an agent theirs with one proof: its content is a scope.Grant,
// which names the agent's key, what it may do, how often in all, and until when.
// The agent then signs its requests (HTTP message signatures, RFC 9421, with
// Ed25519), and the app counts each act twice: against the grant, and against
// what the app lets one human do. The second count runs over all agents of a
// human: ten agents of one person have one person's budget.
//
//	desk, err := agent.New(agent.Config{RP: "forum.example", Store: store, Limits: map[string]agent.Limit{"comment": {K: 20, Period: 24 * time.Hour}}})
//	mux.Handle("POST /agents", gate.RequireContent("delegate", sdk.Returning(), desk.Content, desk.Accept))
//	mux.Handle("POST /agents/revoke", desk.Revoke())
//	mux.Handle("POST /comments", desk.Require("comment", func(w http.ResponseWriter, r *http.Request) {
//		who := agent.From(r.Context()) // who.Human: the person's nullifier for "delegate", who.Grant.Name
//	}))
//
// The action that people delegate under is of policy Returning: one human has
// one nullifier there, which is what the second count goes by, and which means
// nothing elsewhere.
//
// # What is promised
//
//   - A request counts once: its nonce and both counts are written in one
//     transaction, and the handler runs only after its commit. A commit whose
//     outcome is unknown is in_doubt; sent again it may be answered
//     request_replayed, never counted twice.
//   - Revocation works at once: it is looked at in that same transaction.
//   - Whoever has the preimage of Grant.Revocation can revoke, without a proof:
//     the wallet keeps it, a person can print it.
//
// # What is not
//
// An agent can pass its key on, as a person can lend a slot; the counts hold all
// the same. Signatures cover method, host, path, query and body, not other
// headers.
package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Limit is how often the agents of one human may act, all together: K times in
// each period, counted in UTC from 1970; Period 0 is for ever.
type Limit struct {
	K      uint32
	Period time.Duration
}

// Config sets a Desk up.
type Config struct {
	RP      string           // the app's name, as in its Gate
	Store   Store            // sdk/agent/sqlite
	Limits  map[string]Limit // what agents may do here, by action
	MaxLife time.Duration    // the longest that a grant may last; 30 days if 0
	MaxBody int64            // of signed requests; 1 MiB if 0
	Now     func() time.Time // time.Now if nil
	Logf    func(format string, args ...any)
}

// Desk accepts grants and checks what agents send. It is safe for concurrent
// use.
type Desk struct{ cfg Config }

// New makes a Desk.
func New(cfg Config) (*Desk, error) {
	if err := scope.ValidateRP(cfg.RP); err != nil {
		return nil, err
	}
	if cfg.Store == nil || len(cfg.Limits) == 0 {
		return nil, errors.New("agent: a store and limits are needed")
	}
	for action, l := range cfg.Limits {
		if err := scope.ValidateAction(action); err != nil {
			return nil, err
		}
		if l.K == 0 || l.Period < 0 || l.Period%time.Second != 0 {
			return nil, fmt.Errorf("agent: limit of %q: K from 1, whole seconds", action)
		}
	}
	if cfg.MaxLife == 0 {
		cfg.MaxLife = 30 * 24 * time.Hour
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	return &Desk{cfg: cfg}, nil
}

// grantRequest is the body that a person's proof is bound to: base64url of the
// grant's canonical bytes.
type grantRequest struct {
	Grant string `json:"grant"`
}

func readGrant(body []byte) (scope.Grant, error) {
	var in grantRequest
	if err := api.Decode(body, &in); err != nil {
		return scope.Grant{}, err
	}
	raw, err := scope.DecodeToken(in.Grant)
	if err != nil {
		return scope.Grant{}, &api.Error{Code: api.NotCanonical, Detail: "grant is base64url", Err: err}
	}
	g, err := scope.ParseGrant(raw)
	if err != nil {
		return scope.Grant{}, &api.Error{Code: api.MalformedRequest, Detail: err.Error(), Err: err}
	}
	return g, nil
}

// check holds a grant against what the app allows.
func (d *Desk) check(g scope.Grant) error {
	now := d.cfg.Now()
	switch {
	case g.RP != d.cfg.RP:
		return api.Errorf(api.MalformedRequest, "the grant is for another site")
	case slices.ContainsFunc(g.Can, func(action string) bool { _, ok := d.cfg.Limits[action]; return !ok }):
		return api.Errorf(api.ActionUnknown, "the grant has an action that agents cannot do here")
	case !now.Before(time.Unix(int64(g.Expires), 0)) || time.Unix(int64(g.Expires), 0).Sub(now) > d.cfg.MaxLife: // #nosec G115 -- bounded by the encoding
		return api.Errorf(api.MalformedRequest, "a grant ends in the future, within %v", d.cfg.MaxLife)
	}
	return nil
}

// Content is what a proof that hands in a grant is bound to: an sdk.ContentFunc
// for Gate.RequireContent.
func (d *Desk) Content(r *http.Request, body []byte) (scope.Digest, error) {
	if err := serve.CheckMediaType(r, "application/json"); err != nil {
		return scope.Digest{}, err
	}
	g, err := readGrant(body)
	if err != nil {
		return scope.Digest{}, err
	}
	if err := d.check(g); err != nil {
		return scope.Digest{}, err
	}
	return g.Digest()
}

// Accept keeps the grant of a person whom the Gate let through: a handler for
// behind Gate.RequireContent. It answers 201 with the grant's name.
func (d *Desk) Accept(w http.ResponseWriter, r *http.Request) {
	id, err := d.accept(r)
	if err != nil {
		d.problem(w, r, err)
		return
	}
	serve.WriteJSON(w, http.StatusCreated, map[string]any{"code": api.OK, "grant": scope.EncodeToken(id[:])})
}

func (d *Desk) accept(r *http.Request) (scope.Digest, error) {
	body, err := serve.ReadBody(nil, r, d.cfg.MaxBody)
	if err != nil {
		return scope.Digest{}, err
	}
	g, err := readGrant(body)
	if err != nil {
		return scope.Digest{}, err
	}
	if err := d.check(g); err != nil {
		return scope.Digest{}, err
	}
	id, err := g.Digest()
	if err != nil {
		return scope.Digest{}, err
	}
	human, err := semaphore.ParseElement(sdk.PersonFrom(r.Context()).Nullifier)
	if err != nil {
		return scope.Digest{}, api.Wrap(api.Internal, err)
	}
	return id, storeError(d.cfg.Store.Put(r.Context(), Record{ID: id, Human: human, Grant: g, Accepted: d.cfg.Now()}))
}

// Acting is an agent that was let through, and for whom.
type Acting struct {
	ID    scope.Digest      // of the grant
	Grant scope.Grant       // what the person signed off
	Human semaphore.Element // the person's nullifier for the action of delegation
	Left  uint32            // acts left: of the grant, or of the human, whichever is less
}

type actingKey struct{}

// From gives the agent that Require let through. It panics where Require did not
// run: that is a mistake in the program.
func From(ctx context.Context) Acting { return ctx.Value(actingKey{}).(Acting) }

// Require lets an agent's signed request through to next, once, if its person's
// grant and the human's budget allow action. An action that Config.Limits does
// not name is a mistake in the program, and panics at once.
func (d *Desk) Require(action string, next http.HandlerFunc) http.Handler {
	if _, ok := d.cfg.Limits[action]; !ok {
		panic("agent: no limit for action " + action)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := serve.ReadBody(w, r, d.cfg.MaxBody)
		if err != nil {
			d.problem(w, r, err)
			return
		}
		who, err := d.Authorize(r.Context(), r, body, action)
		if err != nil {
			d.problem(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), actingKey{}, who))
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(w, r)
	})
}

// Authorize is Require for requests that come otherwise: it checks a request
// with its body and spends one act.
func (d *Desk) Authorize(ctx context.Context, r *http.Request, body []byte, action string) (Acting, error) {
	limit, ok := d.cfg.Limits[action]
	if !ok {
		return Acting{}, api.Errorf(api.ActionUnknown, "")
	}
	now := d.cfg.Now()
	s, err := parse(r, body, now)
	if err != nil {
		return Acting{}, err
	}
	record, err := d.cfg.Store.Get(ctx, s.grant)
	if err != nil {
		return Acting{}, storeError(err)
	}
	g := record.Grant
	pub := ed25519.PublicKey(g.Agent[:])
	if s.keyID != keyID(pub) || !ed25519.Verify(pub, []byte(s.base), s.sig) {
		return Acting{}, refused("the signature is not the agent's")
	}
	switch { // after the signature: what follows tells the agent about its grant
	case !now.Before(time.Unix(int64(g.Expires), 0)): // #nosec G115 -- bounded by the encoding
		return Acting{}, api.Errorf(api.GrantExpired, "")
	case !g.Allows(action):
		return Acting{}, api.Errorf(api.GrantLacks, "")
	}
	left, err := d.cfg.Store.Spend(ctx, Act{
		Grant: s.grant, Human: record.Human, Action: action, Nonce: s.nonce, Until: s.expires.Add(skew), Now: now,
		Budget: g.Budget, Limit: limit.K, Start: start(now, limit.Period), Period: limit.Period,
	})
	if err != nil {
		return Acting{}, storeError(err)
	}
	return Acting{ID: s.grant, Grant: g, Human: record.Human, Left: left}, nil
}

// start is when the period of now began, in unix seconds.
func start(now time.Time, period time.Duration) int64 {
	if period == 0 {
		return 0
	}
	n := int64(period / time.Second)
	return now.Unix() / n * n
}

// Revoke is the route that ends grants: POST {"secret": base64url of 32 bytes}.
// It works at once and asks for nothing else.
func (d *Desk) Revoke() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Secret string `json:"secret"`
		}
		err := serve.ReadJSON(w, r, 1<<10, &in)
		if err == nil {
			err = d.revoke(r.Context(), in.Secret)
		}
		if err != nil {
			d.problem(w, r, err)
			return
		}
		serve.WriteJSON(w, http.StatusOK, map[string]any{"code": api.OK})
	})
}

func (d *Desk) revoke(ctx context.Context, secret string) error {
	raw, err := scope.DecodeToken(secret)
	if err != nil || len(raw) != 32 {
		return api.Errorf(api.NotCanonical, "secret is base64url of 32 bytes")
	}
	return storeError(d.cfg.Store.Revoke(ctx, sha256.Sum256(raw), d.cfg.Now()))
}

// Revocation makes what a grant needs to be revoked: the secret is for whoever
// may do that.
func Revocation(rand io.Reader) (secret [32]byte, hash scope.Digest, err error) {
	_, err = io.ReadFull(rand, secret[:])
	return secret, sha256.Sum256(secret[:]), err
}

// Revokes reports whether a secret ends a grant.
func Revokes(secret [32]byte, g scope.Grant) bool {
	sum := sha256.Sum256(secret[:])
	return subtle.ConstantTimeCompare(sum[:], g.Revocation[:]) == 1
}

func (d *Desk) problem(w http.ResponseWriter, r *http.Request, err error) {
	serve.LogProblem(d.cfg.Logf, r, err)
	serve.WriteProblem(w, r, err)
}

// Encode writes a grant as the body that Content and Accept read.
func Encode(g scope.Grant) ([]byte, error) {
	raw, err := g.Canonical()
	if err != nil {
		return nil, err
	}
	return json.Marshal(grantRequest{scope.EncodeToken(raw)})
}
