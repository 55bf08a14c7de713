package httpapi

import (
	"net/url"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// Bad proofs halve what an app may have inside, down to a floor; good ones give
// it back one by one; other refusals say nothing about the app.
func TestAdmission(t *testing.T) {
	var a admission
	room := func() int {
		t.Helper()
		n := 0
		for a.enter() == nil {
			n++
		}
		if err := a.enter(); api.CodeOf(err) != api.Overloaded {
			t.Fatalf("a full house: %v", err)
		}
		for range n {
			a.leave()
		}
		return n
	}
	if n := room(); n != mostInside {
		t.Fatalf("%d inside at first", n)
	}
	for _, step := range []struct {
		code  api.Code
		times int
		want  int
	}{
		{api.ProofInvalid, 1, mostInside / 2}, {api.ProofInvalid, 2, mostInside / 8}, {api.ProofInvalid, 20, leastInside},
		{api.NullifierAlreadyUsed, 50, leastInside}, {api.OK, 4, leastInside + 4}, {api.OK, 5000, mostInside},
	} {
		for range step.times {
			a.judge(step.code)
		}
		if n := room(); n != step.want {
			t.Errorf("after %d of %s: %d, want %d", step.times, step.code, n, step.want)
		}
	}
}

// The route that others' clients call stands behind the same door: its bad
// proofs make fewer of the app's requests welcome, and a full house answers
// overloaded with a time to come back.
func TestSiteverifyAdmission(t *testing.T) {
	s, _, _, secret, _ := newSite(t)
	a, _ := s.srv.findSite(secret)
	ask := func(response string) siteReply {
		return s.site("/siteverify", url.Values{"secret": {secret}, "response": {response}}, false)
	}
	for range 2 {
		packed, challenge, _ := strings.Cut(s.response(5, "vote", s.formChallenge("vote", origin)), ".")
		proof := must(semaphore.ParsePacked(packed))
		proof.Points[0], proof.Points[1] = proof.Points[6], proof.Points[7] // on the curve, another proof's
		if r := ask(must(proof.Packed()) + "." + challenge); r.Perhuman == nil || r.Perhuman.Code != api.ProofInvalid {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	room := mostInside / 4
	for range room {
		if err := a.admission.enter(); err != nil {
			t.Fatal("fewer are let in than two bad proofs leave room for:", err)
		}
	}
	good := s.response(6, "vote", s.formChallenge("vote", origin))
	if r := ask(good); r.status != 503 || r.header.Get("Retry-After") == "" || r.Success {
		t.Fatalf("a full house: %d %s", r.status, r.body)
	}
	a.admission.leave()
	if r := ask(good); !r.Success {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if a.admission.inside != room-1 {
		t.Errorf("%d inside afterwards, want %d", a.admission.inside, room-1)
	}
}
