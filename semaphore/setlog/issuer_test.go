package setlog_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// testIssuer is a whole issuer in memory: it signs whatever it is told to, also
// what an honest one would not.
type testIssuer struct {
	t           testing.TB
	name, vkey  string
	signer      note.Signer
	verifier    note.Verifier
	hashes      setlog.Hashes
	entries     []setlog.Entry
	group       *semaphore.Group
	live        uint64
	seq         uint64
	minValid    uint64
	window      []setlog.WindowRoot
	checkpoints map[int64][]byte
	fetched     []string
	refuse      func(path string) error // fails fetches
}

func seeded(seed string) *strings.Reader {
	h := sha256.Sum256([]byte(seed))
	return strings.NewReader(string(h[:]))
}

func newIssuer(t testing.TB, name string) *testIssuer {
	t.Helper()
	skey, vkey, err := setlog.GenerateKey(seeded("key of "+name), name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := setlog.ParseVKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	group, err := semaphore.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	return &testIssuer{t: t, name: name, vkey: vkey, signer: signer, verifier: verifier, group: group, checkpoints: map[int64][]byte{}}
}

// fork gives a second issuer with the same key and history.
func (is *testIssuer) fork() *testIssuer {
	f := *is
	f.hashes = append(setlog.Hashes(nil), is.hashes...)
	f.entries = append([]setlog.Entry(nil), is.entries...)
	f.window = append([]setlog.WindowRoot(nil), is.window...)
	f.group, _ = semaphore.NewGroup()
	var leaves []semaphore.Element
	for i := range is.group.Size() {
		leaves = append(leaves, is.group.Member(i))
	}
	if err := f.group.AddMany(leaves); err != nil && len(leaves) > 0 {
		is.t.Fatal(err)
	}
	f.checkpoints = map[int64][]byte{}
	for n, c := range is.checkpoints {
		f.checkpoints[n] = c
	}
	return &f
}

// commitment gives a fixed field element for a label.
func commitment(label string) semaphore.Element {
	h := sha256.Sum256([]byte(label))
	h[0] = 0
	return semaphore.Element(h)
}

// anchor publishes one batch: enrolments of the labels, after the removals.
func (is *testIssuer) anchor(now uint64, labels []string, removed ...int) {
	is.t.Helper()
	if is.seq > 0 {
		is.window = append([]setlog.WindowRoot{{Seq: is.seq, Root: is.entries[len(is.entries)-1].Root, Superseded: now}}, is.window...)
	}
	is.seq++
	var batch []setlog.Entry
	for _, i := range removed {
		batch = append(batch, setlog.Entry{Op: setlog.OpRemove, LeafIndex: uint64(i), Commitment: is.group.Member(i)})
		if err := is.group.Remove(i); err != nil {
			is.t.Fatal(err)
		}
		is.live--
	}
	for _, l := range labels {
		batch = append(batch, setlog.Entry{
			Op: setlog.OpEnrol, LeafIndex: uint64(is.group.Size()), Commitment: commitment(l),
			Biometric: sha256.Sum256([]byte("capture of " + l)),
		})
		if err := is.group.Add(commitment(l)); err != nil {
			is.t.Fatal(err)
		}
		is.live++
	}
	is.publish(now, batch)
}

func (is *testIssuer) publish(now uint64, batch []setlog.Entry) {
	is.t.Helper()
	for i := range batch {
		batch[i].Seq, batch[i].Root, batch[i].Live, batch[i].Day = is.seq, is.group.Root(), is.live, uint32(now/86400)
	}
	hashes, tree, err := setlog.Append(int64(len(is.entries)), batch, is.hashes)
	if err != nil {
		is.t.Fatal(err)
	}
	is.hashes = append(is.hashes, hashes...)
	is.entries = append(is.entries, batch...)
	signed, err := setlog.Checkpoint{Origin: is.name, Size: tree.N, Hash: tree.Hash}.Sign(is.signer)
	if err != nil {
		is.t.Fatal(err)
	}
	is.checkpoints[tree.N] = signed
}

func (is *testIssuer) proof(index int) setlog.RootProof {
	is.t.Helper()
	p, err := setlog.ProveRoot(is.entries[index], int64(index), is.checkpoints[int64(len(is.entries))], is.hashes)
	if err != nil {
		is.t.Fatal(err)
	}
	return p
}

// unsignedHead gives the head as of now, for tests that bend it before signing.
func (is *testIssuer) unsignedHead(now uint64) setlog.Head {
	return setlog.Head{
		Origin: is.name, Seq: is.seq, Size: uint64(is.group.Size()), Live: is.live, Depth: is.group.Depth(),
		Root: is.group.Root(), Issued: now, MinValidSeq: is.minValid, Window: is.window, RootProof: is.proof(len(is.entries) - 1),
	}
}

func (is *testIssuer) head(now uint64) []byte {
	is.t.Helper()
	signed, err := is.unsignedHead(now).Sign(is.signer)
	if err != nil {
		is.t.Fatal(err)
	}
	return signed
}

var errGone = errors.New("410")

// fetch serves the log's static files.
func (is *testIssuer) fetch(path string) ([]byte, error) {
	is.fetched = append(is.fetched, path)
	if is.refuse != nil {
		if err := is.refuse(path); err != nil {
			return nil, err
		}
	}
	tile, err := setlog.ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	size := int64(len(is.entries))
	if !setlog.TileIn(tile, size) {
		return nil, fmt.Errorf("404 %s", path)
	}
	if tile.L == setlog.EntriesLevel {
		from := tile.N * setlog.TileWidth
		return setlog.EntryBundle(is.entries[from : from+int64(tile.W)])
	}
	return setlog.TileData(tile, size, is.hashes)
}

func (is *testIssuer) tree(size int64) tlog.Tree {
	h, err := tlog.TreeHash(size, is.hashes)
	if err != nil {
		is.t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: h}
}
