package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

// workerPath is where the wallet's service worker is: its scope is the whole origin.
const workerPath = "/sw.js"

// pinned is what the service worker keeps of one file.
type pinned struct {
	Path string `json:"path"`
	Sum  string `json:"sum"` // SHA-256 of the bytes, base64url
	Kind string `json:"kind"`
}

// serviceWorker makes the script of the wallet's service worker out of its
// source and the list of what it keeps: everything that the wallet needs to
// open and to prove with no network, each file with its SHA-256, and the headers
// that its answers carry. The version is the hash of that list, so that a
// changed file, policy or issuer makes a new version, and nothing else does.
func serviceWorker(own map[string]asset, source []byte, p Policy) (asset, error) {
	headers := http.Header{}
	p.set(headers)
	plain := map[string]string{"Cache-Control": "no-cache"}
	for name := range headers {
		plain[name] = headers.Get(name)
	}
	list := func() ([]byte, error) {
		var list []pinned
		for _, at := range needed(own) {
			sum := sha256.Sum256(own[at].body)
			list = append(list, pinned{at, base64.RawURLEncoding.EncodeToString(sum[:]), own[at].kind})
		}
		return json.Marshal(map[string]any{"headers": plain, "files": list})
	}
	made, err := list()
	if err != nil {
		return asset{}, fmt.Errorf("web: service worker: %w", err)
	}
	sum := sha256.Sum256(append(made, source...))
	version := base64.RawURLEncoding.EncodeToString(sum[:12])
	if err := stamp(own, version); err != nil {
		return asset{}, err
	}
	if made, err = list(); err != nil {
		return asset{}, fmt.Errorf("web: service worker: %w", err)
	}
	a := newAsset("sw.js", fmt.Appendf(nil, "self.perhumanVersion = %q\nself.perhumanFiles = %s\n%s", version, made, source))
	return a, a.zip()
}

// stamp writes the version into the wallet's page, which compares it with that of
// the worker that gave it its modules (wallet/same.js).
func stamp(own map[string]asset, version string) error {
	const html = `<html lang="en"`
	before := own["/"].body
	if bytes.Count(before, []byte(html)) != 1 {
		return errors.New("web: the wallet's page has no place for its version")
	}
	a := newAsset("index.html", bytes.Replace(before, []byte(html), fmt.Appendf(nil, `%s data-version="%s"`, html, version), 1))
	if err := a.zip(); err != nil {
		return err
	}
	own["/"] = a
	return nil
}

// reference is a path inside a string of a script or page.
var reference = regexp.MustCompile(`["'](\.{1,2}/[\w./-]+|/[\w./-]*)["']`)

// needed lists, sorted, what the wallet may load: its page, everything of its
// own, the worker that proves with its program and key, and whatever these name.
func needed(own map[string]asset) []string {
	found := map[string]bool{}
	var take func(at string)
	take = func(at string) {
		a, served := own[at]
		if !served || found[at] || at == Prefix+"dist/check.wasm" { // that one is for readers of posts
			return
		}
		found[at] = true
		if !strings.HasPrefix(a.kind, "text/html") && !strings.HasPrefix(a.kind, "text/javascript") {
			return
		}
		for _, m := range reference.FindAllSubmatch(a.body, -1) {
			to := string(m[1])
			if !strings.HasPrefix(to, "/") {
				to = path.Join(path.Dir(at), to)
			}
			take(to)
		}
	}
	take("/")
	for at := range own {
		if strings.HasPrefix(at, Prefix+"wallet/") {
			take(at)
		}
	}
	return slices.Sorted(maps.Keys(found))
}
