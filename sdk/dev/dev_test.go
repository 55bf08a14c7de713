package dev_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/dev"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	rp     = "app.localhost:3000"
	origin = "http://" + rp
)

type world struct {
	*dev.World
	t *testing.T
}

func open(t *testing.T) world {
	t.Helper()
	w, err := dev.Open(t.Context(), dev.Config{
		RP: rp, Port: 8088, Actions: map[string]scope.Policy{"post": scope.PerDay(1)}, Logf: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return world{w, t}
}

// call sends JSON to one of the hosts and decodes the answer.
func (w world) call(method, url, origin string, in, out any) int {
	w.t.Helper()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			w.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, url, &body)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	} else {
		r.Header.Set("Authorization", "Bearer "+w.Key())
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	if out != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			w.t.Fatalf("%s %s: %d %s", method, url, rec.Code, rec.Body)
		}
	}
	return rec.Code
}

// ask has a person answer a fresh challenge.
func (w world) ask(person string) (response string, code string) {
	w.t.Helper()
	var c api.ChallengeResponse
	if status := w.call("POST", w.Verifier()+"/v1/challenges", origin, api.ChallengeRequest{Action: "post"}, &c); status != http.StatusOK {
		w.t.Fatalf("challenge: %d", status)
	}
	var a struct{ Response, Code string }
	w.call("POST", w.Wallet()+"/dev/answer", w.Wallet(), map[string]any{
		"person": person, "origin": origin, "action": "post", "kind": c.Policy, "len": c.Period, "k": c.K,
		"challenge": c.Challenge, "content_digest": scope.EncodeToken(make([]byte, 32)),
	}, &a)
	return a.Response, a.Code
}

func (w world) verify(response string) api.Verdict {
	w.t.Helper()
	packed, challenge, _ := strings.Cut(response, ".")
	proof, err := json.Marshal(packed)
	if err != nil {
		w.t.Fatal(err)
	}
	var v api.Verdict
	w.call("POST", w.Verifier()+"/v1/verify", "", api.VerifyRequest{Action: "post", Proof: proof, Challenge: challenge}, &v)
	return v
}

// A page asks, Ada answers, the app's server verifies, over the same routes as
// in earnest; what she has used up stays used up, and Bao is somebody else.
func TestPageAndServer(t *testing.T) {
	w := open(t)
	response, code := w.ask("Ada")
	if response == "" {
		t.Fatalf("refused: %s", code)
	}
	first := w.verify(response)
	if !first.Success || first.Environment != "test" {
		t.Fatalf("%+v", first)
	}
	if again := w.verify(response); again.Success || again.Code != api.ChallengeAlreadyUsed {
		t.Errorf("a replay: %+v", again)
	}
	if _, code := w.ask("Ada"); code != string(api.QuotaExhausted) {
		t.Errorf("a second post in a day: %q", code)
	}
	response, _ = w.ask("Bao")
	if other := w.verify(response); !other.Success || other.Nullifier == first.Nullifier {
		t.Errorf("Bao: %+v", other)
	}
}

// Foreign pages, foreign names and people nobody knows get nothing.
func TestRefusals(t *testing.T) {
	w := open(t)
	question := map[string]any{"person": "Ada", "origin": origin, "action": "post", "kind": "once", "len": 0, "k": 1,
		"challenge": "x", "content_digest": scope.EncodeToken(make([]byte, 32))}
	for _, c := range []struct {
		name, url, origin string
		change            map[string]any
		status            int
		code              api.Code
	}{
		{"another page", w.Wallet() + "/dev/answer", origin, nil, 403, api.OriginNotAllowed},
		{"another name for this address", "http://attacker.example:8088/dev/answer", w.Wallet(), nil, 404, api.NotFound},
		{"a stranger", w.Wallet() + "/dev/answer", w.Wallet(), map[string]any{"person": "Zoe"}, 404, api.NotFound},
		{"no policy", w.Wallet() + "/dev/answer", w.Wallet(), map[string]any{"kind": "twice"}, 400, api.MalformedRequest},
		{"no digest", w.Wallet() + "/dev/answer", w.Wallet(), map[string]any{"content_digest": "AA"}, 400, api.NotCanonical},
		{"no challenge", w.Wallet() + "/dev/answer", w.Wallet(), nil, 200, api.ChallengeInvalid},
	} {
		in := map[string]any{}
		for k, v := range question {
			in[k] = v
		}
		for k, v := range c.change {
			in[k] = v
		}
		var out struct{ Code api.Code }
		if status := w.call("POST", c.url, c.origin, in, &out); status != c.status || out.Code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, out.Code, c.status, c.code)
		}
	}
	for url, want := range map[string]int{
		w.Wallet() + "/": 200, w.Wallet() + "/dev/dev.js": 200, w.Wallet() + "/perhuman/perhuman.js": 200,
		w.IssuerURL() + "/head": 200, w.Verifier() + "/livez": 200, w.Verifier() + "/perhuman/perhuman.js": 200, w.Verifier() + "/turnstile/v0/api.js": 200, w.Wallet() + "/head": 404,
	} {
		if status := w.call("GET", url, origin, nil, nil); status != want {
			t.Errorf("%s: %d", url, status)
		}
	}
}

// The wallet's origin has the relay of a hand-over: a page of any origin leaves
// a sealed question, another browser reads it once and leaves the answer.
func TestHandOver(t *testing.T) {
	w := open(t)
	do := func(method, way, origin, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, w.Wallet()+"/relay/AAAAAAAAAAAAAAAAAAAAAA/"+way, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set("Origin", origin)
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
	question, answer := strings.Repeat("q", 1024), strings.Repeat("a", 1024)
	if status, said := do("PUT", "question", origin, question); status != http.StatusCreated {
		t.Fatalf("%d %s", status, said)
	}
	if status, _ := do("GET", "answer", origin, ""); status != http.StatusNoContent {
		t.Errorf("an answer before there is one: %d", status)
	}
	if status, said := do("GET", "question", w.Wallet(), ""); status != http.StatusOK || said != question {
		t.Errorf("%d", status)
	}
	if status, _ := do("GET", "question", w.Wallet(), ""); status != http.StatusNotFound {
		t.Errorf("read twice: %d", status)
	}
	if status, _ := do("PUT", "answer", w.Wallet(), answer); status >= 300 {
		t.Errorf("%d", status)
	}
	if status, said := do("GET", "answer", origin, ""); status != http.StatusOK || said != answer {
		t.Errorf("%d", status)
	}
	if status := w.call("PUT", w.Verifier()+"/relay/AAAAAAAAAAAAAAAAAAAAAA/question", origin, nil, nil); status != http.StatusNotFound {
		t.Errorf("the verifier's host has a relay: %d", status)
	}
}
