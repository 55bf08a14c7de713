package wallet

import (
	"context"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
)

func TestSmoke(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, err := testset.New("issuer.example/people", "a")
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Config{Issuer: s.VKey, Source: s, Store: NewMemory(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	key[0] = 7
	if err := w.Unlock(key); err != nil {
		t.Fatal(err)
	}
	if err := s.Enrol(testset.Crowd(300)...); err != nil {
		t.Fatal(err)
	}
	if err := s.Enrol(w.owner); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(now); err != nil {
		t.Fatal(err)
	}
	st, err := w.Sync(context.Background())
	t.Log(st, err)
}
