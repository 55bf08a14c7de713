package humantest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/memory"
)

// Start is when the clock of a Kit begins, unless Options say otherwise: noon,
// UTC, in the year 2027.
var Start = time.Unix(1_800_014_400, 0).UTC()

// Options of a Kit; all of them may be left out.
type Options struct {
	Issuer string    // the issuer's name; default "issuer.test/people"
	Start  time.Time // default Start
	Cache  string    // folder where proofs are kept; default one below os.UserCacheDir
	Seed   uint64    // another seed gives other challenges
}

// Crowd is how many people of no interest are in a kit's set, to hide among.
const Crowd = 256

// Kit is an issuer, a clock, a store and a prover. Its methods end the test if
// something fails that is not the app's doing. It is safe for concurrent use.
type Kit struct {
	t      testing.TB
	opts   Options
	key    ed25519.PrivateKey // the sites' key
	issuer *virtual.Issuer
	proofs *proofs
	store  *Store

	mu     sync.Mutex
	now    time.Time
	people map[string]*Person
}

// New makes a kit for one test.
func New(t testing.TB, o Options) *Kit {
	t.Helper()
	if o.Issuer == "" {
		o.Issuer = "issuer.test/people"
	}
	if o.Start.IsZero() {
		o.Start = Start
	}
	k := &Kit{
		t: t, opts: o, now: o.Start, people: map[string]*Person{},
		key: ed25519.NewKeyFromSeed(seed("humantest site key")), store: &Store{Store: memory.New()},
	}
	k.proofs = newProofs(t, o.Cache)
	var err error
	k.issuer, err = virtual.New(o.Issuer, bytes.NewReader(seed("humantest issuer")), k.Now, Crowd, virtual.Identity(stranger).Commitment())
	if err != nil {
		t.Fatalf("humantest: %v", err)
	}
	return k
}

func seed(label string) []byte {
	sum := sha256.Sum256([]byte(label))
	return sum[:]
}

// Now is the kit's clock.
func (k *Kit) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Advance moves the clock. The issuer goes on signing heads.
func (k *Kit) Advance(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

// Config is what a Gate needs to follow the kit's issuer for a site, with the
// kit's clock, keys, randomness and store. Change what the app sets itself; a
// store of the app's own takes the place of the kit's, and then the fixtures of
// the store's codes have nothing to switch.
func (k *Kit) Config(rp string) sdk.Config {
	random := [32]byte(seed("humantest challenges " + rp))
	for i := range 8 {
		random[i] ^= byte(k.opts.Seed >> (8 * i))
	}
	return sdk.Config{
		RP: rp, Issuers: []string{k.issuer.VKey()}, Store: k.store, Client: &http.Client{Transport: k.issuer},
		Keys: []ed25519.PrivateKey{k.key}, Now: k.Now, Rand: &locked{source: rand.NewChaCha8(random)},
		Session: func(r *http.Request) string { return r.Header.Get("Cookie") },
	}
}

// locked lets concurrent requests draw from one seeded source.
type locked struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func (l *locked) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Read(b)
}

// VKey is the issuer's verifier key.
func (k *Kit) VKey() string { return k.issuer.VKey() }

// Store is the spend store that Config names, with its switches.
func (k *Kit) Store() *Store { return k.store }

// IssuerDown makes the issuer answer nothing, or answer again. After two
// minutes of the kit's clock a Gate then fails closed.
func (k *Kit) IssuerDown(down bool) { k.issuer.SetDown(down) }

func rpOf(t testing.TB, origin string) string {
	t.Helper()
	rp, err := scope.RPFromOrigin(origin)
	if err != nil {
		t.Fatalf("humantest: %v", err)
	}
	return rp
}
