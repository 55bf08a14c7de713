// Package testset is an issuer's log and set in memory, for the tests of the
// wallet: real entries, tiles, checkpoints and heads, made by the packages that
// a real issuer uses, with no intake in front. It also does what no honest
// issuer does when a test asks for it.
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
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Set is an issuer. Its methods Head, File, Leaves and SetTile make it a
// wallet's source.
type Set struct {
	Name, VKey string
	Fail       func(path string) error               // refuses a read, if not nil
	Bend       func(path string, body []byte) []byte // changes what is read, if not nil
	BendHead   func(h setlog.Head) setlog.Head       // changes a head before it is signed
	BendEntry  func(e setlog.Entry) setlog.Entry     // changes an entry before it is logged

	mu      sync.Mutex
	signer  note.Signer
	hashes  setlog.Hashes
	entries []setlog.Entry
	pending []setlog.Entry
	group   *semaphore.Group
	live    uint64
	seq     uint64
	window  []setlog.WindowRoot
	signed  []byte // checkpoint
	head    []byte
	old     map[uint64]*semaphore.Group // sets by seq, for those still served
	reads   []string
}

// New makes an empty set whose key follows from the name and the seed.
func New(name, seed string) (*Set, error) {
	h := sha256.Sum256([]byte(seed + "/" + name))
	skey, vkey, err := setlog.GenerateKey(bytes.NewReader(h[:]), name)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	group, err := semaphore.NewGroup()
	if err != nil {
		return nil, err
	}
	return &Set{Name: name, VKey: vkey, signer: signer, group: group, old: make(map[uint64]*semaphore.Group)}, nil
}

// Crowd gives n distinct made-up commitments.
func Crowd(n int) []semaphore.Element {
	out := make([]semaphore.Element, n)
	for i := range out {
		h := sha256.Sum256(fmt.Appendf(nil, "member %d", i))
		h[0] = 0 // below r
		out[i] = h
	}
	return out
}

// Enrol adds members at the next Publish.
func (s *Set) Enrol(members ...semaphore.Element) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := uint64(s.group.Size())
	if err := s.group.AddMany(members); err != nil {
		return err
	}
	for i, m := range members {
		s.pending = append(s.pending, setlog.Entry{
			Op: setlog.OpEnrol, LeafIndex: start + uint64(i), Commitment: m, Biometric: sha256.Sum256(m[:]),
		})
	}
	s.live += uint64(len(members))
	return nil
}

// Remove zeroes a leaf at the next Publish.
func (s *Set) Remove(position int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.group.Member(position)
	if err := s.group.Remove(position); err != nil {
		return err
	}
	s.pending = append(s.pending, setlog.Entry{Op: setlog.OpRemove, LeafIndex: uint64(position), Commitment: m})
	s.live--
	return nil
}

// Publish logs what is pending as one batch, or signs the newest head again if
// nothing is.
func (s *Set) Publish(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unix := uint64(now.Unix())
	if len(s.pending) > 0 {
		if s.seq > 0 {
			last := s.entries[len(s.entries)-1]
			s.window = append([]setlog.WindowRoot{{Seq: s.seq, Root: last.Root, Superseded: unix}}, s.window...)
		}
		s.seq++
		for i := range s.pending {
			e := &s.pending[i]
			e.Seq, e.Root, e.Live, e.Day = s.seq, s.group.Root(), s.live, uint32(unix/86400)
			if s.BendEntry != nil {
				*e = s.BendEntry(*e)
			}
		}
		hashes, tree, err := setlog.Append(int64(len(s.entries)), s.pending, s.hashes)
		if err != nil {
			return err
		}
		s.hashes, s.entries, s.pending = append(s.hashes, hashes...), append(s.entries, s.pending...), nil
		s.signed, err = setlog.Checkpoint{Origin: s.Name, Size: tree.N, Hash: tree.Hash}.Sign(s.signer)
		if err != nil {
			return err
		}
		frozen, err := semaphore.NewGroup(s.group.Level(0)...)
		if err != nil {
			return err
		}
		s.old[s.seq] = frozen
	}
	last := len(s.entries) - 1
	proof, err := setlog.ProveRoot(s.entries[last], int64(last), s.signed, s.hashes)
	if err != nil {
		return err
	}
	h := setlog.Head{
		Origin: s.Name, Seq: s.seq, Size: uint64(s.group.Size()), Live: s.live, Depth: s.group.Depth(),
		Root: s.group.Root(), Issued: unix, Window: s.window, RootProof: proof,
	}
	if s.BendHead != nil {
		h = s.BendHead(h)
	}
	s.head, err = h.Sign(s.signer)
	return err
}

// Fork gives a second issuer under the same key, with a history of its own.
func (s *Set) Fork() (*Set, error) {
	f := &Set{Name: s.Name, VKey: s.VKey, signer: s.signer, old: make(map[uint64]*semaphore.Group)}
	var err error
	f.group, err = semaphore.NewGroup()
	return f, err
}

// Drop stops serving the set of a sequence number, as a real issuer does some
// minutes after it was superseded.
func (s *Set) Drop(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.old, seq)
}

// Seq is the newest sequence number.
func (s *Set) Seq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
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
		t, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		if t.L == setlog.EntriesLevel || !setlog.TileIn(t, int64(len(s.entries))) {
			return nil, ErrGone
		}
		return setlog.TileData(t, int64(len(s.entries)), tlog.HashReader(s.hashes))
	}
	for seq, g := range s.old {
		if path == setlog.LeavesPath(seq) {
			return setlog.MarshalLeaves(g.Level(0)), nil
		}
	}
	seq, level, n, err := setlog.ParseSetTilePath(path)
	if err != nil {
		return nil, ErrGone
	}
	g, ok := s.old[seq]
	if !ok {
		return nil, ErrGone
	}
	return setlog.SetTile(g, level, n)
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
