package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Why a key is not accepted at start.
var (
	ErrNoKey   = errors.New("no app key: make one and give it to the app's server")
	ErrWeakKey = errors.New("the app key is not one that NewKey made")
	ErrDemoKey = errors.New("the app key was made for a demonstration")
	ErrTestKey = errors.New("the app key belongs to another environment")
)

// Kinds of app key. The kind is part of the key, so that a key that strays
// into the wrong place is recognised there.
const (
	LiveKey = "phk_live_"
	TestKey = "phk_test_"
	DemoKey = "phk_demo_"
)

// NewKey makes an app key of a kind: 256 random bits.
func NewKey(rand io.Reader, kind string) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("httpapi: %w", err)
	}
	return kind + scope.EncodeToken(b[:]), nil
}

// CheckKey says whether a service outside the demonstration may run with a key
// in an environment.
func CheckKey(key, environment string) error { return checkKey(key, environment, false) }

func checkKey(key, environment string, demo bool) error {
	if key == "" {
		return ErrNoKey
	}
	for _, kind := range []string{LiveKey, TestKey, DemoKey} {
		random, ok := strings.CutPrefix(key, kind)
		if !ok {
			continue
		}
		if b, err := scope.DecodeToken(random); err != nil || len(b) != 32 {
			return ErrWeakKey
		}
		switch {
		case kind == DemoKey && !demo:
			return ErrDemoKey
		case kind == LiveKey && environment != "live", kind == TestKey && environment == "live":
			return ErrTestKey
		}
		return nil
	}
	return ErrWeakKey
}

func hashKey(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// authenticate finds the app that a request's key belongs to. Hashes are
// compared in constant time, and all of them, so that the time tells neither
// how much of a key was right nor whose it was.
func (s *server) authenticate(r *http.Request) (*app, error) {
	key, ok := bearer(r)
	if !ok {
		return nil, api.Errorf(api.CredentialMissing, "")
	}
	hash := hashKey(key)
	found := -1
	for i := range s.apps {
		if subtle.ConstantTimeCompare(hash[:], s.apps[i].hash[:]) == 1 {
			found = i
		}
	}
	if found >= 0 {
		return &s.apps[found], nil
	}
	if strings.HasPrefix(key, TestKey) && s.onlyLive() {
		return nil, api.Errorf(api.TestKeyInProd, "")
	}
	return nil, api.Errorf(api.CredentialInvalid, "")
}

func (s *server) onlyLive() bool {
	for _, a := range s.apps {
		if a.Verifier.Environment() != "live" {
			return false
		}
	}
	return true
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
