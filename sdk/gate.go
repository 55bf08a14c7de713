package sdk

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
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

// Snapshot is a policy over the set frozen at a sequence number of the issuer's
// log: votes and airdrops that nobody enters twice with a new secret.
func Snapshot(seq uint64, p Policy) Policy { return scope.Snapshot(seq, p) }

// Config says what an application accepts. RP and Store are compulsory, and one
// of Issuers and Require.
type Config struct {
	RP      string            // the host people see, e.g. "forum.example"
	Issuers []string          // any of these: verifier keys of issuers, name+hash+key each
	Require []string          // or all of these, up to 4: a proof under each, in this order, made with one secret
	Store   verifier.Store    // verifier/sqlite, or verifier/memory for tests; the caller closes it
	At      map[string]string // issuer name -> base URL, where that is not https://name

	Environment string                       // default "live"
	Depth       int                          // tree depth of proofs; default 20
	Origins     []string                     // default https://RP, or http://RP on *.localhost
	Keys        []ed25519.PrivateKey         // newest first; default: made once, kept in Store
	Session     func(r *http.Request) string // what ties a challenge to a session, e.g. the session cookie's value
	Replays     bool                         // run handlers again when an accepted request is sent again
	MaxBody     int64                        // of requests to guarded routes; default 1 MiB
	ClientOf    func(r *http.Request) string // who is slowed down for bad proofs; default ClientAddr

	// Bound is how many secrets one person can have here, as far as the operator
	// knows. Default: what the issuers' own metadata says, of several in Issuers
	// the sum, and until it was read proofs are answered with roots_stale.
	// Verdicts state the larger of the two figures.
	Bound uint32

	// Witnesses are verifier keys of those who watch the issuers' logs; a log of
	// which fewer than Quorum of them have cosigned the newest state decides
	// nothing (roots_stale). Quorum is then compulsory.
	Witnesses []string
	Quorum    int

	// Afresh are verifier keys, of those above, to begin to follow with no memory
	// although the issuer was followed under another key: for an issuer that
	// changed its key and never signed with both while this verifier was listening
	// (setlog.ErrUnvouched), or was founded anew under its old name.
	Afresh []string

	// Snapshots pins roots of Snapshot policies by sequence number, in place of
	// what the issuer's log has there, for instance what setlog's Repin gives.
	Snapshots map[uint64]semaphore.Element

	Window       time.Duration         // how long a superseded root stays good; default 1 h
	MaxStaleness time.Duration         // how old the newest head may be; default 120 s
	MaxPairings  int                   // proofs or batches checked at one time; default GOMAXPROCS
	Queue        semaphore.QueueConfig // how proofs of concurrent requests are verified together
	NoQueue      bool                  // verify each proof alone
	Client       *http.Client          // for the issuers; default one with limits
	Now          func() time.Time
	Rand         io.Reader
	Observe      func(code api.Code) // told the code of every decision, e.g. Counters.Observe
	OnError      func(error)         // told what goes wrong in the background, and what is behind answers of status 5xx; default nobody

	Events func(api.Verdict) *verifier.Event // see verifier.Config
}

// Gate guards handlers with a verifier of its own. It is safe for concurrent
// use.
type Gate struct {
	front
	v       *verifier.Verifier
	cfg     Config
	issuers []*issuer
	stop    context.CancelFunc
	done    sync.WaitGroup

	following *Following
}

var _ Guard = (*Gate)(nil)

// Open makes a Gate and begins to follow the issuers, until ctx ends or Close
// is called. It does not wait for them: as long as an issuer has not been heard
// from, proofs are answered with roots_stale.
func Open(ctx context.Context, cfg Config) (*Gate, error) {
	if cfg.Store == nil {
		return nil, errors.New("sdk: a spend store is needed")
	}
	cfg.defaults()
	following, err := newFollowing(cfg)
	if err != nil {
		return nil, err
	}
	g := &Gate{cfg: cfg, issuers: following.issuers, following: following}
	g.v, err = verifier.New(ctx, verifier.Config{
		RP: cfg.RP, Environment: cfg.Environment, Depth: cfg.Depth, Bound: cfg.Bound, Snapshots: cfg.Snapshots,
		Roots: following.roots, Store: cfg.Store, Origins: cfg.Origins, Keys: cfg.Keys,
		Now: cfg.Now, Rand: cfg.Rand, MaxPairings: cfg.MaxPairings, Queue: cfg.Queue, NoQueue: cfg.NoQueue,
		Observe: cfg.Observe, Events: cfg.Events,
	})
	if err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	g.front = newFront(local{g}, frontConfig{
		session: cfg.Session, client: cfg.ClientOf, replays: cfg.Replays, maxBody: cfg.MaxBody, now: cfg.Now, onError: cfg.OnError,
	})
	ctx, g.stop = context.WithCancel(ctx)
	following.run(ctx)
	g.done.Go(func() { g.sweep(ctx) })
	return g, nil
}

// Close stops following the issuers and lets no more proofs in. The store stays
// open.
func (g *Gate) Close() error {
	g.stop()
	g.done.Wait()
	g.following.wait()
	g.v.Close()
	return nil
}

// sweep forgets now and then what can no longer matter.
func (g *Gate) sweep(ctx context.Context) {
	serve.Every(ctx, time.Hour, func() {
		if err := g.v.Sweep(ctx); err != nil && ctx.Err() == nil {
			g.cfg.OnError(err)
		}
	})
}

// Verifier gives the verifier behind the Gate, for what no handler wraps.
func (g *Gate) Verifier() *verifier.Verifier { return g.v }

// local is the verifier in this process.
type local struct{ g *Gate }

func (l local) consume(ctx context.Context, r verifier.Request) (api.Verdict, error) {
	return l.g.v.Consume(ctx, r)
}

func (l local) challenge(ctx context.Context, r verifier.ChallengeRequest) (api.ChallengeResponse, error) {
	out, err := l.g.v.Challenge(ctx, r)
	return out.Vouched(l.vkeys(), len(l.g.cfg.Require) > 0), err
}

// vkeys are the issuers that count; Open makes sure that one of the two lists is
// empty.
func (l local) vkeys() []string {
	return append(l.g.cfg.Issuers[:len(l.g.cfg.Issuers):len(l.g.cfg.Issuers)], l.g.cfg.Require...)
}

func (l local) describe(_ context.Context, actions []api.ActionPolicy) (api.WellKnown, error) {
	out := api.WellKnown{
		RP: l.g.v.RP(), Issuers: l.vkeys(),
		All: len(l.g.cfg.Require) > 0, Depth: l.g.v.Depth(), Actions: actions,
	}
	for _, key := range l.g.v.PublicKeys() {
		out.Keys = append(out.Keys, scope.EncodeToken(key))
	}
	return out, nil
}

func (l local) environment() string             { return l.g.v.Environment() }
func (l local) observe(code api.Code)           { l.g.v.Observe(code) }
func (l local) ready(ctx context.Context) error { return l.g.v.Ready(ctx) }
