package sdk_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

const rotated = 1_790_000_000

// rotating is an issuer over HTTP whose key can be changed, and a verifier that
// is started again and again over one store.
type rotating struct {
	t     *testing.T
	mu    sync.Mutex
	is    *setlogtest.Issuer
	at    uint64
	store verifier.Store
	url   string
}

func newRotating(t *testing.T) *rotating {
	r := &rotating{t: t, is: setlogtest.New(t, "issuer.localhost"), at: rotated}
	r.is.Anchor(r.at, []string{"a", "b"})
	r.store = must(sqlite.Open(filepath.Join(t.TempDir(), "humans.db")))
	t.Cleanup(func() { _ = r.store.Close() })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if q.URL.Path == "/head" {
			_, _ = w.Write(r.is.Head(r.at))
			return
		}
		b, err := r.is.Fetch(strings.TrimPrefix(q.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, q)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// anchor publishes one more member.
func (r *rotating) anchor(label string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at += 10
	r.is.Anchor(r.at, []string{label})
}

// follow starts a verifier, waits until it has taken a head or met an error of
// the given kind (nil: none), and stops it.
func (r *rotating) follow(want error, bend ...func(*sdk.Config)) {
	r.t.Helper()
	var mu sync.Mutex
	var errs []error
	cfg := sdk.Config{
		Issuers: []string{r.is.VKey}, At: map[string]string{"issuer.localhost": r.url}, Store: r.store,
		Now:     func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return time.Unix(int64(r.at), 0) },
		OnError: func(err error) { mu.Lock(); defer mu.Unlock(); errs = append(errs, err) },
	}
	for _, b := range bend {
		b(&cfg)
	}
	f, err := sdk.Follow(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	met := func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, err := range errs {
			if want != nil && errors.Is(err, want) {
				return true
			}
			var fork *setlog.ErrFork
			if errors.As(err, &fork) && errors.As(want, &fork) {
				return true
			}
		}
		return false
	}
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(5 * time.Millisecond) {
		s := f.State(cfg.Now())[0]
		if want == nil && s.Stale == nil && s.Head.Seq == r.is.Seq || want != nil && met() {
			return
		}
	}
	mu.Lock()
	defer mu.Unlock()
	r.t.Fatalf("%v did not come: %v, %+v", want, errs, f.State(cfg.Now()))
}

// A verifier whose pin is changed while the issuer signs with both keys keeps
// what it has seen, and so sees a fork that the change would hide.
func TestGateOverRotation(t *testing.T) {
	r := newRotating(t)
	r.follow(nil)
	twin := r.is.Fork()
	r.anchor("c")
	r.follow(nil)
	r.is.Rotate("next key")
	r.anchor("d")
	r.follow(nil)

	r.is.Also = nil // the overlap ends
	r.anchor("e")
	r.follow(nil)

	// The same key, another history.
	twin.Rotate("next key")
	twin.Also = nil
	r.is = twin
	for _, label := range []string{"x", "y", "z", "more", "and more"} {
		r.anchor(label)
	}
	r.follow(&setlog.ErrFork{})
}

func TestGateForkInRotation(t *testing.T) {
	r := newRotating(t)
	twin := r.is.Fork()
	r.anchor("ours")
	r.follow(nil)
	twin.Rotate("next key")
	r.is = twin
	r.anchor("theirs")
	r.anchor("and theirs")
	r.follow(&setlog.ErrFork{})
	r.is.Also = nil
	r.anchor("later")
	r.follow(&setlog.ErrFork{}) // and again after a restart
}

// A new key without an overlap is refused until the operator says that it is to
// be followed afresh.
func TestGateUnvouched(t *testing.T) {
	r := newRotating(t)
	r.follow(nil)
	r.is.Rotate("next key")
	r.is.Also = nil
	r.anchor("c")
	r.follow(setlog.ErrUnvouched)
	r.follow(setlog.ErrUnvouched)
	r.follow(nil, func(c *sdk.Config) { c.Afresh = c.Issuers })
	r.follow(nil)
}
