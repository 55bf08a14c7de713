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

	"golang.org/x/sync/errgroup"

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

const (
	galleryBatch = 64              // templates that a worker takes at a time
	galleryRetry = 5 * time.Second // between attempts, and what refused callers are told to wait
)

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
	i.gallery.opened, i.gallery.doubt = true, false
	i.gallery.open.Store(true)
}

// fillMatcher reads the sealed templates, and gives who is leaving. Rows from
// before there were marks get theirs, or those of people who leave would stand
// out.
func (i *Issuer) fillMatcher(ctx context.Context) (map[Serial]leaver, error) {
	if i.cfg.GalleryKey != nil && !i.gallery.keyed {
		if err := i.takeGalleryKey(ctx); err != nil {
			return nil, err
		}
	}
	i.cfg.Matcher.Reset()
	i.gallery.in.Store(0)
	leaving := map[Serial]leaver{}
	var unmarked []TemplateMark
	work := make(chan []Template)
	workers, gctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			for batch := range work {
				if err := i.restore(batch); err != nil {
					return err
				}
				i.gallery.in.Add(int64(len(batch)))
			}
			return nil
		})
	}
	var batch []Template
	send := func() error {
		select {
		case work <- batch:
			batch = make([]Template, 0, galleryBatch)
			return nil
		case <-gctx.Done():
			return gctx.Err()
		}
	}
	err := i.cfg.Store.Templates(gctx, func(t Template) error {
		l, err := i.seal.openMark(t)
		if err != nil {
			return errors.Join(ErrWrongOperator, err)
		}
		if l != (leaver{}) {
			leaving[t.Serial] = l
		}
		if len(t.Mark) == 0 {
			m, err := i.seal.sealMark(t.Serial, leaver{})
			if err != nil {
				return err
			}
			unmarked = append(unmarked, TemplateMark{t.Serial, m})
		}
		if len(t.Sealed) == 0 { // the matcher keeps it
			return nil
		}
		if batch = append(batch, t); len(batch) < galleryBatch {
			return nil
		}
		return send()
	})
	if err == nil && len(batch) > 0 {
		err = send()
	}
	close(work)
	if failed := workers.Wait(); failed != nil { // it stopped the reading too
		return nil, failed
	}
	if err == nil && len(unmarked) > 0 {
		err = i.cfg.Store.Mark(ctx, unmarked)
	}
	return leaving, err
}

func (i *Issuer) restore(batch []Template) error {
	for _, t := range batch {
		kept, err := i.seal.openTemplate(t)
		if err != nil {
			return errors.Join(ErrWrongOperator, err)
		}
		err = i.cfg.Matcher.Restore(t.Serial, capture.Modality(t.Modality), kept)
		clear(kept)
		if err != nil {
			return err
		}
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
