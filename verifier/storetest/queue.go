package storetest

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

func swaps(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	keeper, ok := store.(verifier.StateKeeper)
	if !ok {
		t.Log("this store keeps no states: there is nothing to test")
		return
	}
	for i, c := range []struct {
		old, state []byte
		want       bool
	}{
		{[]byte{}, []byte("a"), false}, // an empty state was never saved
		{[]byte("a"), []byte("a"), false},
		{nil, []byte{}, true},
		{nil, []byte("a"), false},
		{[]byte{}, []byte("a\x00"), true},
		{[]byte{}, []byte("b"), false},
		{[]byte("a"), []byte("b"), false},
		{[]byte("a\x00"), nil, true},
		{[]byte{}, []byte("b"), true},
	} {
		if got, err := keeper.SwapState(ctx, "n", c.old, c.state); err != nil || got != c.want {
			t.Fatalf("step %d: %v %v", i, got, err)
		}
	}
	if got, err := keeper.LoadState(ctx, "n"); err != nil || string(got) != "b" {
		t.Fatalf("%q %v", got, err)
	}
	// Everybody adds one; nothing is lost.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				for {
					have, err := keeper.LoadState(ctx, "counter")
					if err != nil {
						t.Error(err)
						return
					}
					n, _ := strconv.Atoi(string(have)) // none yet is zero
					ok, err := keeper.SwapState(ctx, "counter", have, []byte(strconv.Itoa(n+1)))
					if err != nil {
						t.Error(err)
						return
					}
					if ok {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if got, err := keeper.LoadState(ctx, "counter"); err != nil || string(got) != "40" {
		t.Fatalf("the counter is at %s, %v", got, err)
	}
}

func event(name string) *verifier.Event {
	return &verifier.Event{ID: name, Body: []byte("body of " + name), Created: epoch}
}

func outbox(t *testing.T, s Store) (verifier.Store, verifier.Outbox) {
	store := open(t, s)
	box, ok := store.(verifier.Outbox)
	if !ok {
		t.Log("this store is no outbox: there is nothing to test")
	}
	return store, box
}

// claimAll claims until there is nothing to claim.
func claimAll(t *testing.T, box verifier.Outbox, at time.Time) map[string]verifier.Event {
	t.Helper()
	got := map[string]verifier.Event{}
	for {
		some, err := box.Claim(t.Context(), at, time.Minute, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return got
		}
		if len(some) > 3 {
			t.Fatalf("%d events where 3 were asked for", len(some))
		}
		for _, e := range some {
			if _, twice := got[e.ID]; twice {
				t.Fatalf("%s was claimed twice", e.ID)
			}
			got[e.ID] = e
		}
	}
}

func events(t *testing.T, s Store) {
	store, box := outbox(t, s)
	if box == nil {
		return
	}
	want := map[string]bool{}
	do := func(name string, a verifier.Act, result verifier.Result, told bool) {
		t.Helper()
		a.Event = event(name)
		expect(t, store, a, result)
		want[name] = told
	}
	first := with(NewAct(1, 1), func(a *verifier.Act) { a.Credential, a.Key = "app", "k" })
	do("first", first, verifier.Accepted, true)
	do("a repeat", first, verifier.Accepted, false)
	do("nonce used", with(first, func(a *verifier.Act) { a.Key = "" }), verifier.NonceUsed, false)
	do("key conflict", with(NewAct(1, 2), func(a *verifier.Act) { a.Credential, a.Key = "app", "k" }), verifier.KeyConflict, false)
	do("nullifier used", with(first, func(a *verifier.Act) { a.Nonce, a.Key = NewAct(2, 1).Nonce, "" }), verifier.NullifierUsed, false)
	visitor := with(NewAct(3, 1), func(a *verifier.Act) { a.Returning = true })
	do("first visit", visitor, verifier.Accepted, true)
	do("second visit", with(visitor, func(a *verifier.Act) { a.Nonce, a.Credential, a.Key = NewAct(4, 1).Nonce, "app", "v" }), verifier.Accepted, true)
	do("second visit again", with(visitor, func(a *verifier.Act) { a.Nonce, a.Credential, a.Key = NewAct(4, 1).Nonce, "app", "v" }), verifier.Accepted, false)
	for i := range 10 {
		do("bulk "+strconv.Itoa(i), NewAct(5, uint64(i)), verifier.Accepted, true)
	}

	tooLong := NewAct(6, 1)
	tooLong.Event = &verifier.Event{ID: "long", Body: make([]byte, verifier.MaxEvent+1)}
	_, err := store.Spend(t.Context(), tooLong)
	wantIs(t, err, verifier.ErrUnavailable)
	wantIs(t, box.Post(t.Context(), verifier.Event{}), verifier.ErrUnavailable)
	expect(t, store, NewAct(6, 1), verifier.Accepted) // it had left nothing behind

	if s.Reopen != nil {
		store = s.Reopen(t, store)
		box = store.(verifier.Outbox)
		defer store.Close()
	}
	if early := claimAll(t, box, epoch.Add(-time.Millisecond)); len(early) != 0 {
		t.Fatalf("%d events before they are due", len(early))
	}
	got := claimAll(t, box, epoch)
	for name, told := range want {
		e, there := got[name]
		if there != told {
			t.Errorf("%s: in the queue: %v", name, there)
		}
		if there && (!bytes.Equal(e.Body, event(name).Body) || !e.Created.Equal(epoch) || e.Attempts != 1 || !e.Next.Equal(epoch.Add(time.Minute))) {
			t.Errorf("%+v", e)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("unasked for: %v", got)
	}
}

// eventsOfCrowd spends so much at once that stores write acts together: each
// accepted act has its event in the queue, each rival that came second has none.
func eventsOfCrowd(t *testing.T, s Store) {
	store, box := outbox(t, s)
	if box == nil {
		return
	}
	const people, rivals = 192, 2
	accepted := make([]string, people*rivals)
	var all sync.WaitGroup
	for i := range people * rivals {
		all.Go(func() {
			a := NewAct(7, uint64(i%people))
			a.Nonce, a.Event = NewAct(8, uint64(i)).Nonce, event("crowd "+strconv.Itoa(i))
			out, err := store.Spend(context.Background(), a)
			switch {
			case err != nil:
				t.Errorf("Spend: %v", err)
			case out.Result == verifier.Accepted:
				accepted[i] = a.Event.ID
			case out.Result != verifier.NullifierUsed:
				t.Errorf("Spend: %s", out.Result)
			}
		})
	}
	all.Wait()
	got, told := claimAll(t, box, epoch), 0
	for i, id := range accepted {
		if id != "" {
			told++
		}
		if _, there := got["crowd "+strconv.Itoa(i)]; there != (id != "") {
			t.Errorf("crowd %d: accepted %v, in the queue %v", i, id != "", there)
		}
	}
	if told != people || len(got) != people {
		t.Errorf("%d accepted and %d events for %d people", told, len(got), people)
	}
}

func claims(t *testing.T, s Store) {
	store, box := outbox(t, s)
	if box == nil {
		return
	}
	ctx := t.Context()
	post := func(e *verifier.Event) {
		t.Helper()
		if err := box.Post(ctx, *e); err != nil {
			t.Fatal(err)
		}
	}
	late := event("late")
	late.Next = epoch.Add(time.Hour)
	empty := event("empty")
	empty.Body = nil
	for _, e := range []*verifier.Event{event("x"), event("x"), late, empty} {
		post(e)
	}
	if got := claimAll(t, box, epoch); len(got) != 2 || got["x"].Attempts != 1 || len(got["empty"].Body) != 0 {
		t.Fatalf("%+v", got)
	}
	if got := claimAll(t, box, epoch.Add(59*time.Second)); len(got) != 0 {
		t.Fatalf("held events were given away: %+v", got)
	}
	if err := box.Settle(ctx, "x", false, epoch.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := claimAll(t, box, epoch.Add(90*time.Second)); len(got) != 1 || got["empty"].Attempts != 2 { // its lease ran out
		t.Fatalf("%+v", got)
	}
	if got := claimAll(t, box, epoch.Add(2*time.Minute)); len(got) != 1 || got["x"].Attempts != 2 {
		t.Fatalf("%+v", got)
	}
	for _, id := range []string{"x", "empty", "x", "unknown"} {
		if err := box.Settle(ctx, id, true, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := claimAll(t, box, epoch.Add(24*time.Hour)); len(got) != 1 || got["late"].Attempts != 1 {
		t.Fatalf("%+v", got)
	}

	// Many claimers at once: each event is held by one of them.
	const all = 60
	for i := range all {
		post(event("race " + strconv.Itoa(i)))
	}
	var held sync.Map
	var n atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				some, err := box.Claim(context.Background(), epoch, time.Hour, 4)
				if err != nil {
					t.Error(err)
				}
				if err != nil || len(some) == 0 {
					return
				}
				for _, e := range some {
					if _, twice := held.LoadOrStore(e.ID, true); twice {
						t.Errorf("%s is held twice", e.ID)
					}
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n.Load() != all {
		t.Errorf("%d of %d events were claimed", n.Load(), all)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := box.Claim(context.Background(), epoch, time.Hour, 4)
	wantIs(t, err, verifier.ErrClosed)
	wantIs(t, box.Post(context.Background(), *event("y")), verifier.ErrClosed)
	wantIs(t, box.Settle(context.Background(), "y", true, epoch), verifier.ErrClosed)
}
