package storetest

import (
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

func firstAndSecond(t *testing.T, s Store) {
	store := open(t, s)
	a := NewAct(1, 1)
	if got := expect(t, store, a, verifier.Accepted); got.Replayed || got.Returned || !got.FirstSeen.Equal(epoch) {
		t.Fatalf("%+v", got)
	}
	expect(t, store, a, verifier.NonceUsed) // no key, no repeat
	other := with(a, func(a *verifier.Act) {
		a.Nonce, a.Message, a.Now = NewAct(2, 1).Nonce, NewAct(2, 1).Message, epoch.Add(time.Minute)
	})
	if got := expect(t, store, other, verifier.NullifierUsed); got.SameMessage || !got.FirstSeen.Equal(epoch) {
		t.Fatalf("%+v", got)
	}
	twin := with(other, func(b *verifier.Act) { b.Nonce, b.Message = NewAct(2, 2).Nonce, a.Message })
	if got := expect(t, store, twin, verifier.NullifierUsed); !got.SameMessage {
		t.Fatalf("%+v", got)
	}
	expect(t, store, other, verifier.NonceUsed) // a refused nullifier has cost its challenge
}

func keyParts(t *testing.T, s Store) {
	store := open(t, s)
	a, b := NewAct(1, 1), NewAct(2, 2)
	expect(t, store, a, verifier.Accepted)
	for name, change := range map[string]func(*verifier.Act){
		"environment": func(a *verifier.Act) { a.Environment = "test" },
		"scope":       func(a *verifier.Act) { a.Scope, a.Nonce = b.Scope, NewAct(3, 1).Nonce },
		"nullifier":   func(a *verifier.Act) { a.Nullifier, a.Nonce = b.Nullifier, NewAct(3, 2).Nonce },
	} {
		t.Log(name)
		expect(t, store, with(a, change), verifier.Accepted)
	}
	// A single bit makes another nullifier, wherever it is.
	for bit := range 256 {
		n := NewAct(4, uint64(bit))
		n.Scope, n.Nullifier = a.Scope, a.Nullifier
		n.Nullifier[bit/8] ^= 1 << (bit % 8)
		expect(t, store, n, verifier.Accepted)
	}
}

func returning(t *testing.T, s Store) {
	store := open(t, s)
	a := with(NewAct(1, 1), func(a *verifier.Act) { a.Returning = true })
	if got := expect(t, store, a, verifier.Accepted); got.Returned {
		t.Fatal("a first visit is no return")
	}
	expect(t, store, a, verifier.NonceUsed) // a replay is not a visit
	for i := range 3 {
		again := with(a, func(a *verifier.Act) {
			a.Nonce, a.Now, a.Key, a.Credential = NewAct(2, uint64(i)).Nonce, epoch.Add(time.Hour), "visit "+string(rune('a'+i)), "app"
			a.Record = []byte{byte(i)}
		})
		if got := expect(t, store, again, verifier.Accepted); !got.Returned || got.Replayed || !got.FirstSeen.Equal(epoch) {
			t.Fatalf("%+v", got)
		}
		if got := expect(t, store, again, verifier.Accepted); !got.Returned || !got.Replayed || string(got.Record) != string(again.Record) {
			t.Fatalf("repeat: %+v", got)
		}
	}
}

func idempotency(t *testing.T, s Store) {
	store := open(t, s)
	a := with(NewAct(1, 1), func(a *verifier.Act) { a.Credential, a.Key, a.Record = "app", "k1", []byte("first") })
	if got := expect(t, store, a, verifier.Accepted); got.Replayed || got.Record != nil {
		t.Fatalf("%+v", got)
	}
	later := with(a, func(a *verifier.Act) { a.Now, a.Record = epoch.Add(time.Hour), []byte("second") })
	for range 3 {
		if got := expect(t, store, later, verifier.Accepted); !got.Replayed || string(got.Record) != "first" || !got.FirstSeen.Equal(epoch) {
			t.Fatalf("%+v", got)
		}
	}
	b := NewAct(2, 1)
	for name, c := range map[string]struct {
		change func(*verifier.Act)
		want   verifier.Result
	}{
		"other nonce":      {func(a *verifier.Act) { a.Nonce = b.Nonce }, verifier.KeyConflict},
		"other nullifier":  {func(a *verifier.Act) { a.Nullifier = b.Nullifier }, verifier.KeyConflict},
		"other scope":      {func(a *verifier.Act) { a.Scope = b.Scope }, verifier.KeyConflict},
		"other message":    {func(a *verifier.Act) { a.Message = b.Message }, verifier.KeyConflict},
		"all other":        {func(a *verifier.Act) { *a = b; a.Credential, a.Key = "app", "k1" }, verifier.KeyConflict},
		"other key":        {func(a *verifier.Act) { a.Key = "k2" }, verifier.NonceUsed},
		"no key":           {func(a *verifier.Act) { a.Key = "" }, verifier.NonceUsed},
		"other credential": {func(a *verifier.Act) { a.Credential = "other app" }, verifier.NonceUsed},
	} {
		t.Log(name)
		expect(t, store, with(a, c.change), c.want)
	}
	// The same key of another caller, or in another environment, is another key.
	expect(t, store, with(b, func(a *verifier.Act) { a.Credential, a.Key = "other app", "k1" }), verifier.Accepted)
	expect(t, store, with(NewAct(3, 1), func(a *verifier.Act) { a.Environment, a.Credential, a.Key = "test", "app", "k1" }), verifier.Accepted)
	expect(t, store, later, verifier.Accepted) // nothing above has disturbed the first
}

func refusalRepeats(t *testing.T, s Store) {
	store := open(t, s)
	first := NewAct(1, 1)
	expect(t, store, first, verifier.Accepted)
	second := with(first, func(a *verifier.Act) { a.Nonce, a.Credential, a.Key = NewAct(2, 1).Nonce, "app", "k" })
	expect(t, store, second, verifier.NullifierUsed)
	if got := expect(t, store, second, verifier.NullifierUsed); !got.Replayed {
		t.Fatalf("%+v", got)
	}
}

func sweep(t *testing.T, s Store) {
	store := open(t, s)
	forever := NewAct(1, 1)
	closing := with(NewAct(1, 2), func(a *verifier.Act) { a.Closes = epoch.Add(24 * time.Hour) })
	kept := with(NewAct(1, 3), func(a *verifier.Act) { a.Expires, a.Key = epoch.Add(72*time.Hour), "k" })
	for _, a := range []verifier.Act{forever, closing, kept} {
		expect(t, store, a, verifier.Accepted)
	}
	sweepAll := func(at time.Time) (n int) {
		for {
			m, err := store.Sweep(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			if n += m; m == 0 {
				return n
			}
		}
	}
	if n := sweepAll(epoch); n != 0 {
		t.Fatalf("%d rows went before their time", n)
	}
	if n := sweepAll(epoch.Add(24*time.Hour + verifier.SweepGrace)); n != 2 { // two nonces: the scope closed only just now
		t.Fatalf("%d rows went", n)
	}
	expect(t, store, with(closing, func(a *verifier.Act) { a.Nonce = NewAct(2, 2).Nonce }), verifier.NullifierUsed)
	if n := sweepAll(epoch.Add(48 * time.Hour)); n != 2 { // the nonce of that refusal, and the nullifier
		t.Fatalf("%d rows went", n)
	}
	expect(t, store, forever, verifier.NullifierUsed)
	expect(t, store, closing, verifier.Accepted)
	expect(t, store, with(kept, func(a *verifier.Act) { a.Key = "" }), verifier.NonceUsed)
	if got := expect(t, store, kept, verifier.Accepted); !got.Replayed {
		t.Fatalf("%+v", got)
	}
}
