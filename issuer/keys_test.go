package issuer_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A key is changed with an overlap: followers of the old key and of the new one
// take the same heads until the old one is dropped.
func TestKeyOverlap(t *testing.T) {
	w := testkit.NewWorld(t, 5)
	path := filepath.Join(t.TempDir(), "issuer.db")
	next, nextV, err := setlog.GenerateKey(rand.Reader, testkit.Name)
	if err != nil {
		t.Fatal(err)
	}
	open := func(signer string, retiring ...string) (*issuer.Issuer, func(), error) {
		store, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		cfg := w.Config(store, w.Matcher())
		cfg.Signer, cfg.Retiring = signer, retiring
		i, err := issuer.New(t.Context(), cfg)
		return i, func() {
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
		}, err
	}
	followers := map[string]*setlog.Follower{}
	for _, vkey := range []string{w.VKey, nextV} {
		f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: vkey})
		if err != nil {
			t.Fatal(err)
		}
		followers[vkey] = f
	}
	update := func(i *issuer.Issuer, vkey string) error {
		head, err := i.Head()
		if err != nil {
			t.Fatal(err)
		}
		return followers[vkey].Update(head.Note, w.Clock.Now(), func(path string) ([]byte, error) {
			tile, err := setlog.ParseTilePath(path)
			if err != nil {
				return nil, err
			}
			return i.Tile(t.Context(), tile)
		})
	}
	enrol := func(i *issuer.Issuer, n uint64) {
		w.Clock.Move(2e9)
		r, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(n)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		raw, err := scope.DecodeToken(r.Enrolment.Receipt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.VerifyReceipt(raw, i.Keys()[0]); err != nil {
			t.Error("receipt:", err)
		}
	}

	i, closeIt, err := open(w.Signer)
	if err != nil {
		t.Fatal(err)
	}
	enrol(i, 1)
	if err := update(i, w.VKey); err != nil {
		t.Error(err)
	}
	if err := update(i, nextV); !errors.Is(err, setlog.ErrSignature) {
		t.Error("before the change:", err)
	}
	closeIt()

	if _, closeIt, err := open(next); !errors.Is(err, issuer.ErrWrongKey) {
		t.Error("a new key out of nowhere:", err)
	} else {
		closeIt()
	}
	for round := range uint64(2) { // a restart inside the overlap changes nothing
		if i, closeIt, err = open(next, w.Signer); err != nil {
			t.Fatal(err)
		}
		enrol(i, 2+round)
		for vkey := range followers {
			if err := update(i, vkey); err != nil {
				t.Errorf("in the overlap, %s: %v", vkey, err)
			}
		}
		closeIt()
	}
	var info api.IssuerInfo
	if err := json.Unmarshal(i.Document(), &info); err != nil || info.VKey != nextV || !slices.Equal(info.VKeys, []string{nextV, w.VKey}) || !info.Signs(w.VKey) {
		t.Errorf("%v %s", err, i.Document())
	}

	if _, closeIt, err := open(w.Signer); !errors.Is(err, issuer.ErrWrongKey) {
		t.Error("back to the old key:", err)
	} else {
		closeIt()
	}
	if i, closeIt, err = open(next); err != nil {
		t.Fatal(err)
	}
	enrol(i, 9)
	if err := update(i, nextV); err != nil {
		t.Error(err)
	}
	if err := update(i, w.VKey); !errors.Is(err, setlog.ErrSignature) {
		t.Error("after the overlap:", err)
	}
	if len(i.Info().VKeys) != 0 {
		t.Error(i.Info().VKeys)
	}
	closeIt()
	if _, closeIt, err := open(next, next); err == nil {
		t.Error("one key twice")
	} else {
		closeIt()
	}
}
