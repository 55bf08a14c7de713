package admin

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/memory"
)

const adminToken = "0123456789abcdef0123456789abcdef"

type world struct {
	t       *testing.T
	srv     *server
	url     string
	reg     *registry.Registry
	stats   *Stats
	metrics *Metrics

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Unix(1_800_014_400, 0), metrics: NewMetrics()}
	w.stats = NewStats(w.clock)
	var err error
	if w.reg, err = registry.Open(t.Context(), registry.Config{Keeper: memory.New(), Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	w.srv, err = newServer(Options{
		Token: adminToken, Registry: w.reg, Stats: w.stats, Metrics: w.metrics, Now: w.clock, Version: "0", Capacity: 64,
		Queue: func() semaphore.QueueStats {
			return semaphore.QueueStats{Waiting: 3, Running: 1, Flushes: 7, Valid: 20, Invalid: 2}
		},
		Roots: func() []Root {
			return []Root{{Issuer: "issuer.example/people", Seq: 7, Live: 8, Age: 30, Limit: 120, Fresh: true}}
		},
		Fixed: []Fixed{{ID: "app_flags", RP: "shop.example", Environment: "live", Origins: []string{"https://shop.example"}, Actions: map[string]string{"buy": "once"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Options{Token: adminToken, Stats: w.stats})
	if err != nil || h == nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.srv.engine)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(method, path, body string, header map[string]string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		if req.Header.Del(k); v != "" {
			req.Header.Set(k, v)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// good makes a request that must succeed.
func (w *world) good(method, path, body string, into any) {
	w.t.Helper()
	a := w.do(method, path, body, nil)
	if a.status != 200 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			w.t.Fatal(err)
		}
	}
}

// T43: every route is in the table with what it wants, and gets nothing else.
func TestT43EveryRouteHasItsAuth(t *testing.T) {
	w := newWorld(t)
	wants := map[string]string{"GET /metrics": reads}
	for _, r := range table {
		wants[r.method+" "+r.path] = r.want
	}
	for _, f := range files {
		wants["GET "+f.path] = open
	}
	seen := 0
	for _, r := range w.srv.engine.Routes() {
		want, ok := wants[r.Method+" "+r.Path]
		if !ok {
			t.Errorf("%s %s is not in the table", r.Method, r.Path)
			continue
		}
		seen++
		path := regexp.MustCompile(`:\w+`).ReplaceAllString(r.Path, "x")
		if want == open {
			if a := w.do(r.Method, path, "", map[string]string{"Authorization": ""}); a.status != 200 || strings.Contains(a.body, "app_flags") {
				t.Errorf("%s: %d", r.Path, a.status)
			}
			continue
		}
		for _, h := range []string{"", "Bearer", "Bearer ", "Bearer " + adminToken[1:], "Bearer " + adminToken + "x", "Basic " + adminToken, adminToken, "Bearer " + strings.ToUpper(adminToken)} {
			if a := w.do(r.Method, path, "{}", map[string]string{"Authorization": h}); a.status != 401 || a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s %s with %q: %d %s", r.Method, r.Path, h, a.status, a.body)
			}
		}
		if r.Method != "GET" && want != changes {
			t.Errorf("%s %s changes something and is not marked so", r.Method, r.Path)
		}
		if want == changes {
			for name, h := range map[string]map[string]string{
				"a foreign page":  {"Origin": "https://evil.example"},
				"no page":         {"Origin": "null"},
				"another site":    {"Sec-Fetch-Site": "cross-site"},
				"a sister domain": {"Sec-Fetch-Site": "same-site"},
			} {
				if a := w.do(r.Method, path, "{}", h); a.status != 403 || !strings.Contains(a.body, string(api.OriginNotAllowed)) {
					t.Errorf("%s %s from %s: %d %s", r.Method, r.Path, name, a.status, a.body)
				}
			}
		}
	}
	if seen != len(wants) {
		t.Errorf("%d routes of %d", seen, len(wants))
	}
	for _, token := range []string{"", "short", strings.Repeat("x", 31)} {
		if _, err := New(Options{Token: token, Stats: w.stats}); err != ErrWeakToken {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// The compare of secrets is in constant time: neither the check of the token nor
// this package's parent compares a token, key or hash with == or bytes.Equal.
func TestT43ConstantTime(t *testing.T) {
	for file, functions := range map[string][]string{"../../../sdk/serve/token.go": {"Check"}, "../keys.go": {"find", "findSite"}} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !slices.Contains(functions, f.Name.Name) {
				continue
			}
			functions = slices.DeleteFunc(functions, func(s string) bool { return s == f.Name.Name })
			constant := 0
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if n.Sel.Name == "ConstantTimeCompare" {
						constant++
					}
					if n.Sel.Name == "Equal" || n.Sel.Name == "Compare" {
						t.Errorf("%s: %s calls %s", file, f.Name.Name, n.Sel.Name)
					}
				case *ast.BinaryExpr:
					if n.Op != token.EQL && n.Op != token.NEQ {
						break
					}
					text := fmt.Sprint(n.X, n.Y)
					if strings.Contains(text, "hash") || strings.Contains(text, "Hash") {
						if _, call := n.X.(*ast.CallExpr); !call {
							t.Errorf("%s: %s compares a hash with %s", file, f.Name.Name, n.Op)
						}
					}
				case *ast.BranchStmt, *ast.ReturnStmt:
					if _, loop := n.(*ast.BranchStmt); loop {
						t.Errorf("%s: %s leaves its loop early", file, f.Name.Name)
					}
				}
				return true
			})
			if constant == 0 {
				t.Errorf("%s: %s does not compare in constant time", file, f.Name.Name)
			}
		}
		if len(functions) > 0 {
			t.Errorf("%s has no %v", file, functions)
		}
	}
}

// An operator's day: an app, its key, rotation, revocation, a sitekey, a
// webhook. Secrets are shown once and never again.
func TestOperator(t *testing.T) {
	w := newWorld(t)
	var app App
	w.good("POST", "/admin/apps", `{"name":"Forum","rp":"forum.example","environment":"live","actions":{"post":"5/day"}}`, &app)
	if app.ID == "" || !slices.Equal(app.Origins, []string{"https://forum.example"}) || len(app.Keys) != 0 {
		t.Fatalf("%+v", app)
	}
	var secrets []string
	secret := func(path, body string) (s Secret) {
		t.Helper()
		w.good("POST", path, body, &s)
		secrets = append(secrets, s.Secret)
		return s
	}
	at := "/admin/apps/" + app.ID
	first := secret(at+"/keys", `{}`)
	second := secret(at+"/keys", `{"overlap":3600}`)
	site := secret(at+"/sites", `{"action":"post"}`)
	secret(at+"/sites/"+site.Sitekey+"/secrets", `{"overlap":0}`)
	hook := secret(at+"/hooks", `{"url":"https://forum.example/hook"}`)
	secret(at+"/hooks/"+hook.ID+"/secrets", `{"overlap":60}`)
	var list struct{ Apps []App }
	w.good("GET", "/admin/apps", "", &list)
	if len(list.Apps) != 2 || !list.Apps[0].Fixed {
		t.Fatalf("%+v", list)
	}
	got := list.Apps[1]
	if len(got.Keys) != 2 || got.Keys[0].ID != first.ID || got.Keys[0].Ends != w.clock().Unix()+3600 || !got.Keys[0].Active || got.Keys[1].Ends != 0 ||
		len(got.Sites) != 1 || len(got.Sites[0].Secrets) != 2 || got.Sites[0].Secrets[0].Active || len(got.Hooks) != 1 || got.Hooks[0].Secrets != 2 {
		t.Errorf("%+v", got)
	}
	w.good("DELETE", at+"/keys/"+second.ID, "", nil)
	w.good("PATCH", at, `{"actions":{"post":"7/day","vote":"once"}}`, &app)
	if app.Actions["post"] != "7/day" || app.Keys[1].Active {
		t.Errorf("%+v", app)
	}
	var everything strings.Builder
	for _, path := range []string{"/admin/apps", "/admin/state", "/admin/series?range=hour", "/metrics"} {
		everything.WriteString(w.do("GET", path, "", nil).body)
	}
	for _, s := range append(secrets, adminToken) {
		if strings.Contains(everything.String(), s) {
			t.Errorf("%.12s... can be read again", s)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		code               api.Code
	}{
		{"POST", "/admin/apps", `{"name":"x"}`, 400, api.MalformedRequest},
		{"POST", "/admin/apps", `{"name":"x","role":"admin"}`, 400, api.MalformedRequest},
		{"POST", "/admin/apps", `{"name":"x","rp":"forum.example","environment":"live","actions":{"post":"once"}}`, 409, api.PolicyConflict},
		{"PATCH", at, `{"actions":{"post":"once"}}`, 409, api.PolicyConflict},
		{"POST", at + "/keys", `{"overlap":-1}`, 400, api.MalformedRequest},
		{"POST", at + "/keys", `{"overlap":99999999}`, 400, api.MalformedRequest},
		{"POST", at + "/keys", ``, 415, api.WrongMediaType},
		{"POST", at + "/hooks", `{"url":"file:///etc/passwd"}`, 400, api.MalformedRequest},
		{"DELETE", at + "/keys/key_x", ``, 404, api.NotFound},
		{"DELETE", "/admin/apps/app_flags", ``, 404, api.NotFound},
		{"POST", "/admin/apps/app_flags/keys", `{}`, 404, api.NotFound},
		{"GET", "/admin/series?range=year", ``, 400, api.MalformedRequest},
		{"PUT", "/admin/apps", `{}`, 405, api.MethodNotAllowed},
		{"GET", "/v1/verify", ``, 404, api.NotFound},
	} {
		if a := w.do(c.method, c.path, c.body, nil); a.status != c.status || !strings.Contains(a.body, `"`+string(c.code)+`"`) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.body)
		}
	}
	w.good("DELETE", at+"/hooks/"+hook.ID, "", nil)
	w.good("DELETE", at+"/sites/"+site.Sitekey, "", nil)
	w.good("DELETE", at, "", nil)
}

func TestSeries(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.stats.Decided("app_1", api.OK)
	}
	w.stats.Decided("app_1", api.NullifierAlreadyUsed)
	w.stats.Decided("", api.CredentialInvalid)
	w.sleep(2 * time.Minute)
	w.stats.Decided("app_1", api.Overloaded)
	w.stats.Sample(9)
	w.stats.Sample(4)
	sum := func(list []uint64) (n uint64) {
		for _, x := range list {
			n += x
		}
		return n
	}
	for _, r := range ranges {
		var s Series
		w.good("GET", "/admin/series?range="+r.name, "", &s)
		last := r.buckets - 1
		if len(s.Accepted) != r.buckets || sum(s.Accepted) != 3 || sum(s.Refused) != 2 || sum(s.Failed) != 1 || s.Totals[api.OK] != 3 || s.Queue[last] != 9 || s.Queue[0] != -1 {
			t.Errorf("%s: %+v", r.name, s)
		}
		if at := s.Start + int64(last)*s.Step; at > w.clock().Unix() || at+s.Step <= w.clock().Unix() {
			t.Errorf("%s: the last step starts %d", r.name, at)
		}
	}
	if got := w.stats.tallyOf("app_1"); got.Accepted != 3 || got.Refused != 1 || got.Failed != 1 {
		t.Errorf("%+v", got)
	}
	w.sleep(time.Hour)
	if s, _ := w.stats.Series("hour"); sum(s.Accepted)+sum(s.Refused)+sum(s.Failed) != 0 {
		t.Errorf("an hour later: %+v", s)
	}
	if s, _ := w.stats.Series("day"); sum(s.Accepted) != 3 {
		t.Errorf("%+v", s)
	}
	w.sleep(-30 * time.Minute) // a clock that steps back must not bring anything back, or fail
	w.stats.Decided("app_1", api.OK)
	for i := range maxTallies + 10 {
		w.stats.Decided(fmt.Sprint("app", i), api.OK)
	}
	if len(w.stats.apps) > maxTallies {
		t.Errorf("%d rows", len(w.stats.apps))
	}
}

// Metrics hold what the issue lists, and labels from closed sets only.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	nullifier := semaphore.Element{1: 0x21, 31: 77}
	store := w.metrics.Timed(memory.New())
	act := verifier.Act{Environment: "live", Nullifier: nullifier, Nonce: [32]byte{1}, Now: w.clock(), Expires: w.clock().Add(time.Hour), Key: "k", Credential: "c"}
	for range 2 {
		if _, err := store.Spend(t.Context(), act); err != nil {
			t.Fatal(err)
		}
	}
	act.Nonce, act.Key = [32]byte{2}, ""
	if _, err := store.Spend(t.Context(), act); err != nil {
		t.Fatal(err)
	}
	_, _ = store.Spent(t.Context(), act)
	_ = store.Close()
	_, _ = store.Spend(t.Context(), act)
	w.metrics.Decided("app_1", api.OK)
	w.metrics.Took("/v1/verify", 3*time.Millisecond)
	w.metrics.Took("", time.Millisecond)
	w.metrics.Webhook("delivered")
	body := w.do("GET", "/metrics", "", nil).body
	for _, line := range []string{
		`perhuman_decisions_total{app="app_1",code="ok"} 1`, `perhuman_queue_waiting 3`, `perhuman_queue_batches_total 7`,
		`perhuman_spends_total{result="accepted"} 1`, `perhuman_spends_total{result="replayed"} 1`, `perhuman_spends_total{result="nullifier used"} 1`, `perhuman_spends_total{result="unavailable"} 1`,
		`perhuman_store_seconds_count{act="spend",answered="yes"} 3`, `perhuman_store_seconds_count{act="spend",answered="no"} 1`, `perhuman_store_seconds_count{act="look",answered="yes"} 1`,
		`perhuman_roots_age_seconds{issuer="issuer.example/people"} 30`, `perhuman_roots_fresh{issuer="issuer.example/people"} 1`,
		`perhuman_request_seconds_count{route="/v1/verify"} 1`, `perhuman_webhooks_total{outcome="delivered"} 1`, `go_goroutines`, `process_resident_memory_bytes`, `perhuman_registry_age_seconds`,
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no %s", line)
		}
	}
	allowed := []string{"app", "code", "route", "act", "answered", "result", "outcome", "issuer", "le", "version", "quantile"}
	for _, m := range regexp.MustCompile(`[{,]([a-zA-Z_]+)="`).FindAllStringSubmatch(body, -1) {
		if !slices.Contains(allowed, m[1]) {
			t.Errorf("a label %s", m[1])
		}
	}
	if strings.Contains(body, nullifier.String()) {
		t.Error("a nullifier is in the metrics")
	}
}

// The page's files are the whole page: nothing inline, nothing from elsewhere.
func TestPageFiles(t *testing.T) {
	w := newWorld(t)
	for _, f := range files {
		a := w.do("GET", f.path, "", map[string]string{"Authorization": ""})
		csp := a.header.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", f.path, csp)
		}
		if f.name == "page/index.html" && (regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\son\w+=|\sstyle=`).MatchString(a.body)) {
			t.Error("something is inline")
		}
		if strings.HasSuffix(f.name, ".js") && regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|document\.cookie|localStorage`).MatchString(a.body) {
			t.Errorf("%s uses what it must not", f.name)
		}
		if regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(a.body) {
			t.Errorf("%s loads from elsewhere", f.name)
		}
	}
	entries, err := os.ReadDir("page")
	if err != nil || len(entries) != len(files) {
		t.Errorf("%d files, %d are served: %v", len(entries), len(files), err)
	}
}
