package sethttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const t0 = 1_790_000_000

// server serves a test issuer over real HTTP and counts what is asked.
type server struct {
	mu    sync.Mutex
	is    *setlogtest.Issuer
	now   uint64
	hits  map[string]int
	codes map[string]int // path prefix -> status to answer instead
	hold  chan struct{}  // if set, /head waits for it
	info  func(*api.IssuerInfo)
	http  *httptest.Server
}

func serve(t *testing.T) *server {
	s := &server{is: setlogtest.New(t, "issuer.localhost"), now: t0, hits: map[string]int{}, codes: map[string]int{}}
	s.is.Anchor(t0, []string{"a", "b", "c"})
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	s.hits[path]++
	hold := s.hold
	s.mu.Unlock()
	if path == "head" && hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for prefix, code := range s.codes {
		if strings.HasPrefix(path, prefix) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(code)
			return
		}
	}
	if path == "head" {
		now := s.now
		if len(s.is.Window) > 0 {
			now = max(now, s.is.Window[0].Superseded)
		}
		etag := fmt.Sprintf(`"%d-%d"`, s.is.Seq, now)
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			s.hits["304"]++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(s.is.Head(now))
		return
	}
	if path == InfoPath {
		info := api.IssuerInfo{Name: s.is.Name, VKey: s.is.VKey, Bound: 1}
		if s.info != nil {
			s.info(&info)
		}
		_ = json.NewEncoder(w).Encode(info)
		return
	}
	if path == setlog.LeavesPath(s.is.Seq) {
		w.Write(setlog.MarshalLeaves(s.is.Group.Level(0)))
		return
	}
	if seq, level, n, err := setlog.ParseSetTilePath(path); err == nil && seq == s.is.Seq {
		b, err := setlog.SetTile(s.is.Group, level, n)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(b)
		return
	}
	b, err := s.is.Fetch(path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Write(b)
}

// do changes the issuer while no request is being served.
func (s *server) do(f func(is *setlogtest.Issuer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.is)
}

func (s *server) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits[path]
}
