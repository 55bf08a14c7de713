package web

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func wallet(t *testing.T) http.Handler {
	t.Helper()
	h, err := Wallet(WalletConfig{
		Issuers:    []Issuer{{VKey: "issuer.localhost:8080/people+1a2b3c4d+AVo", At: "http://issuer.localhost:8080"}},
		ProvingKey: []byte("key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWalletHeaders(t *testing.T) {
	h := wallet(t)
	for _, path := range []string{"/", "/perhuman/perhuman.js", "/nothing"} {
		r := get(h, "GET", path)
		csp := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "style-src 'self'",
			"connect-src 'self' http://issuer.localhost:8080;", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
		} {
			if !strings.Contains(csp+";", want) {
				t.Errorf("%s: policy %q lacks %q", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") {
			t.Errorf("%s: %s", path, csp)
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, r.Header)
		}
		// With an opener policy of its own the wallet would lose the app that opened it.
		if coop := r.Header.Get("Cross-Origin-Opener-Policy"); coop != "" {
			t.Errorf("%s: opener policy %q", path, coop)
		}
	}
}

// The relay is at the wallet's origin, if there is one, and takes nothing from the pages.
func TestWalletRelay(t *testing.T) {
	relayed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h, err := Wallet(WalletConfig{Relay: relayed})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/relay": 418, "/relay/x/question": 418, "/": 200, "/perhuman/relay.js": 200, "/relayed": 404} {
		if r := get(h, "GET", path); r.StatusCode != want {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	if r := get(wallet(t), "GET", "/relay/x/question"); r.StatusCode != 404 {
		t.Errorf("without a relay: %s", r.Status)
	}
}

func TestStaticHasNoWalletPage(t *testing.T) {
	h := Static()
	for path, status := range map[string]int{
		"/perhuman/perhuman.js": 200, "/perhuman/capture/split.js": 200, "/perhuman/style.css": 200, "/perhuman/wallet/wallet.js": 404, "/perhuman/wallet/config.json": 404,
		"/perhuman/dist/README": 404, "/perhuman/package.json": 404, "/perhuman/": 404, "/perhuman/../web.go": 404, "/": 404,
	} {
		if r := get(h, "GET", path); r.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, status)
		}
	}
	if r := get(h, "POST", "/perhuman/perhuman.js"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", r.StatusCode, r.Header)
	}
}

func TestConfig(t *testing.T) {
	r := get(wallet(t), "GET", "/perhuman/wallet/config.json")
	want := `{"issuers":[{"name":"issuer.localhost:8080/people","vkey":"issuer.localhost:8080/people+1a2b3c4d+AVo","at":"http://issuer.localhost:8080"}]}`
	if got := body(t, r); got != want || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v", got, r.Header)
	}
	if got := body(t, get(wallet(t), "GET", "/perhuman/semaphore-20.zkey")); got != "key" {
		t.Errorf("proving key: %q", got)
	}
	h, err := Wallet(WalletConfig{Issuers: []Issuer{{VKey: "people.example/a+1a2b3c4d+AVo"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, get(h, "GET", "/perhuman/wallet/config.json")); !strings.Contains(got, `"at":"https://people.example/a"`) {
		t.Errorf("default address: %s", got)
	}
	for _, bad := range []Issuer{{VKey: "name"}, {VKey: "+1+2"}, {VKey: "a.example+1+2", At: "file:///x"}, {VKey: "a.example+1+2", At: "::"}} {
		if _, err := Wallet(WalletConfig{Issuers: []Issuer{bad}}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestFiles(t *testing.T) {
	long := strings.Repeat("export const a = 1\n", 200)
	fsys := fstest.MapFS{
		"a.js": {Data: []byte(long)}, "b.wasm": {Data: []byte("wasm")}, "b.wasm.gz": {Data: []byte("zipped")},
		"index.html": {Data: []byte("<!doctype html>")}, "secret.key": {Data: []byte("x")},
	}
	h, err := Files(fsys, "/static/", map[string]string{"/": "index.html"}, Policy{Camera: true, Opens: true})
	if err != nil {
		t.Fatal(err)
	}
	plain := get(h, "GET", "/static/a.js")
	if body(t, plain) != long || plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: %v", plain.Header)
	}
	zipped := get(h, "GET", "/static/a.js", "Accept-Encoding", "br, gzip;q=0.8")
	gz, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(gz); err != nil || string(b) != long {
		t.Errorf("gzip: %v", err)
	}
	if zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Error("two encodings share an ETag")
	}
	if r := get(h, "GET", "/static/a.js", "Accept-Encoding", "gzip;q=0"); r.Header.Get("Content-Encoding") != "" {
		t.Error("gzip was refused and sent all the same")
	}
	for _, match := range []string{zipped.Header.Get("ETag"), "W/" + zipped.Header.Get("ETag"), `"x", ` + zipped.Header.Get("ETag")} {
		r := get(h, "GET", "/static/a.js", "Accept-Encoding", "gzip", "If-None-Match", match)
		if r.StatusCode != 304 || body(t, r) != "" {
			t.Errorf("If-None-Match %s: %d", match, r.StatusCode)
		}
	}
	wasm := get(h, "GET", "/static/b.wasm", "Accept-Encoding", "gzip")
	if body(t, wasm) != "zipped" || wasm.Header.Get("Content-Type") != "application/wasm" {
		t.Errorf("wasm: %v", wasm.Header)
	}
	if r := get(h, "HEAD", "/"); r.StatusCode != 200 || body(t, r) != "" || r.Header.Get("Content-Length") != "15" {
		t.Errorf("HEAD: %d %v", r.StatusCode, r.Header)
	}
	for _, path := range []string{"/static/secret.key", "/static/b.wasm.gz", "/static/index.html"} {
		if r := get(h, "GET", path); r.StatusCode != 404 {
			t.Errorf("%s is served", path)
		}
	}
	r := get(h, "GET", "/")
	if r.Header.Get("Cross-Origin-Opener-Policy") != "same-origin-allow-popups" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "media-src blob:") ||
		!strings.HasPrefix(r.Header.Get("Permissions-Policy"), "camera=(self)") {
		t.Errorf("policy: %v", r.Header)
	}
	if _, err := Files(fsys, "/", map[string]string{"/": "missing.html"}, Policy{}); err == nil {
		t.Error("a page that is not there is taken")
	}
}

// Pages carry no inline script or style: the policy would block them, silently
// for visitors. Nor do scripts build markup from strings, nor reach for another host.
func TestSourcesFitThePolicy(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>\s*[^\s<]|\sstyle="|\son[a-z]+="|https?://`)
	sink := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|\beval\(`)
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "dist/") {
			return err
		}
		b, err := fs.ReadFile(embedded, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".html") {
			if m := inline.FindString(string(b)); m != "" {
				t.Errorf("%s: %q", name, m)
			}
		}
		if m := sink.FindString(string(b)); strings.HasSuffix(name, ".js") && m != "" {
			t.Errorf("%s: %q", name, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The widget is what every page of an app loads: in English under 6,000 bytes,
// another language is another request of less than 1,024.
func TestWidgetIsSmall(t *testing.T) {
	h := Static()
	size := func(name string) int {
		r := get(h, "GET", Prefix+name, "Accept-Encoding", "gzip")
		if r.StatusCode != 200 {
			t.Fatalf("%s: %s", name, r.Status)
		}
		return len(body(t, r))
	}
	sum := 0
	for _, name := range []string{"perhuman.js", "ask.js", "bytes.js", "words.js"} {
		sum += size(name)
	}
	if sum > 6000 {
		t.Errorf("the widget is %d bytes with gzip", sum)
	}
	for _, name := range []string{"words-de.js", "words-es.js", "words-zh.js"} {
		if n := size(name); n > 1024 {
			t.Errorf("%s is %d bytes with gzip", name, n)
		}
	}
}

// Lines that are dropped are comments: none stands inside a template literal,
// which has an odd number of back quotes before it.
func TestWithoutComments(t *testing.T) {
	const source = "/** What\n * it is. */\nexport const a = 1 // kept\n\n  // gone\n/** @type {X} */\nconst b = /** @type {Y} */ (a)\n/** @type {Z} */ (b).c()\n"
	if got := string(withoutComments([]byte(source))); got != "export const a = 1 // kept\nconst b = /** @type {Y} */ (a)\n/** @type {Z} */ (b).c()\n" {
		t.Errorf("%q", got)
	}
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".js") || strings.HasPrefix(name, "dist/") {
			return err
		}
		source, err := fs.ReadFile(embedded, name)
		if err != nil {
			return err
		}
		quotes := 0
		for line := range strings.Lines(string(source)) {
			dropped := len(withoutComments([]byte(line))) == 0
			if dropped && strings.TrimSpace(line) != "" && quotes%2 == 1 {
				t.Errorf("%s: a line like a comment inside a template literal: %s", name, line)
			}
			if !dropped && !strings.HasPrefix(strings.TrimSpace(line), "*") {
				quotes += strings.Count(line, "`")
			}
		}
		if quotes%2 == 1 {
			t.Errorf("%s: %d back quotes outside of comments", name, quotes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The widget's files may be loaded by any page; nothing else is served there.
func TestWidgetOfAService(t *testing.T) {
	h, err := Widget()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range WidgetPaths() {
		r := get(h, "GET", path)
		if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || r.Header.Get("Content-Type") != kinds[".js"] {
			t.Errorf("%s: %s %v", path, r.Status, r.Header)
		}
	}
	if r := get(h, "GET", Prefix+"engine.js"); r.StatusCode != 404 {
		t.Errorf("engine.js: %s", r.Status)
	}
	if r := get(Static(), "GET", Prefix+"perhuman.js"); r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an app's own files are not for everybody")
	}
}
