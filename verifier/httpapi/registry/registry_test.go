package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/memory"
)

func open(t *testing.T, k registry.Keeper) *registry.Registry {
	t.Helper()
	r, err := registry.Open(t.Context(), registry.Config{Keeper: k})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func forum(edit func(*registry.AppParams)) registry.AppParams {
	p := registry.AppParams{Name: "Forum", RP: "forum.example", Environment: "live", Actions: map[string]string{"post": "5/day", "vote": "snapshot:7:once"}}
	if edit != nil {
		edit(&p)
	}
	return p
}

func TestWhatAnAppMustBe(t *testing.T) {
	r := open(t, memory.New())
	for name, edit := range map[string]func(*registry.AppParams){
		"no name":           func(p *registry.AppParams) { p.Name = "" },
		"a control":         func(p *registry.AppParams) { p.Name = "a\nb" },
		"no rp":             func(p *registry.AppParams) { p.RP = "" },
		"an rp with scheme": func(p *registry.AppParams) { p.RP = "https://forum.example" },
		"no environment":    func(p *registry.AppParams) { p.Environment = "" },
		"an environment":    func(p *registry.AppParams) { p.Environment = "LIVE" },
		"a foreign origin":  func(p *registry.AppParams) { p.Origins = []string{"https://evil.example"} },
		"an origin twice":   func(p *registry.AppParams) { p.Origins = []string{"https://forum.example", "https://forum.example"} },
		"plain http":        func(p *registry.AppParams) { p.Origins = []string{"http://forum.example"} },
		"no actions":        func(p *registry.AppParams) { p.Actions = nil },
		"a bad action":      func(p *registry.AppParams) { p.Actions = map[string]string{"P O": "once"} },
		"a bad policy":      func(p *registry.AppParams) { p.Actions = map[string]string{"post": "often"} },
		"a cap of 0":        func(p *registry.AppParams) { p.Actions = map[string]string{"post": "0/day"} },
	} {
		if _, err := r.CreateApp(t.Context(), forum(edit)); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.View().Apps); n != 0 {
		t.Errorf("%d apps", n)
	}
}

// A policy does not move under a live action, whoever asks.
func TestPoliciesStay(t *testing.T) {
	r := open(t, memory.New())
	app, err := r.CreateApp(t.Context(), forum(nil))
	if err != nil {
		t.Fatal(err)
	}
	change := func(name, policy string) error {
		_, err := r.ChangeApp(t.Context(), app.ID, registry.AppChange{Actions: map[string]string{"post": "5/day", "vote": "snapshot:7:once", name: policy}})
		return err
	}
	for policy, want := range map[string]error{"5/1h": registry.ErrConflict, "once": registry.ErrConflict, "returning": registry.ErrConflict, "snapshot:9:5/day": registry.ErrConflict, "x": registry.ErrInvalid} {
		if err := change("post", policy); !errors.Is(err, want) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	if err := change("post", "7/day"); err != nil {
		t.Error(err)
	}
	if err := change("comment", "20/1h"); err != nil {
		t.Error(err)
	}
	other := forum(func(p *registry.AppParams) { p.Actions = map[string]string{"post": "once"} })
	if _, err := r.CreateApp(t.Context(), other); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("another app of the same site: %v", err)
	}
	other.Environment = "test"
	if _, err := r.CreateApp(t.Context(), other); err != nil {
		t.Errorf("another environment: %v", err)
	}
	if _, _, err := r.CreateSite(t.Context(), app.ID, "comment", nil); !errors.Is(err, nil) {
		t.Error(err)
	}
	if _, err := r.ChangeApp(t.Context(), app.ID, registry.AppChange{Actions: map[string]string{"post": "7/day"}}); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("the action of a site is dropped: %v", err)
	}
}

// Operators at several machines change the document at once: nothing is lost.
func TestNobodyIsUndone(t *testing.T) {
	store := memory.New()
	first := open(t, store)
	app, err := first.CreateApp(t.Context(), forum(nil))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		r := open(t, store)
		all.Go(func() {
			for range 3 {
				for {
					_, _, err := r.CreateKey(context.Background(), app.ID)
					if err == nil {
						break
					}
					if !errors.Is(err, registry.ErrContend) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	if err := first.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := first.View().App(app.ID); len(now.Keys) != 12 {
		t.Errorf("%d keys of 12", len(now.Keys))
	}
}

// broken is a store that fails, or that never lets a swap through.
type broken struct {
	*memory.Store
	err  error
	busy bool
}

func (b *broken) LoadState(ctx context.Context, name string) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Store.LoadState(ctx, name)
}

func (b *broken) SwapState(ctx context.Context, name string, old, state []byte) (bool, error) {
	if b.busy {
		return false, nil
	}
	return b.Store.SwapState(ctx, name, old, state)
}

func TestTrouble(t *testing.T) {
	b := &broken{Store: memory.New()}
	r := open(t, b)
	app, err := r.CreateApp(t.Context(), forum(nil))
	if err != nil {
		t.Fatal(err)
	}
	b.busy = true
	if _, _, err := r.CreateKey(t.Context(), app.ID); !errors.Is(err, registry.ErrContend) {
		t.Error(err)
	}
	b.busy, b.err = false, errors.New("silence")
	if err := r.Refresh(t.Context()); !errors.Is(err, b.err) {
		t.Error(err)
	}
	if _, ok := r.View().App(app.ID); !ok {
		t.Error("a store that is away takes the apps along")
	}
	b.err = nil
	if err := b.SaveState(t.Context(), registry.StateName, []byte(`{"format":2}`)); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
	if _, _, err := r.CreateKey(t.Context(), app.ID); err == nil {
		t.Error("a document of a newer program is overwritten")
	}
}

func TestHooks(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r, err := registry.Open(t.Context(), registry.Config{Keeper: memory.New(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	app, err := r.CreateApp(t.Context(), forum(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "ftp://x.example", "https://", "https://user:pass@x.example", "https://x.example/#f", "//x.example", "javascript:1"} {
		if _, _, err := r.CreateHook(t.Context(), app.ID, url, nil); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, _, err := r.CreateHook(t.Context(), app.ID, "https://x.example/hook", []string{"everything"}); !errors.Is(err, registry.ErrInvalid) {
		t.Error(err)
	}
	first, hook, err := r.CreateHook(t.Context(), app.ID, "https://x.example/hook", []string{registry.EventCompleted})
	if err != nil || !strings.HasPrefix(first, "whsec_") {
		t.Fatal(err, first)
	}
	second, err := r.RotateHook(t.Context(), app.ID, hook.ID, time.Hour)
	if err != nil || second == first {
		t.Fatal(err)
	}
	active := func() (n int) {
		a, _ := r.View().App(app.ID)
		for _, s := range a.Hooks[0].Secrets {
			if s.Active(now) {
				n++
			}
		}
		return n
	}
	if active() != 2 {
		t.Errorf("%d secrets in the overlap", active())
	}
	if now = now.Add(time.Hour); active() != 1 {
		t.Errorf("%d secrets after it", active())
	}
	if err := r.RemoveHook(t.Context(), app.ID, hook.ID); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		r.RemoveHook(t.Context(), app.ID, hook.ID), r.RemoveHook(t.Context(), "app_x", hook.ID), r.RemoveSite(t.Context(), app.ID, "x"),
		r.RevokeKey(t.Context(), app.ID, "x"), r.RemoveApp(t.Context(), "app_x"),
	} {
		if !errors.Is(err, registry.ErrNotFound) {
			t.Error(err)
		}
	}
	if _, _, err := r.RotateKey(t.Context(), app.ID, -time.Second); !errors.Is(err, registry.ErrInvalid) {
		t.Error(err)
	}
	if _, _, err := r.RotateKey(t.Context(), app.ID, registry.MaxOverlap+1); !errors.Is(err, registry.ErrInvalid) {
		t.Error(err)
	}
}

// Keys that came with the command line are known by their hash too.
func TestImportKey(t *testing.T) {
	store := memory.New()
	r := open(t, store)
	app, err := r.CreateApp(t.Context(), forum(nil))
	if err != nil {
		t.Fatal(err)
	}
	key, err := registry.NewKey(strings.NewReader(strings.Repeat("k", 32)), registry.LiveKey)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.ImportKey(t.Context(), app.ID, key); err != nil {
			t.Fatal(err)
		}
	}
	now, _ := r.View().App(app.ID)
	if len(now.Keys) != 1 {
		t.Errorf("%d keys", len(now.Keys))
	}
	if err := r.ImportKey(t.Context(), app.ID, "phk_test_"+key[len("phk_live_"):]); !errors.Is(err, registry.ErrInvalid) {
		t.Error(err)
	}
	raw, err := store.LoadState(t.Context(), registry.StateName)
	if err != nil || strings.Contains(string(raw), key[9:]) || !json.Valid(raw) {
		t.Errorf("%v %s", err, raw)
	}
}
