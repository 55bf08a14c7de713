package registry

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Keeper is where the document is kept: the part of verifier.StateKeeper that
// this needs.
type Keeper interface {
	LoadState(ctx context.Context, name string) ([]byte, error)
	// SwapState writes new if old is what is there; old nil = nothing is there.
	SwapState(ctx context.Context, name string, old, new []byte) (bool, error)
}

// StateName is the name that the document is kept under.
const StateName = "httpapi/registry"

// Config of a Registry. Keeper is compulsory.
type Config struct {
	Keeper  Keeper
	Now     func() time.Time
	Rand    io.Reader
	OnError func(error) // what goes wrong while reading again; default nobody
}

// Registry is the document, as of the last read, and the changes to it. It is
// safe for concurrent use.
type Registry struct {
	cfg     Config
	view    atomic.Pointer[View]
	reading sync.Mutex

	mu       sync.Mutex
	watchers []func(*View)
}

// View is the document at one time. It must not be changed.
type View struct {
	Apps []App
	Read time.Time // when the store was last heard

	raw []byte
}

// App finds an app by its id.
func (v *View) App(id string) (App, bool) {
	i := slices.IndexFunc(v.Apps, func(a App) bool { return a.ID == id })
	if i < 0 {
		return App{}, false
	}
	return v.Apps[i], true
}

type document struct {
	Format int   `json:"format"`
	Apps   []App `json:"apps"`
}

const format = 1

// Open reads the document. It blocks on the store.
func Open(ctx context.Context, cfg Config) (*Registry, error) {
	if cfg.Keeper == nil {
		return nil, errors.New("registry: a Keeper is needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	r := &Registry{cfg: cfg}
	r.view.Store(&View{})
	return r, r.Refresh(ctx)
}

// View gives what was read last.
func (r *Registry) View() *View { return r.view.Load() }

// Age is how long ago the store was last heard.
func (r *Registry) Age() time.Duration { return r.cfg.Now().Sub(r.View().Read) }

// OnChange has f called with every new document, and with the present one at
// once. It is called from the goroutine that read it, one call at a time.
func (r *Registry) OnChange(f func(*View)) {
	r.reading.Lock()
	defer r.reading.Unlock()
	r.mu.Lock()
	r.watchers = append(r.watchers, f)
	r.mu.Unlock()
	f(r.View())
}

// Refresh reads the document again.
func (r *Registry) Refresh(ctx context.Context) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	raw, err := r.cfg.Keeper.LoadState(ctx, StateName)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return r.publish(raw)
}

// publish makes a document the present one; the caller holds reading.
func (r *Registry) publish(raw []byte) error {
	before := r.View()
	if bytes.Equal(raw, before.raw) {
		same := *before
		same.Read = r.cfg.Now()
		r.view.Store(&same)
		return nil
	}
	doc, err := decode(raw)
	if err != nil {
		return err
	}
	now := &View{Apps: doc.Apps, Read: r.cfg.Now(), raw: raw}
	r.view.Store(now)
	r.mu.Lock()
	watchers := slices.Clone(r.watchers)
	r.mu.Unlock()
	for _, f := range watchers {
		f(now)
	}
	return nil
}

func decode(raw []byte) (document, error) {
	doc := document{Format: format}
	if len(raw) == 0 {
		return doc, nil
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, fmt.Errorf("registry: the document cannot be read: %w", err)
	}
	if doc.Format != format {
		return doc, fmt.Errorf("registry: the document has format %d, this program knows %d", doc.Format, format)
	}
	return doc, nil
}

// Run reads the document again at an interval, until ctx ends.
func (r *Registry) Run(ctx context.Context, every time.Duration) {
	serve.Every(ctx, every, func() {
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.cfg.OnError(err)
		}
	})
}

// attempts at a change, when others change the document at the same time.
const attempts = 20

// change applies f to the newest document and writes it, again and again until
// nobody else wrote in between. f may run several times.
func (r *Registry) change(ctx context.Context, f func(*document) error) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	for range attempts {
		old, err := r.cfg.Keeper.LoadState(ctx, StateName)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		doc, err := decode(old)
		if err != nil {
			return err
		}
		if err := f(&doc); err != nil {
			return err
		}
		raw, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		if len(old) == 0 {
			old = nil
		}
		swapped, err := r.cfg.Keeper.SwapState(ctx, StateName, old, raw)
		if err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		if swapped {
			return r.publish(raw)
		}
	}
	return ErrContend
}

// changeApp applies f to one app.
func (r *Registry) changeApp(ctx context.Context, id string, f func(*App) error) (App, error) {
	var out App
	err := r.change(ctx, func(doc *document) error {
		i := slices.IndexFunc(doc.Apps, func(a App) bool { return a.ID == id })
		if i < 0 {
			return ErrNotFound
		}
		if err := f(&doc.Apps[i]); err != nil {
			return err
		}
		out = doc.Apps[i]
		return nil
	})
	return out, err
}

// name makes an identifier that nobody can guess and nobody needs to keep
// secret.
func (r *Registry) name(kind string) (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(r.cfg.Rand, b[:]); err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	return kind + scope.EncodeToken(b[:]), nil
}
