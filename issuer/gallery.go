package issuer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
)

// The gallery is every template that the matcher compares with. At rest each is
// sealed by itself (AES-256-GCM, see sealer); opened they stand in the matcher's
// memory only. Opening a large one takes far longer than making the set ready,
// so it is done beside everything that does not need it.
type gallery struct {
	open    atomic.Bool
	opening sync.Mutex   // held while templates are read
	in      atomic.Int64 // templates opened so far
	problem atomic.Pointer[error]

	keyed bool // the gallery key was taken; under opening or, once open, mu

	// Under Issuer.mu.
	opened bool // at least once
	doubt  bool // the matcher may differ from the store
}

// galleryRetry is between attempts, and what refused callers are told to wait.
const galleryRetry = 5 * time.Second

// GalleryState says how far the gallery is.
type GalleryState struct {
	Open      bool
	Templates int64 // opened at the start
	Problem   error // why it could not be opened so far, nil if nothing is wrong
}

// Gallery tells whether enrolment can match people yet. Set, log and the status
// of enrolments never depend on it.
func (i *Issuer) Gallery() GalleryState {
	s := GalleryState{Open: i.gallery.open.Load(), Templates: i.gallery.in.Load()}
	if p := i.gallery.problem.Load(); p != nil && !s.Open {
		s.Problem = *p
	}
	return s
}

// galleryIn refuses what needs the matcher until it has everybody.
func (i *Issuer) galleryIn() error {
	if i.gallery.open.Load() {
		return nil
	}
	return &api.Error{Code: api.MatcherUnavailable, RetryAfter: galleryRetry, Detail: "the gallery is not open yet"}
}

// KeySource gives the secret that templates are sealed under: a file, or a hook
// that asks a key management service. It is called when the gallery is opened,
// and again after an error; set and log do not wait for it.
type KeySource interface {
	Key(ctx context.Context) ([]byte, error)
}

// KeySourceFunc makes a hook a KeySource.
type KeySourceFunc func(ctx context.Context) ([]byte, error)

// Key implements KeySource.
func (f KeySourceFunc) Key(ctx context.Context) ([]byte, error) { return f(ctx) }

// KeyFile reads the secret from a file that nobody else may read.
type KeyFile string

// Key implements KeySource.
func (f KeyFile) Key(context.Context) ([]byte, error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return nil, fmt.Errorf("issuer: gallery key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("issuer: the file of the gallery key can be read by others")
	}
	key, err := os.ReadFile(string(f))
	if err != nil {
		return nil, fmt.Errorf("issuer: gallery key: %w", err)
	}
	return key, nil
}

// keepOpening opens the gallery, trying again until it is in or ctx ends.
func (i *Issuer) keepOpening(ctx context.Context) {
	for !i.gallery.open.Load() {
		err := i.OpenGallery(ctx)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			i.cfg.Logf("issuer: the gallery cannot be opened: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(galleryRetry):
		}
	}
}

// OpenGallery opens every template into the matcher, on all processors, while
// set and log are served. It is what Run does; a program that does not call Run
// needs it if Config.Background is set.
func (i *Issuer) OpenGallery(ctx context.Context) error {
	i.gallery.opening.Lock()
	defer i.gallery.opening.Unlock()
	if i.gallery.open.Load() {
		return nil
	}
	leaving, err := i.fillMatcher(ctx)
	if err != nil {
		i.gallery.problem.Store(&err)
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gallery.doubt { // somebody left, perhaps, while it was being read
		return i.openGallery(ctx)
	}
	i.leave(leaving)
	return nil
}

// openGallery is OpenGallery for the holder of mu: at a start that waits, and
// after a commit in doubt.
func (i *Issuer) openGallery(ctx context.Context) error {
	i.gallery.open.Store(false)
	i.leaving = map[Serial]leaver{}
	leaving, err := i.fillMatcher(ctx)
	if err != nil {
		i.gallery.problem.Store(&err)
		return err
	}
	i.leave(leaving)
	return nil
}

// leave adds those who left while the templates were being read. The caller
// holds mu.
func (i *Issuer) leave(found map[Serial]leaver) {
	for s, l := range i.leaving {
		found[s] = l
	}
	i.leaving = found
	if m, ok := i.cfg.Matcher.(Settler); ok {
		m.Opened()
	}
	i.gallery.opened, i.gallery.doubt = true, false
	i.gallery.open.Store(true)
}

// fillMatcher opens all templates into the matcher, those that the gallery cache
// has from there, and gives who is leaving.
func (i *Issuer) fillMatcher(ctx context.Context) (map[Serial]leaver, error) {
	if i.cfg.GalleryKey != nil && !i.gallery.keyed {
		if err := i.takeGalleryKey(ctx); err != nil {
			return nil, err
		}
	}
	if cache := i.cached(ctx); cache != nil {
		leaving, err := i.fillFrom(ctx, cache)
		_ = cache.Close() // only read
		if err == nil || !errors.Is(err, errCache) {
			return leaving, err
		}
		i.cfg.Logf("issuer: the gallery cache is not used: %v", err)
	}
	return i.fillFrom(ctx, nil)
}

// fillFrom reads the rows. Those from before there were marks get theirs, or the
// marks of people who leave would stand out. An errCache says that the matcher is
// to be filled without the cache.
func (i *Issuer) fillFrom(ctx context.Context, cache *cacheFile) (map[Serial]leaver, error) {
	i.cfg.Matcher.Reset()
	i.gallery.in.Store(0)
	var (
		mu       sync.Mutex
		leaving  = map[Serial]leaver{}
		unmarked []TemplateMark
		buffers  sync.Pool // what templates are opened into, one at a time and wiped after each
		have     func(Serial) bool
		found    atomic.Int64 // rows that the cache has
	)
	if cache != nil {
		have = cache.has
	}
	err := i.cfg.Store.Templates(ctx, runtime.GOMAXPROCS(0), have, func(t Template) error {
		l, err := i.seal.openMark(t)
		if err != nil {
			return fmt.Errorf("%w: mark of template %x: %w", ErrWrongOperator, t.Serial, err)
		}
		if l != (leaver{}) {
			mu.Lock()
			leaving[t.Serial] = l
			mu.Unlock()
		}
		if len(t.Mark) == 0 {
			m, err := i.seal.sealMark(t.Serial, leaver{})
			if err != nil {
				return err
			}
			mu.Lock()
			unmarked = append(unmarked, TemplateMark{t.Serial, m})
			mu.Unlock()
		}
		if have != nil && have(t.Serial) {
			if t.Modality != string(capture.Iris) {
				return fmt.Errorf("%w: modality of template %x", errCache, t.Serial)
			}
			found.Add(1)
			return nil
		}
		if len(t.Sealed) == 0 { // the matcher keeps it
			return nil
		}
		buffer, _ := buffers.Get().(*[]byte)
		if buffer == nil {
			buffer = new([]byte)
		}
		defer buffers.Put(buffer)
		if err := i.restore(t, buffer); err != nil {
			return err
		}
		i.gallery.in.Add(1)
		return nil
	})
	if err == nil && cache != nil {
		err = i.fillCached(ctx, cache, found.Load())
	}
	if err == nil && len(unmarked) > 0 {
		err = i.cfg.Store.Mark(ctx, unmarked)
	}
	return leaving, err
}

// fillCached opens a cache all of whose people are on record.
func (i *Issuer) fillCached(ctx context.Context, cache *cacheFile, found int64) error {
	m, ok := i.cfg.Matcher.(Packer)
	if !ok || found != int64(cache.people()) {
		return errors.Join(fmt.Errorf("%w: it has people who are not on record", errCache), i.cache.drop())
	}
	if err := cache.unpack(ctx, m, &i.gallery.in); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w: %w", errCache, err) // whatever it is, the rows are there
	}
	i.cache.opened(cache.people())
	return nil
}

func (i *Issuer) restore(t Template, buffer *[]byte) error {
	kept, err := i.seal.openTemplate((*buffer)[:0], t)
	if err != nil {
		return fmt.Errorf("%w: template %x: %w", ErrWrongOperator, t.Serial, err)
	}
	*buffer = kept
	defer clear(kept)
	if err := i.cfg.Matcher.Restore(t.Serial, capture.Modality(t.Modality), kept); err != nil {
		return fmt.Errorf("issuer: template %x: %w", t.Serial, err)
	}
	return nil
}

// takeGalleryKey is called while the gallery is closed, when nothing seals.
func (i *Issuer) takeGalleryKey(ctx context.Context) error {
	secret, err := i.cfg.GalleryKey.Key(ctx)
	if err != nil {
		return fmt.Errorf("issuer: gallery key: %w", err)
	}
	defer clear(secret)
	if len(secret) < 32 {
		return fmt.Errorf("%w: the gallery key has less than 32 bytes", errConfig)
	}
	if i.seal.template, err = atRest(secret, "template"); err != nil {
		return err
	}
	i.gallery.keyed = true
	return nil
}
