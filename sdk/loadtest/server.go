package loadtest

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

// ServerConfig says what to serve.
type ServerConfig struct {
	Dir   string // for the spend store; a new file is made for each start and Reset
	Queue bool   // verify proofs of concurrent requests together
}

// Usage is what the server has used since it started.
type Usage struct {
	CPU        int64  `json:"cpu_ns"`     // processor time, user and system
	PeakRSS    int64  `json:"peak_rss"`   // bytes
	Heap       uint64 `json:"heap"`       // bytes in use after a collection
	Goroutines int    `json:"goroutines"` // besides those of this request
}

// server is the service, and two routes of its own beside it.
type server struct {
	cfg    ServerConfig
	issuer *virtual.Issuer
	files  int

	mu      sync.Mutex
	current atomic.Pointer[service]
}

// service is one gate over one store.
type service struct {
	http.Handler
	gate  *sdk.Gate
	store *sqlite.Store
	path  string
}

// Serve serves until ctx ends. It takes loopback listeners only.
func Serve(ctx context.Context, l net.Listener, cfg ServerConfig) error {
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return errors.New("loadtest: loopback only: its keys are known to everybody")
	}
	s := &server{cfg: cfg}
	var err error
	if s.issuer, err = newIssuer(); err != nil {
		return err
	}
	if err := s.reset(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /loadtest/usage", s.usage)
	mux.HandleFunc("POST /loadtest/reset", func(w http.ResponseWriter, r *http.Request) {
		if err := s.reset(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.current.Load().ServeHTTP(w, r) })
	err = serve.Run(ctx, l, mux, serve.Options{})
	return errors.Join(err, s.current.Load().close())
}

func (s *service) close() error {
	return errors.Join(s.gate.Close(), s.store.Close(), os.Remove(s.path))
}

// reset forgets everything that was spent: a new store, a new gate.
func (s *server) reset(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files++
	path := filepath.Join(s.cfg.Dir, "humans-"+strconv.Itoa(s.files)+".db")
	next, err := s.open(ctx, path)
	if err != nil {
		return err
	}
	if last := s.current.Swap(next); last != nil {
		return last.close()
	}
	return nil
}

func (s *server) open(ctx context.Context, path string) (*service, error) {
	store, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	gate, err := sdk.Open(ctx, sdk.Config{
		RP: rp, Issuers: []string{s.issuer.VKey()}, Store: store, Environment: "test", Origins: []string{origin},
		Keys: []ed25519.PrivateKey{signing()}, Client: &http.Client{Transport: s.issuer}, Now: now, Rand: crand.Reader,
		NoQueue: !s.cfg.Queue,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	var apps []httpapi.App
	for _, name := range []string{Good, Bad} {
		key, err := appKey(name)
		if err != nil {
			return nil, errors.Join(err, gate.Close(), store.Close())
		}
		apps = append(apps, httpapi.App{ID: name, Key: key, Verifier: gate.Verifier(), Actions: map[string]scope.Policy{action: policy()}})
	}
	h, err := httpapi.New(httpapi.Options{Apps: apps, Issuers: []string{s.issuer.VKey()}, Now: now})
	if err == nil {
		err = ready(ctx, gate)
	}
	if err != nil {
		return nil, errors.Join(err, gate.Close(), store.Close())
	}
	return &service{Handler: h, gate: gate, store: store, path: path}, nil
}

// ready waits for the first head.
func ready(ctx context.Context, gate *sdk.Gate) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := gate.Ready(ctx)
		if err == nil || api.CodeOf(err) != api.RootsStale {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// usage answers what the process has used.
func (s *server) usage(w http.ResponseWriter, r *http.Request) {
	u, err := used()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if r.URL.Query().Has("heap") {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		u.Heap, u.Goroutines = m.HeapInuse, runtime.NumGoroutine()
	}
	serve.WriteJSON(w, http.StatusOK, u)
}
