package issuer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Issuer runs one set. Its methods may be called from many goroutines: intakes
// and anchors wait for one another, reads never wait for either.
type Issuer struct {
	cfg      Config
	signer   note.Signer     // signs receipts
	signers  []note.Signer   // sign what the world follows: signer, and those it replaces
	keys     []note.Verifier // of signers
	vkey     string
	retiring []string          // verifier keys of the other signers
	policy   *setlog.Witnesses // of Config.Witnesses; nil if there are none
	seal     *sealer
	sessions sessions
	claims   claims
	document atomic.Pointer[[]byte] // the metadata document, whose hash stands in the log
	imported atomic.Bool            // some members came without evidence

	mu      sync.Mutex        // held over every act that writes
	group   *semaphore.Group  // the set after the last commit
	leaving map[Serial]leaver // deleted people whose templates are still there
	burying sync.Mutex        // held by the one who has parties destroy templates; before mu
	said    policyKnown
	doubt   bool // memory may differ from the store: reload first

	tiles      tileCache
	gallery    gallery
	cache      *galleryCache // nil: none
	snapshotAt atomic.Int64  // log size of the last snapshot
	verified   atomic.Bool   // everything stored was replayed, not only what came after a snapshot

	shown  atomic.Pointer[shown] // what the world may see; nil before the first anchor
	fenced atomic.Bool           // another process writes this set: never sign again

	witnessed atomic.Pointer[cosigned] // newest checkpoint that enough witnesses have signed
	lastTry   atomic.Uint64            // unix ms of the last anchor that went well, also if nothing waited
	forced    chan struct{}            // of one: an anchor that cannot wait failed
}

// New binds the store to the issuer's name and keys, rebuilds set, log and
// gallery from it, and checks them against the last signed checkpoint. It
// refuses a store of another name (ErrWrongOrigin), signing key (ErrWrongKey)
// or operator secret (ErrWrongOperator), and one that contradicts itself
// (ErrCorrupt). A new or changed metadata document is entered into the log at
// once, so that there is a head from the first moment.
func New(ctx context.Context, cfg Config) (*Issuer, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	believed := *cfg.Capture
	if believed.Known == nil {
		believed.Known = capture.NewKnown(4096)
	}
	cfg.Capture = &believed
	i := &Issuer{cfg: cfg, claims: newClaims(), forced: make(chan struct{}, 1)}
	var err error
	if err := i.openKeys(); err != nil {
		return nil, err
	}
	if i.seal, err = newSealer(cfg.Operator, cfg.Rand); err != nil {
		return nil, err
	}
	if i.sessions, err = newSessions(cfg.Operator, cfg.Name); err != nil {
		return nil, err
	}
	id, err := operatorID(cfg.Operator)
	if err != nil {
		return nil, err
	}
	if err := cfg.Store.Bind(ctx, Binding{Origin: cfg.Name, VKey: i.vkey, Retiring: i.retiring, Operator: id}); err != nil {
		return nil, err
	}
	if cfg.GalleryCache != "" {
		i.cache = &galleryCache{path: cfg.GalleryCache, rand: cfg.Rand}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.load(ctx); err != nil {
		return nil, err
	}
	if err := i.guard(ctx); err != nil {
		return nil, err
	}
	i.leaving = map[Serial]leaver{}
	if !cfg.Background {
		if err := i.openGallery(ctx); err != nil {
			return nil, err
		}
	}
	return i, i.publishPolicy(ctx)
}

// VKey is how everybody pins this issuer: name+hash+key.
func (i *Issuer) VKey() string { return i.vkey }

// Name is the issuer's name.
func (i *Issuer) Name() string { return i.cfg.Name }

// Run anchors once per period until ctx ends; then it anchors what waits and
// returns nil. Errors of single anchors are logged and tried again: after a
// second, and then ever more slowly, if a removal that voids older roots or an
// announcement waits. Beside that
// it opens the gallery, keeps snapshot and gallery cache young, and after a start from one
// reads all that is stored (Verify).
func (i *Issuer) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() {
		i.keepOpening(ctx)
		if !i.verified.Load() && ctx.Err() == nil {
			if err := i.Verify(ctx); err == nil {
				i.verified.Store(true)
			} else if ctx.Err() == nil {
				i.cfg.Logf("issuer: verify what is stored: %v", err)
			}
		}
	})
	if i.cache != nil {
		beside.Go(func() { i.keepCache(ctx) })
	}
	tick := time.NewTicker(i.cfg.Anchor)
	defer tick.Stop()
	wait := time.Duration(0)
	again := time.NewTimer(0)
	again.Stop()
	for {
		select {
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			if _, err := i.Anchor(stop); err != nil {
				return fmt.Errorf("issuer: last anchor: %w", err)
			}
			i.keepSnapshot(stop, 1)
			return nil
		case <-i.forced:
			wait = min(time.Second, i.cfg.Anchor)
			again.Reset(wait)
		case <-again.C:
			if _, err := i.anchor(ctx, prompt); err != nil && !errors.Is(err, context.Canceled) {
				i.cfg.Logf("issuer: anchor that cannot wait: %v", err)
				wait = min(2*wait, i.cfg.Anchor)
				again.Reset(wait)
			}
		case <-tick.C:
			if _, asks := i.cfg.Matcher.(Destroyer); asks { // anchors do not wait for parties
				beside.Go(func() { i.releaseFirst(ctx) })
			} else if err := i.Release(ctx); err != nil && !errors.Is(err, context.Canceled) {
				i.cfg.Logf("issuer: %v", err)
			}
			if _, err := i.anchor(ctx, i.due); err != nil && !errors.Is(err, context.Canceled) {
				i.cfg.Logf("issuer: anchor: %v", err)
			}
			i.keepSnapshot(ctx, snapshotEvery)
		}
	}
}

// ready makes sure that memory equals the store before anything is written.
// The caller holds mu.
func (i *Issuer) ready(ctx context.Context) error {
	if i.fenced.Load() {
		return coded(ErrFenced)
	}
	if !i.doubt {
		return nil
	}
	steady := context.WithoutCancel(ctx)
	if err := i.load(steady); err != nil {
		return api.Wrap(api.InDoubt, err)
	}
	if i.gallery.doubt && i.gallery.opened {
		if err := i.openGallery(steady); err != nil {
			return api.Wrap(api.InDoubt, err)
		}
	}
	i.doubt = false
	i.cfg.Logf("issuer: reloaded after a commit in doubt")
	return nil
}

// poison marks memory as unreliable and reloads at once; if that fails too, the
// next act tries again and answers in_doubt until it succeeds. The caller holds
// mu.
func (i *Issuer) poison(ctx context.Context) {
	i.doubt = true
	if err := i.ready(ctx); err != nil {
		i.cfg.Logf("issuer: %v", err)
	}
}

// failed takes note of what an error of the store means for this process, and
// gives the error its wire code. touched says that memory went ahead of the
// store. The caller holds mu.
func (i *Issuer) failed(ctx context.Context, err error, touched bool) error {
	if errors.Is(err, ErrFenced) && i.fenced.CompareAndSwap(false, true) {
		i.cfg.Logf("issuer: %v; this process signs nothing any more", err)
	}
	if !touched && errors.Is(err, ErrInDoubt) {
		i.gallery.doubt = true // anchors leave templates alone; everything else may not
	}
	if touched || errors.Is(err, ErrInDoubt) {
		i.poison(ctx)
	}
	return coded(err)
}

// coded gives an error of the store its wire code: the one place where that is
// decided.
func coded(err error) error {
	var e *api.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return err
	case errors.Is(err, ErrInDoubt):
		return api.Wrap(api.InDoubt, err)
	case errors.Is(err, ErrNotFound):
		return api.Wrap(api.NotFound, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return api.Wrap(api.Overloaded, err)
	}
	return api.Wrap(api.StoreUnavailable, err)
}

// now gives the clock in unix milliseconds.
func (i *Issuer) now() uint64 { return uint64(max(i.cfg.Now().UnixMilli(), 0)) }
