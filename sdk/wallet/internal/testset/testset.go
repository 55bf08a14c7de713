// Package testset serves a setlogtest.Issuer the way wallets read one: a
// Source in memory and over HTTP, with the sets of earlier sequence numbers, and
// with faults that a test asks for.
package testset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// Set is an issuer with a head that was signed at some time. Its methods Head,
// File, Leaves and SetTile make it a wallet's source.
type Set struct {
	Fail func(path string) error               // refuses a read, if not nil
	Bend func(path string, body []byte) []byte // changes what is read, if not nil

	mu     sync.Mutex
	t      testing.TB
	issuer *setlogtest.Issuer
	head   []byte
	sets   map[uint64]*semaphore.Group // by seq
	reads  []string
}

// New makes an empty set.
func New(t testing.TB, name string) *Set {
	return &Set{t: t, issuer: setlogtest.New(t, name), sets: make(map[uint64]*semaphore.Group)}
}

// VKey is the issuer's verifier key.
func (s *Set) VKey() string { return s.issuer.VKey }

// Issuer is the issuer itself, to bend what it signs.
func (s *Set) Issuer() *setlogtest.Issuer { return s.issuer }

// Crowd gives n distinct made-up commitments.
func Crowd(n int) []semaphore.Element {
	out := make([]semaphore.Element, n)
	for i := range out {
		out[i] = setlogtest.Commitment(fmt.Sprint("member ", i))
	}
	return out
}

// Anchor publishes one batch, the removals first, and signs a head.
func (s *Set) Anchor(now time.Time, members []semaphore.Element, removed ...int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	is, unix := s.issuer, uint64(now.Unix())
	if is.Seq > 0 {
		last := is.Entries[len(is.Entries)-1].Root
		is.Window = append([]setlog.WindowRoot{{Seq: is.Seq, Root: last, Superseded: unix}}, is.Window...)
	}
	is.Seq++
	var batch []setlog.Entry
	for _, i := range removed {
		batch = append(batch, setlog.Entry{Op: setlog.OpRemove, LeafIndex: uint64(i), Commitment: is.Group.Member(i)})
		s.must(is.Group.Remove(i))
		is.Live--
	}
	for i, m := range members {
		batch = append(batch, setlog.Entry{
			Op: setlog.OpEnrol, LeafIndex: uint64(is.Group.Size() + i), Commitment: m, Biometric: sha256.Sum256(m[:]),
		})
	}
	if len(members) > 0 {
		s.must(is.Group.AddMany(members))
	}
	is.Live += uint64(len(members))
	is.Publish(unix, batch)
	frozen, err := semaphore.NewGroup(is.Group.Level(0)...)
	s.must(err)
	s.sets[is.Seq] = frozen
	s.head = is.Head(unix)
}

// Announce publishes that somebody wants to recover the membership at a
// position. The set stays as it is.
func (s *Set) Announce(now time.Time, position int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.issuer
	is.Seq++
	is.Publish(uint64(now.Unix()), []setlog.Entry{{Op: setlog.OpRekeyAnnounced, LeafIndex: uint64(position), Commitment: is.Group.Member(position)}})
	frozen, err := semaphore.NewGroup(is.Group.Level(0)...)
	s.must(err)
	s.sets[is.Seq] = frozen
	s.head = is.Head(uint64(now.Unix()))
}

// Resign signs the newest head again, its text bent by a function that may be
// nil: what no honest issuer would sign.
func (s *Set) Resign(now time.Time, bend func(text string) string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := s.issuer.UnsignedHead(uint64(now.Unix())).Text()
	s.must(err)
	if bend != nil {
		text = bend(text)
	}
	s.head, err = note.Sign(&note.Note{Text: text}, s.issuer.Signer)
	s.must(err)
}

func (s *Set) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// Drop stops serving the set of a sequence number, as a real issuer does some
// minutes after it was superseded.
func (s *Set) Drop(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sets, seq)
}

// Reads lists the paths read since the last call.
func (s *Set) Reads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reads
	s.reads = nil
	return r
}

// ErrGone answers for what is not, or no longer, served.
var ErrGone = errors.New("testset: gone")

// Read gives a public file by its path.
func (s *Set) Read(path string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads = append(s.reads, path)
	if s.Fail != nil {
		if err := s.Fail(path); err != nil {
			return nil, err
		}
	}
	b, err := s.file(path)
	if err == nil && s.Bend != nil {
		b = s.Bend(path, bytes.Clone(b))
	}
	return b, err
}

func (s *Set) file(path string) ([]byte, error) {
	if path == "head" {
		return s.head, nil
	}
	if strings.HasPrefix(path, "tile/") {
		return s.issuer.Fetch(path)
	}
	for seq, g := range s.sets {
		if path == setlog.LeavesPath(seq) {
			return setlog.MarshalLeaves(g.Level(0)), nil
		}
	}
	seq, level, n, err := setlog.ParseSetTilePath(path)
	if g, ok := s.sets[seq]; ok && err == nil {
		return setlog.SetTile(g, level, n)
	}
	return nil, ErrGone
}

// Head implements wallet.Source.
func (s *Set) Head(context.Context) ([]byte, error) { return s.Read("head") }

// File implements wallet.Source.
func (s *Set) File(_ context.Context, path string) ([]byte, error) { return s.Read(path) }

// Leaves implements wallet.Source.
func (s *Set) Leaves(_ context.Context, seq uint64) ([]byte, error) {
	return s.Read(setlog.LeavesPath(seq))
}

// SetTile implements wallet.Source.
func (s *Set) SetTile(_ context.Context, seq uint64, level int, n uint64) ([]byte, error) {
	return s.Read(setlog.SetTilePath(seq, level, n))
}

// ServeHTTP serves the public files to any origin, as an issuer does.
func (s *Set) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	b, err := s.Read(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusGone)
		return
	}
	rw.Header().Set("Content-Type", "application/octet-stream")
	_, _ = rw.Write(b)
}
