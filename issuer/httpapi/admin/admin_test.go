package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/cosign"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
)

var token = strings.Repeat("t", 32)

type site struct {
	*testkit.World
	i *issuer.Issuer
	o Options
	h http.Handler
}

func newSite(t *testing.T, with func(*Options)) *site {
	t.Helper()
	s := &site{World: testkit.NewWorld(t, 1)}
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if s.i, err = issuer.New(t.Context(), s.Config(store, s.Matcher())); err != nil {
		t.Fatal(err)
	}
	s.o = Options{Token: token, Issuer: s.i, Pause: &Pause{}, Now: s.Clock.Now, Logf: t.Logf}
	if with != nil {
		with(&s.o)
	}
	if s.h, err = New(s.o); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) ask(method, path, body string, headers ...string) (int, map[string]any, string) {
	r := httptest.NewRequest(method, "http://127.0.0.1:8083"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for n := 0; n+1 < len(headers); n += 2 {
		if headers[n+1] == "" {
			r.Header.Del(headers[n])
		} else {
			r.Header.Set(headers[n], headers[n+1])
		}
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	var m map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &m)
	return w.Code, m, w.Body.String()
}

// Every route but /livez wants the token, and what changes something is refused
// to other sites' pages even with it.
func TestAccess(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Metrics = NewMetrics() })
	for _, r := range append(table[:len(table):len(table)], route{"GET", "/metrics", reads, nil}) {
		for _, header := range []string{"", "Bearer wrong", "Basic " + token, "Bearer " + token + "x"} {
			status, m, _ := s.ask(r.method, r.path, "", "Authorization", header)
			if r.want == open && status != 200 || r.want != open && (status != 401 || m["code"] == nil) {
				t.Errorf("%s %s with %q: %d", r.method, r.path, header, status)
			}
		}
		if r.want != changes {
			continue
		}
		for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site"}} {
			if status, m, _ := s.ask(r.method, r.path, "{}", foreign...); status != 403 || m["code"] != string(api.OriginNotAllowed) {
				t.Errorf("%s %s from %v: %d %v", r.method, r.path, foreign, status, m)
			}
		}
	}
	if status, _, _ := s.ask("GET", "/admin/nothing", ""); status != 404 {
		t.Error(status)
	}
	if status, _, _ := s.ask("GET", "/admin/pause", ""); status != 405 {
		t.Error(status)
	}
	if _, err := New(Options{Token: "short", Issuer: s.i, Pause: &Pause{}}); !errors.Is(err, ErrWeakToken) {
		t.Error(err)
	}
	if _, err := New(Options{Token: token}); err == nil {
		t.Error("no issuer")
	}
	openly := newSite(t, func(o *Options) { o.Metrics, o.OpenMetrics = NewMetrics(), true })
	if status, _, text := openly.ask("GET", "/metrics", "", "Authorization", ""); status != 200 || !strings.Contains(text, "perhuman_issuer_seq 1") {
		t.Error(status, text)
	}
}

// The hooks are called, and what they say is passed on without their secrets.
func TestHooks(t *testing.T) {
	bare := newSite(t, nil)
	for _, path := range []string{"/admin/reload", "/admin/verify", "/admin/refresh"} {
		if status, _, _ := bare.ask("POST", path, ""); status != 404 {
			t.Errorf("%s without a hook: %d", path, status)
		}
	}
	if status, _, _ := bare.ask("POST", "/admin/backup", `{"to":"/x"}`); status != 404 {
		t.Error(status)
	}
	if status, _, _ := bare.ask("GET", "/metrics", ""); status != 404 {
		t.Error(status)
	}

	var to string
	fails := errors.New("disk full at /very/secret")
	var fail error
	s := newSite(t, func(o *Options) {
		o.Backup = func(_ context.Context, path string) error { to = path; return fail }
		o.Verify = func(context.Context) error { return fail }
		o.Reload = func() error { return fail }
		o.Lists = func() (int, int) { return 3, -1 }
		o.Gallery = func() bool { return false }
		o.Witnesses = func() []cosign.State {
			return []cosign.State{{VKey: "w.example+00000000+BA==", At: "https://w.example", Size: 1, Failed: 2, Error: "down", Ahead: true, Signed: time.Unix(5, 0)}}
		}
		o.Metrics = NewMetrics()
	})
	for _, body := range []string{``, `{}`, `{"to":"relative"}`, `{"to":"/a","more":1}`} {
		if status, _, _ := s.ask("POST", "/admin/backup", body); status < 400 || status >= 500 || to != "" {
			t.Errorf("backup %q: %d", body, status)
		}
	}
	if status, m, _ := s.ask("POST", "/admin/backup", `{"to":"/backups/today"}`); status != 200 || to != "/backups/today" || m["to"] != to {
		t.Error(status, m)
	}
	if status, m, _ := s.ask("POST", "/admin/reload", ""); status != 200 || m["revoked"] != 3.0 || m["firmware"] != -1.0 {
		t.Error(status, m)
	}
	fail = fails
	for path, want := range map[string]int{"/admin/backup": 503, "/admin/verify": 503, "/admin/reload": 400} {
		body := ""
		if path == "/admin/backup" {
			body = `{"to":"/backups/today"}`
		}
		if status, _, text := s.ask("POST", path, body); status != want || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	_, m, _ := s.ask("GET", "/admin/state", "")
	w := m["witnesses"].([]any)[0].(map[string]any)
	if m["health"].(map[string]any)["enrolment"] != "gallery is not open yet" || w["ahead"] != true || w["error"] != "down" || m["vkeys"].([]any)[0] != s.VKey {
		t.Error(m)
	}
	_, _, text := s.ask("GET", "/metrics", "")
	for _, want := range []string{"perhuman_issuer_gallery_open 0", `perhuman_issuer_witness_ahead{at="https://w.example",witness="w.example"} 1`, "perhuman_issuer_revoked 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Anchoring is overdue when it has not gone well for three periods.
func TestOverdue(t *testing.T) {
	s := newSite(t, nil)
	health := func() map[string]any {
		_, m, _ := s.ask("GET", "/admin/state", "")
		return m["health"].(map[string]any)
	}
	if h := health(); h["anchor"] != "ok" || h["ready"] != true || h["store"] != "ok" || h["signer"] != "ok" {
		t.Error(h)
	}
	s.Clock.Move(11 * time.Second)
	if h := health(); h["anchor"] != "overdue" || h["ready"] != false {
		t.Error(h)
	}
	if status, m, _ := s.ask("POST", "/admin/anchor", ""); status != 200 || m["changes"] != 0.0 {
		t.Error(status, m)
	}
	if h := health(); h["anchor"] != "ok" || h["ready"] != true {
		t.Error(h)
	}
	s.i.Stop(errors.New("a test"))
	if h := health(); h["signer"] != "does not sign" || h["ready"] != false {
		t.Error(h)
	}
}

// stopping is a matcher whose parties failed an audit.
type stopping struct{ issuer.Matcher }

func (stopping) Stopped() error { return errors.New("audit") }

// A matcher that has stopped is in health and metrics, and how its parties are.
func TestStoppedMatcher(t *testing.T) {
	s := newSite(t, nil)
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	o := s.o
	if o.Issuer, err = issuer.New(t.Context(), s.Config(store, stopping{s.Matcher()})); err != nil {
		t.Fatal(err)
	}
	o.Metrics = NewMetrics()
	o.Parties = func() []PartyGroup { return []PartyGroup{{Compares: "iris", Epoch: 4, Audits: 9}} }
	o.Refresh = func(context.Context) (uint64, error) { return 5, nil }
	if s.h, err = New(o); err != nil {
		t.Fatal(err)
	}
	if _, m, _ := s.ask("GET", "/admin/state", ""); m["health"].(map[string]any)["enrolment"] != "stopped: an audit of the parties failed" {
		t.Error(m)
	}
	_, _, text := s.ask("GET", "/metrics", "")
	for _, want := range []string{"perhuman_issuer_matcher_stopped 1", `perhuman_issuer_party_epoch{compares="iris"} 4`, `perhuman_issuer_party_audits{compares="iris"} 9`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if status, m, _ := s.ask("POST", "/admin/refresh", ""); status != 200 || m["epoch"] != 5.0 {
		t.Error(status, m)
	}
}
