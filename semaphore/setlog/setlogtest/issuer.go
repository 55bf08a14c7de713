// Package setlogtest is an issuer's log in memory for tests: complete, with real
// signatures and proofs, and obedient, so that tests can make it sign what an
// honest issuer would not.
package setlogtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Issuer is one log and its set. Its fields may be changed between calls.
type Issuer struct {
	Name, VKey  string
	Signer      note.Signer
	Verifier    note.Verifier
	Also        []note.Signer // keys that sign besides
	Hashes      setlog.Hashes
	Entries     []setlog.Entry
	Group       *semaphore.Group
	Live        uint64
	Seq         uint64
	MinValid    uint64
	Window      []setlog.WindowRoot
	Checkpoints map[int64][]byte        // signed, by log size
	Fetched     []string                // paths that Fetch was asked for
	Refuse      func(path string) error // makes Fetch fail

	t testing.TB
}

// Seed gives 32 fixed bytes for a label.
func Seed(label string) io.Reader {
	h := sha256.Sum256([]byte(label))
	return strings.NewReader(string(h[:]))
}

// Commitment gives a fixed field element for a label: SHA-256(label) with the
// first byte 0.
func Commitment(label string) semaphore.Element {
	h := sha256.Sum256([]byte(label))
	h[0] = 0
	return semaphore.Element(h)
}

// New makes an issuer with the key whose seed is SHA-256("key of <name>").
func New(t testing.TB, name string) *Issuer {
	t.Helper()
	is := &Issuer{t: t, Name: name, Checkpoints: make(map[int64][]byte)}
	skey, vkey, err := setlog.GenerateKey(Seed("key of "+name), name)
	is.must(err)
	is.VKey = vkey
	is.Signer, err = note.NewSigner(skey)
	is.must(err)
	is.Verifier, err = setlog.ParseVKey(vkey)
	is.must(err)
	is.Group, err = semaphore.NewGroup()
	is.must(err)
	return is
}

// Rotate changes to the key whose seed is SHA-256(label); the one before signs
// besides until Also is emptied. What was signed already stays as it is.
func (is *Issuer) Rotate(label string) {
	is.t.Helper()
	skey, vkey, err := setlog.GenerateKey(Seed(label), is.Name)
	is.must(err)
	is.Also = []note.Signer{is.Signer}
	is.VKey = vkey
	is.Signer, err = note.NewSigner(skey)
	is.must(err)
	is.Verifier, err = setlog.ParseVKey(vkey)
	is.must(err)
}

func (is *Issuer) signers() []note.Signer { return append([]note.Signer{is.Signer}, is.Also...) }

func (is *Issuer) must(err error) {
	is.t.Helper()
	if err != nil {
		is.t.Fatal(err)
	}
}

// Fork gives a second issuer with the same key and history.
func (is *Issuer) Fork() *Issuer {
	f := *is
	f.Hashes, f.Entries, f.Window = slices.Clone(is.Hashes), slices.Clone(is.Entries), slices.Clone(is.Window)
	f.Checkpoints = maps.Clone(is.Checkpoints)
	var leaves []semaphore.Element
	for i := range is.Group.Size() {
		leaves = append(leaves, is.Group.Member(i))
	}
	var err error
	f.Group, err = semaphore.NewGroup(leaves...)
	is.must(err)
	return &f
}

// Anchor publishes one batch at a time in unix seconds: the removals, then an
// enrolment for each label.
func (is *Issuer) Anchor(now uint64, labels []string, removed ...int) {
	is.t.Helper()
	var members []semaphore.Element
	for _, l := range labels {
		members = append(members, Commitment(l))
	}
	is.AnchorMembers(now, members, removed...)
}

// AnchorMembers is Anchor for commitments that the caller makes.
func (is *Issuer) AnchorMembers(now uint64, members []semaphore.Element, removed ...int) {
	is.t.Helper()
	if is.Seq > 0 {
		last := is.Entries[len(is.Entries)-1].Root
		is.Window = append([]setlog.WindowRoot{{Seq: is.Seq, Root: last, Superseded: now}}, is.Window...)
	}
	is.Seq++
	var batch []setlog.Entry
	for _, i := range removed {
		batch = append(batch, setlog.Entry{Op: setlog.OpRemove, LeafIndex: uint64(i), Commitment: is.Group.Member(i)})
		is.must(is.Group.Remove(i))
		is.Live--
	}
	for _, m := range members {
		batch = append(batch, setlog.Entry{
			Op: setlog.OpEnrol, LeafIndex: uint64(is.Group.Size()), Commitment: m,
			Biometric: sha256.Sum256(append([]byte("capture of "), m[:]...)),
		})
		is.must(is.Group.Add(m))
		is.Live++
	}
	is.Publish(now, batch)
}

// Publish logs entries under the present sequence number and root, and signs
// the checkpoint.
func (is *Issuer) Publish(now uint64, batch []setlog.Entry) {
	is.t.Helper()
	for i := range batch {
		batch[i].Seq, batch[i].Root, batch[i].Live, batch[i].Day = is.Seq, is.Group.Root(), is.Live, uint32(now/86400)
	}
	hashes, tree, err := setlog.Append(int64(len(is.Entries)), batch, is.Hashes)
	is.must(err)
	is.Hashes = append(is.Hashes, hashes...)
	is.Entries = append(is.Entries, batch...)
	signed, err := setlog.Checkpoint{Origin: is.Name, Size: tree.N, Hash: tree.Hash}.Sign(is.signers()...)
	is.must(err)
	is.Checkpoints[tree.N] = signed
}

// Proof proves an entry under the newest checkpoint.
func (is *Issuer) Proof(index int) setlog.RootProof {
	is.t.Helper()
	p, err := setlog.ProveRoot(is.Entries[index], int64(index), is.Checkpoints[int64(len(is.Entries))], is.Hashes)
	is.must(err)
	return p
}

// UnsignedHead gives the head at a time, for tests that bend it before signing.
func (is *Issuer) UnsignedHead(now uint64) setlog.Head {
	is.t.Helper()
	return setlog.Head{
		Origin: is.Name, Seq: is.Seq, Size: uint64(is.Group.Size()), Live: is.Live, Depth: is.Group.Depth(),
		Root: is.Group.Root(), Issued: now, MinValidSeq: is.MinValid, Window: is.Window, RootProof: is.Proof(len(is.Entries) - 1),
	}
}

// Head gives the signed head at a time.
func (is *Issuer) Head(now uint64) []byte {
	is.t.Helper()
	signed, err := is.UnsignedHead(now).Sign(is.signers()...)
	is.must(err)
	return signed
}

// Tree gives the log's tree at an earlier size.
func (is *Issuer) Tree(size int64) tlog.Tree {
	is.t.Helper()
	h, err := tlog.TreeHash(size, is.Hashes)
	is.must(err)
	return tlog.Tree{N: size, Hash: h}
}

// ErrNotFound is what Fetch answers for files that the log does not have.
var ErrNotFound = errors.New("setlogtest: no such file")

// Fetch serves the log's static files.
func (is *Issuer) Fetch(path string) ([]byte, error) {
	is.Fetched = append(is.Fetched, path)
	if is.Refuse != nil {
		if err := is.Refuse(path); err != nil {
			return nil, err
		}
	}
	tile, err := setlog.ParseTilePath(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	size := int64(len(is.Entries))
	if !setlog.TileIn(tile, size) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if tile.L == setlog.EntriesLevel {
		from := tile.N * setlog.TileWidth
		return setlog.EntryBundle(is.Entries[from : from+int64(tile.W)])
	}
	return setlog.TileData(tile, size, is.Hashes)
}
