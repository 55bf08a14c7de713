package verifier

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// DefaultDepth is the tree depth of proofs unless a deployment chooses another.
const DefaultDepth = 20

// Config says what a Verifier expects. RP, Roots and Store are compulsory.
type Config struct {
	RP          string // the relying party as people see it; part of every scope
	Environment string // part of every stored key; default "live"
	Depth       int    // the one tree depth accepted; default 20
	Roots       Roots  // AnyOf and AllOf make one of several
	Store       Store

	// Bound is how many secrets one person could have in the set or sets, as
	// far as the operator knows. Verdicts state the larger of it and of what
	// the issuers say (see Bounder); it never makes an issuer's own figure
	// smaller. 0: what the issuers say, and nothing is decided before they were
	// heard; 1 if Roots is no Bounder.
	Bound uint32

	// FreezeBefore is for a store that was restored from a backup: see Freeze,
	// which keeps it in the store itself. The later of the two holds.
	FreezeBefore time.Time

	// Snapshots pins roots of frozen sets by sequence number, in place of what
	// the issuer's log has there: a list of members with the leaves of those
	// removed since zeroed. Nullifiers do not change by it.
	Snapshots map[uint64]semaphore.Element

	Proofs  *semaphore.Verifier  // default: a new one
	Origins []string             // origins that may ask; each must belong to RP; default https://RP, or http://RP on *.localhost
	Keys    []ed25519.PrivateKey // newest first; default: those of the Store, made if there is none
	Now     func() time.Time
	Rand    io.Reader // read by one goroutine at a time; default crypto/rand

	Queue   semaphore.QueueConfig // how proofs of concurrent callers are verified together
	NoQueue bool                  // verify each proof alone, MaxPairings at one time
	MaxWait time.Duration         // how long a proof may wait for its verdict; default 5 s

	// MaxPairings bounds what is verified at one time: batches of the queue if
	// Queue.Workers is 0, and besides those whole batches, post bundles and, with
	// NoQueue, proofs. Default GOMAXPROCS. MaxWaiting bounds what may wait for
	// that; default 64 for each, in the queue 4096.
	MaxPairings, MaxWaiting int

	Observe func(code api.Code) // told the code of every decision; must not block
	// Events makes what is written beside an accepted act, in its transaction;
	// nil for none. It gets the verdict as it will be unless a rival is faster,
	// and must not block.
	Events func(api.Verdict) *Event
}

// Verifier checks and consumes proofs for one relying party in one environment.
// It is safe for concurrent use.
type Verifier struct {
	cfg      Config
	origins  map[scope.Digest]string
	keys     *keyring
	required []Roots // with AllOf: a proof under each of them, in order
	pairings *pairings

	mu    sync.Mutex
	slots map[string]slotTable // by action
}

// New makes a Verifier. It asks the store for the signing keys.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	if err := scope.ValidateRP(cfg.RP); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if cfg.Roots == nil || cfg.Store == nil {
		return nil, errors.New("verifier: Roots and Store are needed")
	}
	defaults(&cfg)
	if err := cfg.loadFreeze(ctx); err != nil {
		return nil, fmt.Errorf("verifier: %w", err)
	}
	if !validName(cfg.Environment) {
		return nil, fmt.Errorf("verifier: environment %q: 1..32 of a-z, 0-9, - and _", cfg.Environment)
	}
	if cfg.Depth < 1 || cfg.Depth > 32 {
		return nil, fmt.Errorf("verifier: depth %d: 1..32", cfg.Depth)
	}
	for seq, root := range cfg.Snapshots {
		if _, err := semaphore.ElementFromBytes(root[:]); err != nil || root.IsZero() || seq == 0 || seq > scope.MaxSeq {
			return nil, fmt.Errorf("verifier: snapshot %d: not a root of people", seq)
		}
	}
	v := &Verifier{cfg: cfg, origins: map[scope.Digest]string{}, slots: map[string]slotTable{}}
	if all, ok := cfg.Roots.(allOf); ok {
		if len(all) < 1 || len(all) > MaxProofs {
			return nil, fmt.Errorf("verifier: AllOf takes 1 to %d issuers", MaxProofs)
		}
		v.required = all
	}
	for _, origin := range cfg.Origins {
		if rp, err := scope.RPFromOrigin(origin); err != nil || rp != cfg.RP {
			return nil, fmt.Errorf("verifier: origin %q does not belong to %q: no wallet would answer there", origin, cfg.RP)
		}
		v.origins[scope.HashString(origin)] = origin
	}
	var err error
	if cfg.Proofs == nil {
		if v.cfg.Proofs, err = semaphore.NewVerifier(); err != nil {
			return nil, fmt.Errorf("verifier: %w", err)
		}
	}
	if v.keys, err = newKeyring(ctx, cfg); err != nil {
		return nil, err
	}
	v.pairings = newPairings(v.cfg)
	return v, nil
}

// clientPending is how many proofs of one client may wait, a third of a
// second's work: a client may be a whole application whose server names nobody.
const clientPending = 1024

func defaults(cfg *Config) {
	if cfg.Environment == "" {
		cfg.Environment = "live"
	}
	if cfg.Depth == 0 {
		cfg.Depth = DefaultDepth
	}
	if len(cfg.Origins) == 0 {
		cfg.Origins = []string{DefaultOrigin(cfg.RP)}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	} else {
		cfg.Rand = &oneAtATime{r: cfg.Rand}
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 5 * time.Second
	}
	if cfg.Queue.Workers < 1 {
		cfg.Queue.Workers = cfg.MaxPairings
	}
	if cfg.Queue.Pending < 1 {
		cfg.Queue.Pending = cfg.MaxWaiting
	}
	if cfg.Queue.PendingPerClient < 1 && cfg.Queue.Pending < 1 {
		cfg.Queue.PendingPerClient = clientPending
	}
	if cfg.MaxPairings < 1 {
		cfg.MaxPairings = runtime.GOMAXPROCS(0)
	}
	if cfg.MaxWaiting < 1 {
		cfg.MaxWaiting = 64 * cfg.MaxPairings
	}
}

// oneAtATime lets many requests read from a source that is not made for it.
type oneAtATime struct {
	mu sync.Mutex
	r  io.Reader
}

func (o *oneAtATime) Read(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.r.Read(b)
}

// DefaultOrigin is the origin at which people meet a relying party.
func DefaultOrigin(rp string) string {
	if origin := "http://" + rp; isOriginOf(origin, rp) {
		return origin
	}
	return "https://" + rp
}

func isOriginOf(origin, rp string) bool {
	got, err := scope.RPFromOrigin(origin)
	return err == nil && got == rp
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// RP is the relying party.
func (v *Verifier) RP() string { return v.cfg.RP }

// Environment is the environment.
func (v *Verifier) Environment() string { return v.cfg.Environment }

// Depth is the tree depth that proofs must have.
func (v *Verifier) Depth() int { return v.cfg.Depth }

// Origins are the origins that may ask.
func (v *Verifier) Origins() []string { return slices.Clone(v.cfg.Origins) }

// Ready tells whether decisions can be made: the store answers and the roots
// are fresh.
func (v *Verifier) Ready(ctx context.Context) error {
	if _, _, err := v.cfg.Store.Policy(ctx, v.cfg.Environment, v.cfg.RP, "ready"); err != nil {
		return storeError(err)
	}
	if f, ok := v.cfg.Roots.(Fresh); ok {
		if err := f.Fresh(v.cfg.Now()); err != nil {
			return refuseRoot(err)
		}
	}
	return nil
}

// Sweep forgets what can no longer matter; see Store.Sweep. An idempotency key
// works for a day after its challenge ended.
func (v *Verifier) Sweep(ctx context.Context) error {
	return SweepStore(ctx, v.cfg.Store, v.cfg.Now())
}

// SweepStore is Sweep of a store that serves several verifiers.
func SweepStore(ctx context.Context, store Store, now time.Time) error {
	for {
		n, err := store.Sweep(ctx, now.Add(-24*time.Hour))
		if err != nil || n == 0 {
			return err
		}
	}
}

// Observe counts a decision that was made around the verifier, for instance a
// request that was refused before it could be handed in.
func (v *Verifier) Observe(code api.Code) {
	if v.cfg.Observe != nil {
		v.cfg.Observe(code)
	}
}

// storeError maps what a Store says to its wire code.
func storeError(err error) *api.Error {
	code := api.StoreUnavailable
	switch {
	case errors.Is(err, ErrPolicyConflict):
		return api.Wrap(api.PolicyConflict, err)
	case errors.Is(err, ErrInDoubt):
		code = api.InDoubt
	}
	return &api.Error{Code: code, RetryAfter: time.Second, Err: err}
}
