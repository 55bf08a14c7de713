package wallet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A vote over a frozen set: the wallet proves under the old root, long after
// the set has moved on and its leaves are no longer served; who came later is
// not in it; and a log that does not replay is refused.
func TestFrozenSet(t *testing.T) {
	w := newWorld(t, 300)
	frozen := w.set.Issuer().Group.Root()
	late := bytes.Repeat([]byte{9}, 32)
	for i := range 4 {
		w.now = w.now.Add(2 * time.Hour)
		w.set.Anchor(w.now, []semaphore.Element{semaphore.IdentityFromKey(append(late, byte(i))).Commitment()})
		w.set.Drop(uint64(i + 1))
	}
	p := scope.Snapshot(1, scope.Once())
	me := w.synced(func(c *wallet.Config) { c.Prover = real() })
	req := w.request(p)
	_, err := me.Prepare(context.Background(), req)
	wantCode(t, err, wallet.NotSynced)
	w.set.Reads()
	f, err := me.Freeze(context.Background(), 1)
	if err != nil || !f.Member || f.Live != 301 {
		t.Fatalf("%+v %v", f, err)
	}
	for _, path := range w.set.Reads() {
		if !strings.HasPrefix(path, "tile/") {
			t.Errorf("read %s: only the log is the same for everybody", path)
		}
	}
	prompt, err := me.Prepare(context.Background(), req)
	if err != nil || prompt.Crowd != 301 {
		t.Fatalf("%+v %v", prompt, err)
	}
	a, err := me.Answer(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	packed, _, _ := strings.Cut(a.Response, ".")
	proof, err := semaphore.ParsePacked(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier().Verify(proof); err != nil || proof.MerkleTreeRoot != frozen {
		t.Errorf("root %s, frozen %s: %v", proof.MerkleTreeRoot, frozen, err)
	}
	if w.set.Reads() != nil {
		if again, err := me.Freeze(context.Background(), 1); err != nil || again != f || w.set.Reads() != nil {
			t.Error("a frozen set is read twice")
		}
	}

	// Who came at step 3 is in 3, not in 1; and both need a crowd.
	newcomer, err := wallet.New(w.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := newcomer.Unlock(append(late, 1)); err != nil {
		t.Fatal(err)
	}
	if st, err := newcomer.Sync(context.Background()); err != nil || !st.Member {
		t.Fatalf("%+v %v", st, err)
	}
	if f, err := newcomer.Freeze(context.Background(), 1); err != nil || f.Member {
		t.Errorf("%+v %v", f, err)
	}
	_, err = newcomer.Prepare(context.Background(), req)
	wantCode(t, err, wallet.NotMember)
	if f, err := newcomer.Freeze(context.Background(), 3); err != nil || !f.Member || f.Live != 303 {
		t.Errorf("%+v %v", f, err)
	}
	_, err = newcomer.Freeze(context.Background(), 77)
	wantCode(t, err, wallet.RequestInvalid)

	w.set.Bend = func(path string, b []byte) []byte {
		if strings.Contains(path, "entries") {
			b[80] ^= 1
		}
		return b
	}
	liar := w.synced(nil)
	_, err = liar.Freeze(context.Background(), 2)
	wantCode(t, err, wallet.RootUnproven)

	w.set.Bend = nil
	small := w.synced(func(c *wallet.Config) { c.MinCrowd = 304 })
	if _, err := small.Freeze(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	_, err = small.Prepare(context.Background(), req)
	wantCode(t, err, wallet.CrowdTooSmall)
}

// One act under two issuers: one slot, one nullifier, two proofs in one
// response. Another person's answer, or one to another challenge, is not added
// to.
func TestTwoIssuers(t *testing.T) {
	w := newWorld(t, 300)
	second := testset.New(t, "second.example/people")
	second.Anchor(w.now, append([]semaphore.Element{w.commitment()}, testset.Crowd(280)...))
	store := wallet.NewMemory()
	a := w.synced(func(c *wallet.Config) { c.Store, c.Prover = store, real() })
	b := w.synced(func(c *wallet.Config) {
		c.Issuer, c.Source, c.Store, c.Prover = second.VKey(), second, store, real()
	})
	req := w.request(scope.PerDay(3))
	first, err := a.Answer(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	both, err := b.Also(context.Background(), req, first)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(both.Response, ".")
	if len(parts) != 3 || parts[2] != req.Challenge || both.Slot != first.Slot || both.Nullifier != first.Nullifier {
		t.Fatalf("%d parts, slots %d and %d", len(parts), first.Slot, both.Slot)
	}
	for i, root := range []semaphore.Element{w.set.Issuer().Group.Root(), second.Issuer().Group.Root()} {
		p, err := semaphore.ParsePacked(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier().Verify(p); err != nil || p.MerkleTreeRoot != root || p.Nullifier != first.Nullifier {
			t.Errorf("proof %d: %v", i, err)
		}
	}
	if uses, err := store.Uses(context.Background(), first.Book(action)); err != nil || len(uses) != 1 {
		t.Errorf("%d slots used: %v", len(uses), err)
	}
	_, err = b.Also(context.Background(), w.request(scope.PerDay(3)), first)
	wantCode(t, err, wallet.RequestInvalid)
	w.key = bytes.Repeat([]byte{3}, 32)
	second.Anchor(w.now.Add(time.Second), []semaphore.Element{w.commitment()})
	w.now = w.now.Add(2 * time.Second)
	other := w.synced(func(c *wallet.Config) { c.Issuer, c.Source = second.VKey(), second })
	_, err = other.Also(context.Background(), req, first)
	wantCode(t, err, wallet.RequestInvalid)
}

// A wallet that demands witnesses uses no root that only the issuer signed,
// and says which of its rules it was.
func TestDemandedWitnesses(t *testing.T) {
	w := newWorld(t, 300)
	_, vkey, err := setlog.GenerateWitnessKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	witnesses, err := setlog.NewWitnesses(1, []string{vkey})
	if err != nil {
		t.Fatal(err)
	}
	me := w.wallet(func(c *wallet.Config) { c.Witnesses = witnesses })
	_, err = me.Sync(context.Background())
	wantCode(t, err, wallet.WitnessesMissing)
	_, err = me.Answer(context.Background(), w.request(scope.Once()))
	wantCode(t, err, wallet.NotSynced)

	// The state of a wallet that once asked for nobody does not help.
	trusting := w.synced(nil)
	strict := w.wallet(func(c *wallet.Config) { c.Witnesses, c.State = witnesses, trusting.State() })
	if _, err = strict.Sync(context.Background()); err != nil {
		wantCode(t, err, wallet.WitnessesMissing)
	}
	_, err = strict.Prepare(context.Background(), w.request(scope.Once()))
	wantCode(t, err, wallet.WitnessesMissing)
	_, err = strict.Freeze(context.Background(), 1)
	wantCode(t, err, wallet.WitnessesMissing)
}

// Two of three witnesses: the wallet uses the log exactly when two of those it
// names have cosigned; the same one twice and strangers count for nothing.
func TestWitnessQuorum(t *testing.T) {
	w := newWorld(t, 300)
	clock := func() time.Time { return w.now }
	cosigner := func(name string) (note.Signer, string) {
		text, vkey, err := setlog.GenerateWitnessKey(rand.Reader, name)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := setlog.ParseWitnessKey(text, clock)
		if err != nil {
			t.Fatal(err)
		}
		return s, vkey
	}
	a, keyA := cosigner("a.example")
	b, keyB := cosigner("b.example")
	_, keyC := cosigner("c.example")
	stranger, _ := cosigner("b.example") // by name b, with another key
	witnesses, err := setlog.NewWitnesses(2, []string{keyA, keyB, keyC})
	if err != nil {
		t.Fatal(err)
	}
	is := w.set.Issuer()
	for _, c := range []struct {
		name string
		by   []note.Signer
		good bool
	}{
		{"nobody", nil, false},
		{"one", []note.Signer{a}, false},
		{"one and a stranger", []note.Signer{a, stranger}, false},
		{"two", []note.Signer{a, b}, true},
	} {
		w.set.Bend = func(path string, body []byte) []byte {
			if path != "head" {
				return body
			}
			head, err := setlog.OpenHead(body, is.Verifier)
			if err != nil {
				t.Fatal(err)
			}
			checkpoint, err := head.Checkpoint()
			if err != nil {
				t.Fatal(err)
			}
			if head.RootProof.Checkpoint, err = checkpoint.Sign(append([]note.Signer{is.Signer}, c.by...)...); err != nil {
				t.Fatal(err)
			}
			signed, err := head.Sign(is.Signer)
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}
		me := w.wallet(func(c *wallet.Config) { c.Witnesses = witnesses })
		_, err := me.Sync(context.Background())
		if c.good {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			} else if _, err := me.Answer(context.Background(), w.request(scope.Once())); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantCode(t, err, wallet.WitnessesMissing)
	}
}
