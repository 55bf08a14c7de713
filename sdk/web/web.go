// Package web is the browser side of perhuman as a Go package: it embeds its
// own files and serves them with the headers they need.
//
// An app serves [Static] under /perhuman/ and writes
//
//	<script type="module" src="/perhuman/perhuman.js"></script>
//	<perhuman-check action="post" wallet="https://wallet.example"></perhuman-check>
//
// into its page. A wallet has an origin of its own and serves [Wallet] at its
// root: the secret lives there and never enters an app's page. What the two
// say to each other is in messages of window.postMessage with exact origins.
//
// The files under dist (the prover and the check of posts as WebAssembly, and
// Go's loader for them) are built, not committed: build.mjs makes them. [Built]
// says whether they are there; without them pages load and say that no prover
// is available.
//
// Every answer carries a strict Content-Security-Policy (no inline script or
// style, no foreign origin), nosniff and an ETag. Files that compress well are
// served with gzip.
package web

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/perhuman/perhuman/sdk/wallet/backup"
)

//go:embed *.js *.css *.svg wallet capture all:dist
var embedded embed.FS

// Prefix is the path under which apps and wallets serve the shared files.
const Prefix = "/perhuman/"

// ErrNotBuilt says that dist does not hold the programs that pages load.
var ErrNotBuilt = errors.New("web: dist holds no wallet.wasm, check.wasm, wasm_exec.js; run make wasm")

// Built reports with ErrNotBuilt when a program is missing from this binary.
func Built() error {
	for _, name := range []string{"dist/wallet.wasm", "dist/check.wasm", "dist/wasm_exec.js"} {
		if _, err := fs.Stat(embedded, name); err != nil {
			return ErrNotBuilt
		}
	}
	return nil
}

// shared is made once: compressing the files is the only work there is.
var shared = sync.OnceValues(func() (map[string]asset, error) {
	return load(embedded, Prefix, func(name string) bool { return !strings.HasPrefix(name, "wallet/") })
})

// Static serves what an app's pages need: the widget, the engine that checks
// posts, and the prover. Mount it at [Prefix] without stripping the prefix.
func Static() http.Handler {
	files, err := shared()
	return newFiles(files, err, Policy{})
}

// widget are the files that a page needs to show the widget, by name, and the
// addresses that vendors of CAPTCHAs give to theirs.
var widgetFiles = map[string]string{
	Prefix + "perhuman.js": "perhuman.js", Prefix + "ask.js": "ask.js", Prefix + "bytes.js": "bytes.js",
	Prefix + "words.js": "words.js", Prefix + "words-de.js": "words-de.js", Prefix + "words-es.js": "words-es.js", Prefix + "words-zh.js": "words-zh.js",
	Prefix + "handover.js": "handover.js", Prefix + "handover-words.js": "handover-words.js", Prefix + "relay.js": "relay.js", Prefix + "qr.js": "qr.js",
	Prefix + "captcha.js": "captcha.js", "/turnstile/v0/api.js": "captcha.js", "/1/api.js": "captcha.js", "/recaptcha/api.js": "captcha.js", "/recaptcha/enterprise.js": "captcha.js",
}

// WidgetPaths are the addresses that Widget serves.
func WidgetPaths() []string { return slices.Sorted(maps.Keys(widgetFiles)) }

// Widget serves the widget's files to pages of any origin: a verifier service
// does, for apps that serve nothing of ours themselves. What it serves names
// nobody and asks nothing; the scripts run in the page that loads them.
func Widget() (http.Handler, error) {
	all, err := shared()
	if err != nil {
		return nil, err
	}
	own := map[string]asset{}
	for path, name := range widgetFiles {
		own[path] = all[Prefix+name]
	}
	return newFiles(own, nil, Policy{Shared: true}), nil
}

// BesideWidget serves a verifier service with the widget beside it, also at the
// addresses that vendors of CAPTCHAs have.
func BesideWidget(service http.Handler) (http.Handler, error) {
	widget, err := Widget()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", service)
	for _, path := range WidgetPaths() {
		mux.Handle("GET "+path, widget)
	}
	return mux, nil
}

// Issuer is a set that a wallet accepts: the key string that pins the issuer's
// name and key, and the base address it is served at (https://<name> if empty).
// With Witnesses, Quorum of them must have cosigned the issuer's log before the
// wallet proves under a root of it.
type Issuer struct {
	VKey      string
	At        string
	Witnesses []string // verifier keys
	Quorum    int      // 1 to len(Witnesses)
}

// WalletConfig configures the wallet's origin. ProvingKey is the official
// proving key of depth 20, served as /perhuman/semaphore-20.zkey; the page
// checks its SHA-256. Relay is mounted at /relay: the mailbox (package relay)
// over which a page on another device asks this wallet; nil for none.
type WalletConfig struct {
	Issuers    []Issuer
	ProvingKey []byte
	Relay      http.Handler
}

// Wallet serves a wallet at the root of its own origin. It may be framed by
// nobody, and talks to itself and to the issuers only. Its service worker, at
// /sw.js, keeps what the wallet needs to open and to prove without a network,
// file by file with its SHA-256. It sets no
// Cross-Origin-Opener-Policy: an app opens it and hears the answer as opener.
func Wallet(cfg WalletConfig) (http.Handler, error) {
	files, err := shared()
	if err != nil {
		return nil, err
	}
	own, err := load(embedded, Prefix, func(name string) bool { return strings.HasPrefix(name, "wallet/") })
	if err != nil {
		return nil, err
	}
	for path, a := range files {
		own[path] = a
	}
	own["/"] = own[Prefix+"wallet/index.html"]
	delete(own, Prefix+"wallet/index.html")
	type issuer struct {
		Name      string   `json:"name"`
		VKey      string   `json:"vkey"`
		At        string   `json:"at"`
		Witnesses []string `json:"witnesses,omitempty"`
		Quorum    int      `json:"quorum,omitempty"`
	}
	var list []issuer
	policy := Policy{NoReferrer: true}
	for _, i := range cfg.Issuers {
		name, _, ok := strings.Cut(i.VKey, "+")
		if !ok || name == "" {
			return nil, fmt.Errorf("web: issuer %q is not name+hash+key", i.VKey)
		}
		at := i.At
		if at == "" {
			at = "https://" + name
		}
		u, err := url.Parse(at)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("web: issuer address %q", at)
		}
		if len(i.Witnesses) > 0 && (i.Quorum < 1 || i.Quorum > len(i.Witnesses)) {
			return nil, fmt.Errorf("web: issuer %s: %d of %d witnesses", name, i.Quorum, len(i.Witnesses))
		}
		policy.Connect = append(policy.Connect, u.Scheme+"://"+u.Host)
		list = append(list, issuer{name, i.VKey, strings.TrimSuffix(at, "/"), i.Witnesses, i.Quorum})
	}
	config, err := json.Marshal(map[string]any{"issuers": list})
	if err != nil {
		return nil, err
	}
	words := newAsset("words.txt", []byte(backup.List))
	if words.zipped, err = compress(words.body); err != nil {
		return nil, err
	}
	own[Prefix+"wallet/words.txt"] = words
	own[Prefix+"wallet/config.json"] = newAsset("config.json", config)
	if cfg.ProvingKey != nil {
		own[Prefix+"semaphore-20.zkey"] = newAsset("semaphore-20.zkey", cfg.ProvingKey)
	}
	source := own[Prefix+"wallet/sw.js"].body
	delete(own, Prefix+"wallet/sw.js")
	if own[workerPath], err = serviceWorker(own, source, policy); err != nil {
		return nil, err
	}
	pages := newFiles(own, nil, policy)
	if cfg.Relay == nil {
		return pages, nil
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/relay", cfg.Relay)
	mux.Handle("/relay/", cfg.Relay)
	return mux, nil
}
