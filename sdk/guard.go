package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// Guard is what an application's routes need, and what a Gate and a Remote both
// are: whether the verifier is in this process or elsewhere is one line of the
// program.
type Guard interface {
	// Require guards a handler: it runs only for a human who may still do
	// action under policy, once per accepted proof. The proof is bound to the
	// exact body of the request. It panics if the action has another policy
	// already.
	Require(action string, p Policy, h http.HandlerFunc) http.Handler
	// RequireContent is Require with the proof bound to what content says.
	RequireContent(action string, p Policy, content ContentFunc, h http.HandlerFunc) http.Handler
	// Challenges answers POST {action, content_digest?} with a challenge.
	Challenges() http.Handler
	// WellKnown serves /.well-known/perhuman.json.
	WellKnown() http.Handler
	// RefuseReplay answers a request whose work was done before.
	RefuseReplay(w http.ResponseWriter, r *http.Request)
	// Ready tells whether proofs can be judged now.
	Ready(ctx context.Context) error
	Close() error
}

// engine decides: in this process, or elsewhere. Its errors are *api.Error.
type engine interface {
	consume(context.Context, verifier.Request) (api.Verdict, error)
	challenge(context.Context, verifier.ChallengeRequest) (api.ChallengeResponse, error)
	describe(ctx context.Context, actions []api.ActionPolicy) (api.WellKnown, error)
	environment() string
	observe(api.Code)
	ready(context.Context) error
}

type frontConfig struct {
	session func(*http.Request) string
	client  func(*http.Request) string
	replays bool
	maxBody int64
	now     func() time.Time
	onError func(error)
}

// front is the side of a Guard that applications and browsers see.
type front struct {
	engine engine
	cfg    frontConfig
	book   *actionBook
}

// actionBook holds the policies of the actions registered so far.
type actionBook struct {
	mu sync.Mutex
	of map[string]Policy
}

func newFront(e engine, cfg frontConfig) front {
	if cfg.maxBody <= 0 {
		cfg.maxBody = 1 << 20
	}
	if cfg.session == nil {
		cfg.session = func(*http.Request) string { return "" }
	}
	if cfg.client == nil {
		cfg.client = ClientAddr
	}
	return front{engine: e, cfg: cfg, book: &actionBook{of: map[string]Policy{}}}
}

// ClientAddr is the network address that a request came from, of IPv6 the /64
// that one subscriber has. Behind a proxy that is the proxy's: set ClientOf to
// read what the proxy puts down, and only if every request comes through it.
func ClientAddr(r *http.Request) string { return serve.Client(r, nil) }

// Ready tells whether proofs can be judged now: the store answers and the
// issuers have been heard from.
func (f *front) Ready(ctx context.Context) error { return f.engine.ready(ctx) }

// register ties an action to its policy. A second policy for one action is a
// mistake in the program and panics, as a second handler for one route does.
func (f *front) register(action string, p Policy) {
	if err := errors.Join(scope.ValidateAction(action), p.Validate()); err != nil {
		panic(fmt.Sprintf("sdk: action %q: %v", action, err))
	}
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	if have, ok := f.book.of[action]; ok && have != p {
		panic(fmt.Sprintf("sdk: action %q has two policies", action))
	}
	f.book.of[action] = p
}

func (f *front) policy(action string) (Policy, bool) {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	p, ok := f.book.of[action]
	return p, ok
}

// policies gives the actions registered so far, by name.
func (f *front) policies() []api.ActionPolicy {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	out := []api.ActionPolicy{}
	for action, p := range f.book.of {
		out = append(out, verifier.Describe(action, p))
	}
	slices.SortFunc(out, verifier.CompareActions)
	return out
}

// logf tells onError what went wrong while a request was answered.
func (f *front) logf(format string, args ...any) { f.cfg.onError(fmt.Errorf(format, args...)) }
