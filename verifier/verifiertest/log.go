package verifiertest

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Log publishes a Set the way an issuer does: one batch of entries, signed
// heads, over HTTP.
type Log struct {
	Name, VKey string
	Proof      setlog.RootProof // of the set's root

	// Info is what the issuer says about itself, beyond its name and key; Bound
	// is 1 by default. Set it before anybody asks.
	Info api.IssuerInfo

	set    *Set
	signer note.Signer

	mu   sync.Mutex
	head []byte
	down bool
}

// NewLog makes the log of a set under an issuer's name. Call Publish next.
func (s *Set) NewLog(t testing.TB, name string, now time.Time) *Log {
	t.Helper()
	seed := sha256.Sum256([]byte("log key of " + name))
	skey, vkey, err := setlog.GenerateKey(strings.NewReader(string(seed[:])), name)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{Name: name, VKey: vkey, set: s, Info: api.IssuerInfo{Name: name, VKey: vkey, Bound: 1}}
	if l.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	var entries []setlog.Entry
	for i := range s.IDs {
		entries = append(entries, setlog.Entry{
			Op: setlog.OpEnrol, Seq: 1, LeafIndex: uint64(i), Commitment: s.Group.Member(i),
			Biometric: sha256.Sum256([]byte{byte(i)}), Root: s.Group.Root(), Live: Size, Day: uint32(now.Unix() / 86400),
		})
	}
	hashes, tree, err := setlog.Append(0, entries, setlog.Hashes(nil))
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := setlog.Checkpoint{Origin: name, Size: tree.N, Hash: tree.Hash}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	if l.Proof, err = setlog.ProveRoot(entries[Size-1], Size-1, checkpoint, setlog.Hashes(hashes)); err != nil {
		t.Fatal(err)
	}
	return l
}

// Cosign has witnesses sign the log too. Call Publish next.
func (l *Log) Cosign(t testing.TB, by ...note.Signer) {
	t.Helper()
	c, err := l.Proof.UnverifiedCheckpoint()
	if err != nil {
		t.Fatal(err)
	}
	if l.Proof.Checkpoint, err = c.Sign(append([]note.Signer{l.signer}, by...)...); err != nil {
		t.Fatal(err)
	}
}

// Publish signs a head as of now.
func (l *Log) Publish(t testing.TB, now time.Time) {
	t.Helper()
	h := setlog.Head{
		Origin: l.Name, Seq: 1, Size: Size, Live: Size, Depth: l.set.Group.Depth(),
		Root: l.set.Group.Root(), Issued: uint64(now.Unix()), RootProof: l.Proof,
	}
	signed, err := h.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = signed
}

// Swap has the log show another's head, as of now, until the function it gives
// is called.
func (l *Log) Swap(t testing.TB, other *Log, now time.Time) (back func()) {
	t.Helper()
	other.Publish(t, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.head
	l.head = other.head
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.head = own
	}
}

// Down makes the log answer nothing, or answer again.
func (l *Log) Down(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// SetBound changes what the issuer says about itself, also while it is asked.
func (l *Log) SetBound(bound uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Info.Bound = bound
}

// ServeHTTP answers GET .../head and the issuer's metadata.
func (l *Log) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down && strings.HasSuffix(r.URL.Path, "/.well-known/perhuman-issuer.json") {
		_ = json.NewEncoder(w).Encode(l.Info)
		return
	}
	if l.down || !strings.HasSuffix(r.URL.Path, "/head") {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write(l.head)
}
