package httpapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/httpapi/webhook"
	"github.com/perhuman/perhuman/verifier/memory"
)

// An acceptance leaves exactly one event, written with the spend; a repeat, a
// second use and another app leave none.
func TestEventsOfDecisions(t *testing.T) {
	var reg *registry.Registry
	var outbox *memory.Store
	s, reg := newMany(t, func(o *Options) {
		reg = o.Registry
		outbox = memory.New()
		hooks, err := webhook.New(webhook.Config{Outbox: outbox, App: func(id string) (registry.App, bool) { return reg.View().App(id) }, Now: o.Now})
		if err != nil {
			t.Fatal(err)
		}
		o.Events = hooks
	})
	spends := s.store.Store.(*memory.Store)
	app := must(reg.CreateApp(t.Context(), forum))
	var err error
	if s.key, _, err = reg.CreateKey(t.Context(), app.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := reg.CreateHook(t.Context(), app.ID, "https://hooks.example/x", registry.Events); err != nil {
		t.Fatal(err)
	}
	due := func(q *memory.Store) (out []webhook.Payload) {
		t.Helper()
		for _, e := range must(q.Claim(t.Context(), s.clock(), time.Nanosecond, 100)) {
			var env struct {
				App  string          `json:"app"`
				Body webhook.Payload `json:"body"`
			}
			if err := json.Unmarshal(e.Body, &env); err != nil || env.App != app.ID {
				t.Errorf("%v %s", err, e.Body)
			}
			out = append(out, env.Body)
			if err := q.Settle(t.Context(), e.ID, true, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	req := s.request(1, "vote", scope.Once(), s.challenge("vote"))
	first := s.want(s.verify(req, "k"), api.OK)
	got := due(spends)
	if len(got) != 1 || got[0].Type != registry.EventCompleted || got[0].Data.Verdict.VerificationID != first.VerificationID || got[0].Data.Verdict.Nullifier != first.Nullifier {
		t.Fatalf("%+v", got)
	}
	s.want(s.verify(req, "k"), api.OK)
	if n := len(due(spends)); n != 0 {
		t.Errorf("a repeat leaves %d events", n)
	}
	again := s.request(1, "vote", scope.Once(), s.challenge("vote"))
	s.want(s.verify(again, ""), api.NullifierAlreadyUsed)
	if n := len(due(spends)); n != 0 {
		t.Errorf("a refusal leaves %d events with the spends", n)
	}
	if got := due(outbox); len(got) != 1 || got[0].Type != registry.EventRefused || got[0].Data.Verdict.Code != api.NullifierAlreadyUsed {
		t.Errorf("%+v", got)
	}
	s.store.mood = verifier.ErrInDoubt
	s.want(s.verify(s.request(2, "vote", scope.Once(), s.challenge("vote")), ""), api.InDoubt)
	if n := len(due(spends)) + len(due(outbox)); n != 0 {
		t.Errorf("what is in doubt leaves %d events", n)
	}
}
