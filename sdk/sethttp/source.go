package sethttp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	defaultPoll = 1500 * time.Millisecond
	maxBackoff  = 15 * time.Second
	// flightGap is the least time between two refreshes that roots asked for.
	flightGap = 200 * time.Millisecond
	// maxLearns bounds the roots that are searched in the log at one time.
	maxLearns = 4
)

// Config says which issuer to follow and how. Only VKey is compulsory.
type Config struct {
	VKey   string       // name+hash+key
	At     string       // address of the log; default: the one in the name
	Client *http.Client // default: one over NewTransport
	State  State        // default: memory, so that a restart trusts the first head again
	Now    func() time.Time

	Window, MaxStaleness, MaxSkew time.Duration     // as in setlog.FollowerConfig
	Witnesses                     *setlog.Witnesses // who must have cosigned the log; nil asks for nobody

	// Kept gives a place, by name, for each other thing that should outlive a
	// restart: the issuer's metadata and the proofs of frozen roots. Default:
	// memory.
	Kept func(name string) State

	Poll    time.Duration  // mean time between polls of Run, default 1.5 s
	Jitter  func() float64 // in [0, 1); default math/rand
	OnError func(error)    // told of failed polls; default: nobody

	InfoEvery time.Duration // how often Run reads the issuer's metadata again, default 10 min
}

// Source follows one issuer. Safe for concurrent use.
type Source struct {
	*Client
	follower *setlog.Follower
	now      func() time.Time
	poll     time.Duration
	jitter   func() float64
	onError  func(error)

	misses misses
	learns singleflight.Group
	slots  chan struct{}
	kept   func(name string) State
	frozen sync.Map // seq -> setlog.RootProof; as many as there are policies

	info      atomic.Pointer[api.IssuerInfo]
	infoEvery time.Duration
	infoMu    sync.Mutex // held over fetches of the metadata
	infoBody  []byte
	infoTried time.Time

	mu     sync.Mutex
	flight *flight
	landed time.Time // when the last flight ended
	etag   string    // of the head held
}

// flight is one refresh that several callers wait for.
type flight struct {
	done chan struct{}
	err  error
}

// New makes a source. It reads the state but does not touch the network.
func New(cfg Config) (*Source, error) {
	v, err := setlog.ParseVKey(cfg.VKey)
	if err != nil {
		return nil, err
	}
	c, err := NewClient(v.Name(), cfg.At, cfg.Client)
	if err != nil {
		return nil, err
	}
	fc := setlog.FollowerConfig{VKey: cfg.VKey, Window: cfg.Window, MaxStaleness: cfg.MaxStaleness, MaxSkew: cfg.MaxSkew, Witnesses: cfg.Witnesses}
	if cfg.State != nil {
		fc.Persist = cfg.State.Save
		if fc.State, err = cfg.State.Load(); err != nil {
			return nil, err
		}
	}
	s := &Source{
		Client: c, now: cfg.Now, poll: cfg.Poll, jitter: cfg.Jitter, onError: cfg.OnError,
		slots: make(chan struct{}, maxLearns), kept: cfg.Kept, infoEvery: cfg.InfoEvery,
	}
	if s.follower, err = setlog.NewFollower(fc); err != nil {
		return nil, err
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.poll <= 0 {
		s.poll = defaultPoll
	}
	if s.jitter == nil {
		s.jitter = rand.Float64
	}
	if s.onError == nil {
		s.onError = func(error) {}
	}
	if s.infoEvery <= 0 {
		s.infoEvery = defaultInfoEvery
	}
	if err := s.loadInfo(); err != nil {
		return nil, err
	}
	return s, nil
}

// Follower gives the follower behind the source, for its head and state.
func (s *Source) Follower() *setlog.Follower { return s.follower }

// Refresh fetches the head once, together with whoever else is asking. It waits
// for the answer or for ctx; the request itself goes on for the others.
func (s *Source) Refresh(ctx context.Context) error {
	_, err := s.join(ctx)
	return err
}

// join waits for a flight; fresh says that the flight began after the call.
func (s *Source) join(ctx context.Context) (fresh bool, err error) {
	s.mu.Lock()
	f := s.flight
	if fresh = f == nil; fresh {
		f = &flight{done: make(chan struct{})}
		s.flight = f
		go s.fly(f, flightGap-time.Since(s.landed)) // #nosec G118 -- one flight serves many requests and outlives the first
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return fresh, f.err
	case <-ctx.Done():
		return fresh, ctx.Err()
	}
}

// fly performs one refresh. No caller's context ends it, only its time bound.
func (s *Source) fly(f *flight, wait time.Duration) {
	if wait > 0 {
		time.Sleep(wait)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*requestTimeout)
	defer cancel()
	f.err = s.refresh(ctx)
	s.mu.Lock()
	s.flight, s.landed = nil, time.Now()
	s.mu.Unlock()
	close(f.done)
}

func (s *Source) refresh(ctx context.Context) error {
	s.mu.Lock()
	etag := s.etag
	s.mu.Unlock()
	body, tag, err := s.headIf(ctx, etag)
	if err != nil || body == nil {
		return err
	}
	was, _ := s.follower.Head()
	if err := s.follower.Update(body, s.now(), s.Fetch(ctx)); err != nil {
		return err
	}
	if is, _ := s.follower.Head(); is.Seq != was.Seq {
		s.misses.clear() // what was not there before may be there now
	}
	s.mu.Lock()
	s.etag = tag
	s.mu.Unlock()
	return nil
}

// Run polls, and reads the issuer's metadata now and then, until ctx ends, and returns its error; or until the issuer is seen
// to fork its log, and returns the *setlog.ErrFork. Failed polls are repeated,
// ever more slowly up to 15 s.
func (s *Source) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { s.runInfo(ctx) })
	defer beside.Wait()
	defer stop()
	wait := s.poll
	for {
		err := s.Refresh(ctx)
		var fork *setlog.ErrFork
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &fork):
			s.onError(err)
			return err
		case err != nil:
			s.onError(err)
			wait = min(2*wait, max(maxBackoff, s.poll))
		default:
			wait = s.poll
		}
		// Between three quarters and five quarters, so that verifiers which
		// started together drift apart.
		t := time.NewTimer(time.Duration(float64(wait) * (0.75 + s.jitter()/2)))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// Peek is Root from memory alone.
func (s *Source) Peek(root semaphore.Element, now time.Time) (setlog.RootInfo, error) {
	return s.follower.Root(root, now)
}

// Root says whether proofs against root may be accepted at now. It answers from
// memory if it can; an unknown root, or a head that is too old, makes it refresh
// first. Errors: setlog.ErrRootZero, ErrRootUnknown, ErrRootExpired, *ErrFork,
// ctx's error, and ErrStale where it could not find out (try again).
func (s *Source) Root(ctx context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error) {
	info, err := s.follower.Root(root, now)
	unknown := errors.Is(err, setlog.ErrRootUnknown)
	if !unknown && !errors.Is(err, setlog.ErrStale) {
		return info, err
	}
	if unknown && s.misses.has(root, s.now()) {
		return info, err
	}
	for range 2 {
		fresh, ferr := s.join(ctx)
		if ctx.Err() != nil {
			return setlog.RootInfo{}, ctx.Err()
		}
		if s.follower.Learnable(root) {
			if lerr := s.learn(ctx, root); lerr != nil && ctx.Err() == nil {
				return setlog.RootInfo{}, couldNot(lerr)
			}
		}
		info, err = s.follower.Root(root, now)
		switch unknown := errors.Is(err, setlog.ErrRootUnknown); {
		case ferr != nil && (unknown || errors.Is(err, setlog.ErrStale)) && !errors.Is(ferr, setlog.ErrOldHead):
			return setlog.RootInfo{}, couldNot(ferr)
		case !unknown:
			return info, err
		case fresh:
			s.misses.add(root, s.now())
			return info, err
		}
		// The flight had begun before this root was asked for: one more.
	}
	s.misses.add(root, s.now())
	return info, err
}

// couldNot turns a failed fetch into "no decision": the root may be good.
func couldNot(err error) error {
	var fork *setlog.ErrFork
	if errors.As(err, &fork) {
		return err
	}
	return fmt.Errorf("%w: %w", setlog.ErrStale, err)
}

// learn has the follower prove a listed root, once for all callers.
func (s *Source) learn(ctx context.Context, root semaphore.Element) error {
	done := s.learns.DoChan(string(root[:]), func() (any, error) {
		s.slots <- struct{}{}
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeout(context.Background(), 2*requestTimeout)
		defer cancel()
		return nil, s.follower.Learn(root, s.Fetch(ctx))
	})
	select {
	case r := <-done:
		if errors.Is(r.Err, setlog.ErrRootUnknown) {
			return nil // the window moved on; Root will say so
		}
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RootProof gives the proof that a known root is in the log, for a bundle.
func (s *Source) RootProof(ctx context.Context, root semaphore.Element) (setlog.RootProof, error) {
	return s.follower.RootProof(root, s.Fetch(ctx))
}
