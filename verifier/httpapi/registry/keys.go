package registry

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// Why a key is not accepted at start.
var (
	ErrNoKey   = errors.New("no app key: make one and give it to the app's server")
	ErrWeakKey = errors.New("the app key is not one that NewKey made")
	ErrDemoKey = errors.New("the app key was made for a demonstration")
	ErrTestKey = errors.New("the app key belongs to another environment")
)

// Kinds of key. The kind is part of the key, so that a key that strays into
// the wrong place is recognised there, by people and by secret scanners.
const (
	LiveKey    = "phk_live_"
	TestKey    = "phk_test_"
	DemoKey    = "phk_demo_"
	LiveSecret = "phs_live_" // of a site: the secret of POST /siteverify
	TestSecret = "phs_test_"
)

// Live is the one environment in which things count.
const Live = "live"

// NewKey makes a key of a kind: 256 random bits.
func NewKey(rand io.Reader, kind string) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	return kind + scope.EncodeToken(b[:]), nil
}

// CheckKey says whether a service may run with an app key in an environment;
// keys made for a demonstration only where demo says so.
func CheckKey(key, environment string, demo bool) error {
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
		case kind == LiveKey && environment != Live, kind == TestKey && environment == Live:
			return ErrTestKey
		}
		return nil
	}
	return ErrWeakKey
}

// Hash is how a key is kept and compared.
func Hash(key string) [32]byte { return sha256.Sum256([]byte(key)) }

// kindFor is the kind that keys of an environment have.
func kindFor(environment, live, test string) string {
	if environment == Live {
		return live
	}
	return test
}
