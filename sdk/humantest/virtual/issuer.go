// Package virtual is an issuer of people who do not exist, for tests and for
// development: a set, its signed log, and heads as of the clock that it is
// given. What it publishes is in every byte what a real issuer publishes; what
// it lacks is everything that makes one worth believing.
//
// An Issuer is three things at once: an http.Handler that serves its public
// files, an http.RoundTripper that answers for its own address with no network,
// and a wallet.Source.
package virtual

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// ErrNotFound: the issuer has no such file.
var ErrNotFound = errors.New("virtual: no such file")

// Issuer is a set with its log, in memory. It is safe for concurrent use.
type Issuer struct {
	name, vkey string
	signer     note.Signer
	now        func() time.Time

	mu         sync.Mutex
	down       bool
	hashes     setlog.Hashes
	last       setlog.Entry
	entries    []setlog.Entry
	checkpoint []byte
	group      *semaphore.Group
	first      *semaphore.Group // what the group was when New returned, one batch earlier
	live, seq  uint64
	minValid   uint64
	window     []setlog.WindowRoot
}

// New makes an issuer whose key comes from 32 bytes of key, with a crowd of
// members who are nobody, and with known. Its first set was superseded three
// hours ago, by a set of one more.
func New(name string, key io.Reader, now func() time.Time, crowd int, known ...semaphore.Element) (*Issuer, error) {
	skey, vkey, err := setlog.GenerateKey(key, name)
	if err != nil {
		return nil, err
	}
	i := &Issuer{name: name, vkey: vkey, now: now}
	if i.signer, err = note.NewSigner(skey); err != nil {
		return nil, err
	}
	var members []semaphore.Element
	for n := range crowd {
		members = append(members, nobody(n))
	}
	members = append(members, known...)
	if i.group, err = semaphore.NewGroup(); err != nil {
		return nil, err
	}
	if i.first, err = semaphore.NewGroup(members...); err != nil {
		return nil, err
	}
	long := now().Add(-3 * time.Hour)
	if err := i.anchor(long.Add(-time.Hour), members, nil); err != nil {
		return nil, err
	}
	return i, i.anchor(long, []semaphore.Element{nobody(crowd)}, nil)
}

// nobody gives a commitment of which nobody knows the secret.
func nobody(n int) semaphore.Element {
	sum := sha256.Sum256(fmt.Appendf(nil, "perhuman virtual crowd %d", n))
	sum[0] = 0 // below the field's order
	return semaphore.Element(sum)
}

// Name is the issuer's name, VKey the string that pins it.
func (i *Issuer) Name() string { return i.name }

// VKey is the issuer's verifier key.
func (i *Issuer) VKey() string { return i.vkey }

// SetDown makes the issuer answer nothing, or answer again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Enrol publishes a batch of new members.
func (i *Issuer) Enrol(members ...semaphore.Element) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.anchor(i.now(), members, nil)
}

// Remove publishes an urgent removal: no older root counts any more. It fails
// with semaphore.ErrNotMember.
func (i *Issuer) Remove(member semaphore.Element) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	position := i.group.IndexOf(member)
	if position < 0 {
		return semaphore.ErrNotMember
	}
	if err := i.anchor(i.now(), nil, []int{position}); err != nil {
		return err
	}
	i.minValid = i.seq
	return nil
}

// Path proves a member in the newest set.
func (i *Issuer) Path(member semaphore.Element) (semaphore.MerkleProof, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return path(i.group, member)
}

// SupersededPath proves a member in the first set, whose root no window holds.
func (i *Issuer) SupersededPath(member semaphore.Element) (semaphore.MerkleProof, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return path(i.first, member)
}

func path(g *semaphore.Group, member semaphore.Element) (semaphore.MerkleProof, error) {
	position := g.IndexOf(member)
	if position < 0 {
		return semaphore.MerkleProof{}, semaphore.ErrNotMember
	}
	return g.Proof(position)
}

// anchor publishes one batch: removals, then enrolments.
func (i *Issuer) anchor(now time.Time, members []semaphore.Element, removed []int) error {
	if i.seq > 0 {
		superseded := setlog.WindowRoot{Seq: i.seq, Root: i.last.Root, Superseded: uint64(now.Unix())}
		i.window = append([]setlog.WindowRoot{superseded}, i.window...)
	}
	i.seq++
	var batch []setlog.Entry
	for _, position := range removed {
		batch = append(batch, setlog.Entry{Op: setlog.OpRemove, LeafIndex: uint64(position), Commitment: i.group.Member(position)})
		if err := i.group.Remove(position); err != nil {
			return err
		}
		i.live--
	}
	for _, m := range members {
		batch = append(batch, setlog.Entry{
			Op: setlog.OpEnrol, LeafIndex: uint64(i.group.Size() + len(batch) - len(removed)), Commitment: m,
			Biometric: sha256.Sum256(append([]byte("no capture of "), m[:]...)),
		})
	}
	if len(members) > 0 {
		if err := i.group.AddMany(members); err != nil {
			return err
		}
	}
	i.live += uint64(len(members))
	for k := range batch {
		e := &batch[k]
		e.Seq, e.Root, e.Live, e.Day = i.seq, i.group.Root(), i.live, uint32(now.Unix()/86400)
	}
	hashes, tree, err := setlog.Append(int64(len(i.entries)), batch, i.hashes)
	if err != nil {
		return err
	}
	i.hashes, i.entries = append(i.hashes, hashes...), append(i.entries, batch...)
	i.last = i.entries[len(i.entries)-1]
	i.checkpoint, err = setlog.Checkpoint{Origin: i.name, Size: tree.N, Hash: tree.Hash}.Sign(i.signer)
	return err
}

// head signs the head as of now.
func (i *Issuer) head() ([]byte, error) {
	proof, err := setlog.ProveRoot(i.last, int64(len(i.entries)-1), i.checkpoint, i.hashes)
	if err != nil {
		return nil, err
	}
	return setlog.Head{
		Origin: i.name, Seq: i.seq, Size: uint64(i.group.Size()), Live: i.live, Depth: i.group.Depth(), Root: i.group.Root(),
		Issued: uint64(i.now().Unix()), MinValidSeq: i.minValid, Window: i.window, RootProof: proof,
	}.Sign(i.signer)
}
