package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// workerOf reads what a wallet's service worker is told to keep.
func workerOf(t *testing.T, h http.Handler) (version string, paths []string, headers map[string]string) {
	t.Helper()
	r := get(h, "GET", "/sw.js")
	text := body(t, r)
	m := regexp.MustCompile(`(?s)^self\.perhumanVersion = "([\w-]{16})"\nself\.perhumanFiles = (\{.*?\})\n`).FindStringSubmatch(text)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != kinds[".js"] || m == nil {
		t.Fatalf("%s %v %.200s", r.Status, r.Header, text)
	}
	var made struct {
		Headers map[string]string
		Files   []pinned
	}
	if err := json.Unmarshal([]byte(m[2]), &made); err != nil {
		t.Fatal(err)
	}
	for _, f := range made.Files {
		if len(f.Sum) != 43 || f.Kind == "" {
			t.Errorf("%+v", f)
		}
		paths = append(paths, f.Path)
	}
	return m[1], paths, made.Headers
}

// The page bears the version of the worker that keeps it, and the worker keeps
// the page that bears it.
func TestPageBearsTheVersion(t *testing.T) {
	h := wallet(t)
	version, _, _ := workerOf(t, h)
	page := body(t, get(h, "GET", "/"))
	if want := `<html lang="en" data-version="` + version + `">`; !strings.Contains(page, want) {
		t.Errorf("%.80s", page)
	}
	sum := sha256.Sum256([]byte(page))
	if worker := body(t, get(h, "GET", "/sw.js")); !strings.Contains(worker, base64.RawURLEncoding.EncodeToString(sum[:])) {
		t.Error("the worker keeps another page")
	}
}

// The worker keeps all that the wallet loads: whatever a kept script names is
// kept too. It keeps nothing of what only apps and readers load, and no route.
func TestServiceWorkerKeepsWhatTheWalletNeeds(t *testing.T) {
	h := wallet(t)
	_, paths, headers := workerOf(t, h)
	for _, want := range []string{"/", "/perhuman/wallet/wallet.js", "/perhuman/wallet/lang/de.js", "/perhuman/wallet/config.json", "/perhuman/wallet/words.txt",
		"/perhuman/wallet/wallet.css", "/perhuman/style.css", "/perhuman/mark.svg", "/perhuman/engine.js", "/perhuman/calls.js", "/perhuman/worker.js", "/perhuman/helpers.js", "/perhuman/helper.js", "/perhuman/semaphore-20.zkey"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not kept", want)
		}
	}
	if Built() == nil {
		for _, want := range []string{"/perhuman/dist/wallet.wasm", "/perhuman/dist/wasm_exec.js"} {
			if !slices.Contains(paths, want) {
				t.Errorf("%s is not kept", want)
			}
		}
	}
	for _, other := range []string{"/sw.js", "/relay", "/perhuman/wallet/sw.js", "/perhuman/dist/check.wasm", "/perhuman/capture/split.js", "/perhuman/perhuman.js", "/perhuman/captcha.js"} {
		if slices.Contains(paths, other) {
			t.Errorf("%s is kept", other)
		}
	}
	for _, at := range paths {
		r := get(h, "GET", at)
		if r.StatusCode != 200 {
			t.Errorf("%s: %s", at, r.Status)
		}
		// A page out of the cache is under the policy that the server gives it.
		for name, value := range headers {
			if got := r.Header.Get(name); got != value {
				t.Errorf("%s: %s: %q in the worker, %q from the server", at, name, value, got)
			}
		}
	}
	if csp := headers["Content-Security-Policy"]; !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "worker-src 'self'") || headers["Referrer-Policy"] != "no-referrer" {
		t.Errorf("headers: %v", headers)
	}
	if r := get(Static(), "GET", "/perhuman/wallet/sw.js"); r.StatusCode != 404 {
		t.Errorf("an app serves the wallet's worker: %s", r.Status)
	}
}

// The version follows the content: the same for the same, another for another
// key, issuer or policy.
func TestServiceWorkerVersion(t *testing.T) {
	make := func(vkey, zkey string) string {
		h, err := Wallet(WalletConfig{Issuers: []Issuer{{VKey: vkey}}, ProvingKey: []byte(zkey)})
		if err != nil {
			t.Fatal(err)
		}
		v, _, _ := workerOf(t, h)
		return v
	}
	first := make("a.example/p+1a2b3c4d+AVo", "key")
	if again := make("a.example/p+1a2b3c4d+AVo", "key"); again != first {
		t.Error("two versions of the same files")
	}
	if make("a.example/p+1a2b3c4d+AVo", "kez") == first || make("b.example/p+1a2b3c4d+AVo", "key") == first {
		t.Error("one version of different files")
	}
}
