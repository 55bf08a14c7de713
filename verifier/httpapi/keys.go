package httpapi

import (
	"crypto/subtle"
	"io"
	"net/http"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// Why a key is not accepted at start.
var (
	ErrNoKey   = registry.ErrNoKey
	ErrWeakKey = registry.ErrWeakKey
	ErrDemoKey = registry.ErrDemoKey
	ErrTestKey = registry.ErrTestKey
)

// Kinds of app key; see registry.
const (
	LiveKey = registry.LiveKey
	TestKey = registry.TestKey
	DemoKey = registry.DemoKey
)

// NewKey makes an app key of a kind: 256 random bits.
func NewKey(rand io.Reader, kind string) (string, error) { return registry.NewKey(rand, kind) }

// CheckKey says whether a service outside the demonstration may run with a key
// in an environment.
func CheckKey(key, environment string) error { return registry.CheckKey(key, environment, false) }

// checkSecret is CheckKey for the secret of a site.
func checkSecret(secret, environment string) error {
	kind := registry.TestSecret
	if environment == registry.Live {
		kind = registry.LiveSecret
	}
	random, ok := strings.CutPrefix(secret, kind)
	if b, err := scope.DecodeToken(random); !ok || err != nil || len(b) != 32 {
		return ErrWeakKey
	}
	return nil
}

// find looks for the app whose key this is. Hashes are compared in constant
// time, and all of them, so that the time tells neither how much of a key was
// right nor whose it was.
func (s *server) find(key string) *app {
	hash, now := registry.Hash(key), s.Now()
	var found *app
	for _, a := range s.view.Load().apps {
		for i := range a.Keys {
			if subtle.ConstantTimeCompare(hash[:], a.Keys[i].Hash) == 1 && a.Keys[i].Active(now) {
				found = a
			}
		}
	}
	return found
}

// findSite is find for the secret of a site.
func (s *server) findSite(secret string) (*app, *registry.Site) {
	hash, now := registry.Hash(secret), s.Now()
	var found *app
	var site *registry.Site
	for _, a := range s.view.Load().apps {
		for i := range a.Sites {
			for j := range a.Sites[i].Secrets {
				k := &a.Sites[i].Secrets[j]
				if subtle.ConstantTimeCompare(hash[:], k.Hash) == 1 && k.Active(now) {
					found, site = a, &a.Sites[i]
				}
			}
		}
	}
	return found, site
}

// authenticate finds the app that a request's key belongs to, and takes one
// from what the app may ask for per second.
func (s *server) authenticate(r *http.Request, weight int) (*app, error) {
	key, ok := bearer(r)
	if !ok {
		return nil, s.early(nil, api.Errorf(api.CredentialMissing, ""))
	}
	a := s.find(key)
	if a == nil {
		return nil, s.unknown(key)
	}
	if wait := a.bucket.Take(s.Now(), weight); wait > 0 {
		return nil, s.early(a, serve.Limited(wait))
	}
	return a, nil
}

// unknown is the answer to a key that is nobody's.
func (s *server) unknown(key string) error {
	if (strings.HasPrefix(key, registry.TestKey) || strings.HasPrefix(key, registry.TestSecret) || isReserved(key)) && s.view.Load().live {
		return s.early(nil, api.Errorf(api.TestKeyInProd, ""))
	}
	return s.early(nil, api.Errorf(api.CredentialInvalid, ""))
}

// bearer reads the one Authorization header.
func bearer(r *http.Request) (string, bool) {
	h := r.Header.Values("Authorization")
	if len(h) != 1 {
		return "", false
	}
	scheme, key, _ := strings.Cut(h[0], " ")
	return key, strings.EqualFold(scheme, "Bearer") && key != ""
}
