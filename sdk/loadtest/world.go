package loadtest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi"
)

// What loader and server agree on.
const (
	rp     = "load.localhost"
	origin = "http://" + rp
	action = "act"

	people = 8
	slots  = scope.MaxSlots
	crowd  = 256
)

// MaxItems is how many proofs there can be: one for each slot of each person.
const MaxItems = people * slots

// now is the clock: it stands.
func now() time.Time { return time.Unix(1_800_014_400, 0) }

func policy() scope.Policy { return scope.PerDay(slots) }

func seed(label string) [32]byte { return sha256.Sum256([]byte("perhuman loadtest " + label)) }

// signing is the key of the challenges.
func signing() ed25519.PrivateKey {
	s := seed("signing key")
	return ed25519.NewKeyFromSeed(s[:])
}

// Apps that may ask: one that behaves, one that floods.
const (
	Good = "good"
	Bad  = "bad"
)

// appKey gives an app's key; everybody knows it.
func appKey(app string) (string, error) {
	return httpapi.NewKey(rand.NewChaCha8(seed("key of app "+app)), httpapi.TestKey)
}

func person(n int) *semaphore.Identity { return virtual.Identity(fmt.Sprint("loadtest ", n)) }

// newIssuer makes the one set that all proofs are about.
func newIssuer() (*virtual.Issuer, error) {
	var known []semaphore.Element
	for n := range people {
		known = append(known, person(n).Commitment())
	}
	s := seed("issuer")
	return virtual.New("issuer.localhost", strings.NewReader(string(s[:])), now, crowd, known...)
}
