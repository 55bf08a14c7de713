package sdk

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// Policy says how often one human may do a thing. It is compulsory, and an
// action keeps the kind and period of its first policy for ever.
type Policy = scope.Policy

// Once lets each human do a thing one time, for ever.
func Once() Policy { return scope.Once() }

// Returning recognises the same human each time: a sign-in.
func Returning() Policy { return scope.Returning() }

// PerEpoch lets each human do a thing k times in each period, counted in UTC.
func PerEpoch(length time.Duration, k int) Policy { return scope.PerEpoch(length, k) }

// PerDay lets each human do a thing k times a day, UTC.
func PerDay(k int) Policy { return scope.PerDay(k) }

// Config says what an application accepts. RP, Issuers and Store are
// compulsory.
type Config struct {
	RP      string            // the host people see, e.g. "forum.example"
	Issuers []string          // verifier keys of the issuers, name+hash+key each
	Store   verifier.Store    // verifier/sqlite, or verifier/memory for tests; the caller closes it
	At      map[string]string // issuer name -> base URL, where that is not https://name

	Environment string                       // default "live"
	Depth       int                          // tree depth of proofs; default 20
	Bound       uint32                       // how many secrets one person can have here; default one an issuer
	Origins     []string                     // default https://RP, or http://RP on *.localhost
	Keys        []ed25519.PrivateKey         // newest first; default: made once, kept in Store
	Session     func(r *http.Request) string // what ties a challenge to a session, e.g. the session cookie's value
	Replays     bool                         // run handlers again when an accepted request is sent again
	MaxBody     int64                        // of requests to guarded routes; default 1 MiB

	Window       time.Duration // how long a superseded root stays good; default 1 h
	MaxStaleness time.Duration // how old the newest head may be; default 120 s
	MaxPairings  int           // proofs checked at one time; default GOMAXPROCS
	Client       *http.Client  // for the issuers; default one with limits
	Now          func() time.Time
	Rand         io.Reader
	Observe      func(code api.Code) // told the code of every decision, e.g. Counters.Observe
	OnError      func(error)         // told what goes wrong in the background, and what is behind answers of status 5xx; default nobody
}

// Gate guards handlers. It is safe for concurrent use.
type Gate struct {
	cfg     Config
	v       *verifier.Verifier
	issuers []*issuer
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex
	actions map[string]Policy
}

// Open makes a Gate and begins to follow the issuers, until ctx ends or Close
// is called. It does not wait for them: as long as an issuer has not been heard
// from, proofs are answered with roots_stale.
func Open(ctx context.Context, cfg Config) (*Gate, error) {
	if len(cfg.Issuers) == 0 {
		return nil, errors.New("sdk: at least one issuer is needed")
	}
	if cfg.Store == nil {
		return nil, errors.New("sdk: a spend store is needed")
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.Session == nil {
		cfg.Session = func(*http.Request) string { return "" }
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Bound == 0 {
		cfg.Bound = uint32(len(cfg.Issuers))
	}
	g := &Gate{cfg: cfg, actions: map[string]Policy{}}
	var roots []verifier.Roots
	for _, vkey := range cfg.Issuers {
		i, err := follow(ctx, cfg, vkey)
		if err != nil {
			return nil, fmt.Errorf("sdk: issuer: %w", err)
		}
		g.issuers = append(g.issuers, i)
		roots = append(roots, i)
	}
	var err error
	g.v, err = verifier.New(ctx, verifier.Config{
		RP: cfg.RP, Environment: cfg.Environment, Depth: cfg.Depth, Bound: cfg.Bound,
		Roots: verifier.AnyOf(roots...), Store: cfg.Store, Origins: cfg.Origins, Keys: cfg.Keys,
		Now: cfg.Now, Rand: cfg.Rand, MaxPairings: cfg.MaxPairings, Observe: cfg.Observe,
	})
	if err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	ctx, g.stop = context.WithCancel(ctx)
	for _, i := range g.issuers {
		g.done.Go(func() {
			if err := i.Run(ctx); err != nil && ctx.Err() == nil {
				cfg.OnError(err)
			}
		})
	}
	g.done.Go(func() { g.sweep(ctx) })
	return g, nil
}

// Close stops following the issuers. The store stays open.
func (g *Gate) Close() error {
	g.stop()
	g.done.Wait()
	return nil
}

// sweep forgets now and then what can no longer matter.
func (g *Gate) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.v.Sweep(ctx); err != nil && ctx.Err() == nil {
				g.cfg.OnError(err)
			}
		}
	}
}

// Verifier gives the verifier behind the Gate, for what no handler wraps.
func (g *Gate) Verifier() *verifier.Verifier { return g.v }

// Ready tells whether proofs can be judged now: the store answers and the
// issuers have been heard from.
func (g *Gate) Ready(ctx context.Context) error { return g.v.Ready(ctx) }

// register ties an action to its policy. A second policy for one action is a
// mistake in the program and panics, as a second handler for one route does.
func (g *Gate) register(action string, p Policy) {
	if err := errors.Join(scope.ValidateAction(action), p.Validate()); err != nil {
		panic(fmt.Sprintf("sdk: action %q: %v", action, err))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if have, ok := g.actions[action]; ok && have != p {
		panic(fmt.Sprintf("sdk: action %q has two policies", action))
	}
	g.actions[action] = p
}

func (g *Gate) policy(action string) (Policy, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.actions[action]
	return p, ok
}

// policies gives the actions registered so far, by name.
func (g *Gate) policies() []api.ActionPolicy {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := []api.ActionPolicy{}
	for action, p := range g.actions {
		out = append(out, verifier.Describe(action, p))
	}
	slices.SortFunc(out, verifier.CompareActions)
	return out
}
