package setlog_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// watcher is a witness of the tests.
type watcher struct {
	vkey   string
	signer note.Signer
}

func newWatcher(t *testing.T, name string) watcher {
	t.Helper()
	seed := sha256.Sum256([]byte("witness " + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	vkey, err := setlog.CosignerVKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	s, err := setlog.NewCosigner(name, key, func() time.Time { return at(0) })
	if err != nil {
		t.Fatal(err)
	}
	return watcher{vkey, s}
}

// cosign puts the witnesses' lines under the newest checkpoint.
func cosign(t *testing.T, is *setlogtest.Issuer, by ...watcher) {
	t.Helper()
	size := int64(len(is.Entries))
	n, err := note.Open(is.Checkpoints[size], note.VerifierList(is.Verifier))
	if err != nil {
		t.Fatal(err)
	}
	signers := []note.Signer{is.Signer}
	for _, w := range by {
		signers = append(signers, w.signer)
	}
	if is.Checkpoints[size], err = note.Sign(&note.Note{Text: n.Text}, signers...); err != nil {
		t.Fatal(err)
	}
}

func policy(t *testing.T, k int, of ...watcher) *setlog.Witnesses {
	t.Helper()
	var vkeys []string
	for _, w := range of {
		vkeys = append(vkeys, w.vkey)
	}
	p, err := setlog.NewWitnesses(k, vkeys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The bytes of C2SP tlog-cosignature, written down once more.
func TestCosignatureBytes(t *testing.T) {
	seed := sha256.Sum256([]byte("witness w.example"))
	key := ed25519.NewKeyFromSeed(seed[:])
	public := key.Public().(ed25519.PublicKey)
	id := sha256.Sum256(append([]byte("w.example\n\x04"), public...))
	w := newWatcher(t, "w.example")
	if want := fmt.Sprintf("w.example+%x+%s", id[:4], base64.StdEncoding.EncodeToString(append([]byte{4}, public...))); w.vkey != want {
		t.Errorf("%s, want %s", w.vkey, want)
	}
	text := "issuer.example/people\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	signed, err := note.Sign(&note.Note{Text: text}, w.signer)
	if err != nil {
		t.Fatal(err)
	}
	sig := append(id[:4:4], binary.BigEndian.AppendUint64(nil, t0)...)
	sig = append(sig, ed25519.Sign(key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", t0, text)))...)
	if want := text + "\n\u2014 w.example " + base64.StdEncoding.EncodeToString(sig) + "\n"; string(signed) != want {
		t.Errorf("%s\nwant\n%s", signed, want)
	}
	p := policy(t, 1, w)
	if err := p.Check(signed); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{
		"a flipped bit":     strings.Replace(string(signed), "\n7\n", "\n8\n", 1),
		"nobody":            text + "\n\u2014 x.example " + base64.StdEncoding.EncodeToString(sig) + "\n",
		"no signature":      text,
		"another time":      text + "\n\u2014 w.example " + base64.StdEncoding.EncodeToString(append(append(id[:4:4], binary.BigEndian.AppendUint64(nil, t0+1)...), sig[12:]...)) + "\n",
		"without the time":  text + "\n\u2014 w.example " + base64.StdEncoding.EncodeToString(append(id[:4:4], sig[12:]...)) + "\n",
		"a plain signature": text + "\n\u2014 w.example " + base64.StdEncoding.EncodeToString(append(id[:4:4], ed25519.Sign(key, []byte(text))...)) + "\n",
	} {
		if err := p.Check([]byte(bad)); !errors.Is(err, setlog.ErrWitnesses) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// k of n: a head with too few cosignatures is not taken, whatever else is right
// about it, and then the roots grow stale.
func TestWitnessPolicy(t *testing.T) {
	a, b, c, stranger := newWatcher(t, "a.example"), newWatcher(t, "b.example"), newWatcher(t, "c.example"), newWatcher(t, "d.example")
	is := setlogtest.New(t, "issuer.example/people")
	f := follow(t, is, func(cfg *setlog.FollowerConfig) { cfg.Witnesses = policy(t, 2, a, b, c) })
	is.Anchor(t0, []string{"x", "y"})
	for name, by := range map[string][]watcher{
		"none": nil, "one": {a}, "one and a stranger": {c, stranger}, "strangers": {stranger},
	} {
		cosign(t, is, by...)
		if err := f.Update(is.Head(t0), at(0), is.Fetch); !errors.Is(err, setlog.ErrWitnesses) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Root(is.Group.Root(), at(0)); !errors.Is(err, setlog.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice, err := note.Sign(&note.Note{Text: setlog.Checkpoint{Origin: is.Name}.Text()}, b.signer, b.signer)
	if err != nil || !errors.Is(policy(t, 2, a, b, c).Check(twice), setlog.ErrWitnesses) {
		t.Error("one witness counts twice", err)
	}
	cosign(t, is, stranger, c, a)
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Root(is.Group.Root(), at(0)); err != nil {
		t.Error(err)
	}
	p, err := f.SeqProof(1, is.Fetch)
	if err != nil || f.CheckProof(p) != nil {
		t.Error(err)
	}
	// A later head without them is not taken, and the one held runs out.
	is.Anchor(t0+60, []string{"z"})
	if err := f.Update(is.Head(t0+60), at(60), is.Fetch); !errors.Is(err, setlog.ErrWitnesses) {
		t.Error(err)
	}
	if _, err := f.Root(is.Group.Root(), at(60)); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
	if err := f.Fresh(at(121)); !errors.Is(err, setlog.ErrStale) {
		t.Error(err)
	}
	cosign(t, is, a, b, c)
	if err := f.Update(is.Head(t0+61), at(61), is.Fetch); err != nil {
		t.Error(err)
	}
	// A fork is one with or without witnesses.
	fork := setlogtest.New(t, "issuer.example/people")
	fork.Anchor(t0, []string{"evil"})
	fork.Anchor(t0+60, []string{"evil 2", "evil 3", "evil 4"})
	var forked *setlog.ErrFork
	if err := f.Update(fork.Head(t0+62), at(62), fork.Fetch); !errors.As(err, &forked) {
		t.Error(err)
	}
}

// A state from before there was a policy decides nothing until the witnesses
// have spoken, but still holds back an older head.
func TestWitnessPolicyOverOldState(t *testing.T) {
	a := newWatcher(t, "a.example")
	is := setlogtest.New(t, "issuer.example/people")
	is.Anchor(t0, []string{"x"})
	old := is.Head(t0)
	is.Anchor(t0+1, []string{"y"})
	before := follow(t, is)
	if err := before.Update(is.Head(t0+1), at(1), is.Fetch); err != nil {
		t.Fatal(err)
	}
	f := follow(t, is, func(cfg *setlog.FollowerConfig) { cfg.State, cfg.Witnesses = before.State(), policy(t, 1, a) })
	if _, err := f.Root(is.Group.Root(), at(1)); !errors.Is(err, setlog.ErrStale) || !errors.Is(err, setlog.ErrWitnesses) {
		t.Error(err)
	}
	if _, err := f.SeqProof(1, is.Fetch); !errors.Is(err, setlog.ErrStale) {
		t.Error(err)
	}
	if err := f.Update(old, at(1), is.Fetch); !errors.Is(err, setlog.ErrOldHead) {
		t.Error(err)
	}
	cosign(t, is, a)
	if err := f.Update(is.Head(t0+2), at(2), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Root(is.Group.Root(), at(2)); err != nil {
		t.Error(err)
	}
	p, err := before.SeqProof(1, is.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	p.Checkpoint = before.SignedHead() // no checkpoint at all
	if f.CheckProof(p) == nil {
		t.Error("a proof under no checkpoint")
	}
}

func TestWitnessesRefuses(t *testing.T) {
	a := newWatcher(t, "a.example")
	is := setlogtest.New(t, "issuer.example/people")
	plain, err := setlog.NewWitnesses(1, []string{is.VKey})
	if err != nil {
		t.Fatal(err) // a plain note key may witness others
	}
	if _, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.VKey, Witnesses: plain}); !errors.Is(err, setlog.ErrKey) {
		t.Error("an issuer is its own witness:", err)
	}
	other := setlogtest.New(t, "other.example")
	other.Anchor(t0, []string{"x"})
	if err := plain.Check(other.Checkpoints[1]); !errors.Is(err, setlog.ErrWitnesses) {
		t.Error(err)
	}
	n, err := note.Open(other.Checkpoints[1], note.VerifierList(other.Verifier))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: n.Text}, other.Signer, is.Signer)
	if err != nil || plain.Check(signed) != nil {
		t.Error("a plain note key's signature", err)
	}
	seed := sha256.Sum256([]byte("witness a.example"))
	renamed, err := setlog.CosignerVKey("b.example", ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		k     int
		vkeys []string
	}{
		"none": {0, []string{a.vkey}}, "no keys": {1, nil}, "more than there are": {2, []string{a.vkey}}, "less than none": {-1, []string{a.vkey}},
		"twice": {1, []string{a.vkey, a.vkey}}, "two names, one key": {2, []string{a.vkey, renamed}},
		"no key": {1, []string{"a.example"}}, "a cut key": {1, []string{a.vkey[:len(a.vkey)-1]}}, "a longer key": {1, []string{a.vkey + "A"}},
		"another hash": {1, []string{strings.Replace(a.vkey, "+", "+0", 1)}}, "another name": {1, []string{"x" + a.vkey}}, "empty": {1, []string{""}},
	} {
		if _, err := setlog.NewWitnesses(c.k, c.vkeys); !errors.Is(err, setlog.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", strings.Repeat("a", 256)} {
		if _, err := setlog.CosignerVKey(name, make([]byte, 32)); !errors.Is(err, setlog.ErrKey) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
