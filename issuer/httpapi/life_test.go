package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

func post[T any](t testing.TB, s *site, path string, body any, want int) (out T) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w := s.ask("POST", path, string(raw))
	if w.Code != want || json.Unmarshal(w.Body.Bytes(), &out) != nil {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return out
}

func get[T any](t testing.TB, s *site, path string) (out T) {
	t.Helper()
	w := s.ask("GET", path, "")
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &out) != nil {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return out
}

// Recovery, veto and deletion over HTTP, each sent twice.
func TestLifeOverHTTP(t *testing.T) {
	s := newSite(t)
	alice, bob := testkit.NewPerson(1), testkit.NewPerson(2)
	for _, p := range []*testkit.Person{alice, bob} {
		if w := s.ask("POST", "/v1/enrolments", s.request(t, p)); w.Code != http.StatusCreated {
			t.Fatal(w.Body)
		}
	}
	if _, err := s.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	info := get[api.IssuerInfo](t, s, "/.well-known/perhuman-issuer.json")
	if info.RekeyPeriod != 86400 || info.Cooldown != 7*86400 || info.ReentryDelay != 30*86400 {
		t.Errorf("%+v", info)
	}

	req := s.Recovery(t, s.i, alice.Again(9))
	r := post[api.Recovery](t, s, "/v1/recoveries", req, http.StatusCreated)
	if again := post[api.Recovery](t, s, "/v1/recoveries", req, http.StatusOK); again.ID != r.ID || r.Status != api.RecoveryAnnounced {
		t.Errorf("%+v, %+v", r, again)
	}
	if got := get[api.Recovery](t, s, "/v1/recoveries/"+r.ID); got.VetoUntil != r.AnnouncedAt+7*86400 {
		t.Errorf("%+v", got)
	}
	if w := s.ask("GET", "/v1/enrolments/"+r.ID, ""); w.Code != http.StatusNotFound {
		t.Errorf("a recovery is shown as an enrolment: %d", w.Code)
	}
	byNumber := "/v1/recoveries/" + strconv.FormatUint(*r.Announcement, 10)
	if got := get[api.Recovery](t, s, byNumber); got.VetoUntil != r.AnnouncedAt+7*86400 || got.ID != "" || got.Receipt != "" {
		t.Errorf("by the announcement's number: %+v", got)
	}
	path := byNumber + "/veto"
	for range 2 {
		v := post[api.Recovery](t, s, path, testkit.Veto(t, alice.ID, *r.Announcement), http.StatusOK)
		if v.Code != api.RecoveryVetoed || v.ID != "" || v.Receipt == "" {
			t.Errorf("%+v", v)
		}
	}
	if got := get[api.Recovery](t, s, byNumber); got.Status != api.RecoveryEnded || got.Code != api.RecoveryVetoed {
		t.Errorf("after the veto: %+v", got)
	}
	if p := problemOf(t, s.ask("POST", path, `{"public_key":["1"],"signature":""}`)); p.Code != api.MalformedRequest {
		t.Error(p.Code)
	}
	if p := problemOf(t, s.ask("POST", path, `{"session":"","public_key":["1","2"],"signature":""}`)); p.Code != api.MalformedRequest {
		t.Errorf("a veto with a session: %s", p.Code)
	}

	del := testkit.Deletion(t, s.i, bob.ID)
	d := post[api.Deletion](t, s, "/v1/deletions", del, http.StatusCreated)
	if again := post[api.Deletion](t, s, "/v1/deletions", del, http.StatusOK); again.ID != d.ID || again.Receipt != d.Receipt || d.Status != api.DeletionRemoved {
		t.Errorf("%+v, %+v", d, again)
	}
	if p := problemOf(t, s.ask("POST", "/v1/enrolments", s.request(t, bob))); p.Code != api.CooldownActive {
		t.Error(p.Code)
	}
	if p := problemOf(t, s.ask("POST", "/v1/deletions", marshal(t, testkit.Deletion(t, s.i, bob.ID)))); p.Code != api.NotEnrolled || p.Status != http.StatusConflict {
		t.Errorf("%+v", p)
	}
	s.Clock.Move(31 * 24 * time.Hour)
	if err := s.i.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := get[api.Deletion](t, s, "/v1/deletions/"+d.ID); got.Status != api.DeletionDestroyed || got.Tombstone == "" || got.DestroyedAt < d.ReentryAt {
		t.Errorf("%+v", got)
	}
	if w := s.ask("POST", "/v1/enrolments", s.request(t, bob)); w.Code != http.StatusCreated {
		t.Errorf("return after the delay: %s", w.Body)
	}
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
