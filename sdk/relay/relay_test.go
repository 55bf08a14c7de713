package relay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

type kit struct {
	t   *testing.T
	url string
	mu  sync.Mutex
	now time.Time

	relay *Relay
	boxes atomic.Int64
}

func open(t *testing.T, boxes int) *kit { return with(t, Config{Boxes: boxes}) }

func with(t *testing.T, cfg Config) *kit {
	k := &kit{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	cfg.Now = func() time.Time {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.now
	}
	k.relay = New(cfg)
	srv := httptest.NewServer(k.relay)
	t.Cleanup(srv.Close)
	k.url = srv.URL
	return k
}

func (k *kit) pass(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

func (k *kit) do(method, path, body string) (int, string, http.Header) {
	k.t.Helper()
	r, err := http.NewRequestWithContext(k.t.Context(), method, k.url+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	res, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b), res.Header
}

func (k *kit) box(body string) string {
	k.t.Helper()
	at := fmt.Sprintf("/relay/%020dAA", k.boxes.Add(1))
	status, text, h := k.do("PUT", at+"/question", body)
	var made struct {
		Until int64 `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != 201 || made.Until == 0 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
		k.t.Fatalf("%d %s %v", status, text, h)
	}
	return at
}

var (
	question = strings.Repeat("q", 500)
	answer   = strings.Repeat("a", 700)
)

// Question and answer go through once each, and are gone.
func TestOnce(t *testing.T) {
	k := open(t, 0)
	at := k.box(question)
	if status, _, _ := k.do("PUT", at+"/question", question); status != 201 {
		t.Errorf("the same question again: %d", status)
	}
	if status, _, _ := k.do("PUT", at+"/question", answer); status != 404 {
		t.Errorf("another question in its place: %d", status)
	}
	if status, _, _ := k.do("PUT", at+"/answer", answer); status != 404 {
		t.Errorf("an answer to a question that nobody read: %d", status)
	}
	if status, _, _ := k.do("GET", at+"/answer", ""); status != 204 {
		t.Errorf("an answer before there is one: %d", status)
	}
	if status, _, _ := k.do("HEAD", at+"/question", ""); status != 405 {
		t.Errorf("HEAD: %d", status)
	}
	if status, text, _ := k.do("GET", at+"/question", ""); status != 200 || text != question {
		t.Errorf("%d %q", status, text)
	}
	if status, _, _ := k.do("GET", at+"/question", ""); status != 404 {
		t.Errorf("a question is read twice: %d", status)
	}
	if status, _, _ := k.do("PUT", at+"/question", question); status != 404 {
		t.Errorf("a question that was read is put back: %d", status)
	}
	for range 2 { // the same again: an answer whose receipt was lost
		if status, _, _ := k.do("PUT", at+"/answer", answer); status != 204 {
			t.Errorf("%d", status)
		}
	}
	if status, _, _ := k.do("PUT", at+"/answer", answer+"!"); status != 404 {
		t.Errorf("another answer in its place: %d", status)
	}
	if status, text, _ := k.do("GET", at+"/answer", ""); status != 200 || text != answer {
		t.Errorf("%d %q", status, text)
	}
	for _, again := range []string{"GET", "PUT"} {
		if status, _, _ := k.do(again, at+"/answer", answer); status != 404 {
			t.Errorf("%s after the answer was read: %d", again, status)
		}
	}
}

// A box ends with its life; a full mailbox says when there is room.
func TestLife(t *testing.T) {
	k := open(t, 2)
	first := k.box(question)
	k.pass(time.Minute)
	k.box(question)
	if status, text, h := k.do("PUT", "/relay/"+strings.Repeat("A", 22)+"/question", question); status != 503 || h.Get("Retry-After") != "240" || !strings.Contains(text, string(api.Overloaded)) {
		t.Errorf("%d %s %v", status, text, h)
	}
	k.pass(Life - time.Minute)
	if status, _, _ := k.do("GET", first+"/question", ""); status != 404 {
		t.Errorf("after its life: %d", status)
	}
	k.box(question)
}

// What is no ciphertext, too long or of another type is refused, and so is every
// other route and method.
func TestRefuses(t *testing.T) {
	k := open(t, 0)
	for body, want := range map[string]int{"": 400, "short": 400, strings.Repeat("x", MaxBody+1): 413} {
		if status, _, _ := k.do("PUT", "/relay/"+strings.Repeat("A", 22)+"/question", body); status != want {
			t.Errorf("%d bytes: %d", len(body), status)
		}
	}
	at := k.box(question)
	for _, c := range [][2]string{{"DELETE", at + "/question"}, {"GET", "/relay"}, {"POST", "/relay"}, {"PUT", "/relay/x/question"}, {"PUT", "/relay/" + strings.Repeat("A", 21) + "B/question"}, {"POST", at + "/answer"}, {"GET", at}, {"GET", "/relay/x/question"}} {
		if status, _, _ := k.do(c[0], c[1], ""); status != 404 && status != 405 {
			t.Errorf("%v: %d", c, status)
		}
	}
	if status, _, h := k.do("OPTIONS", at+"/answer", ""); status != 204 || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("preflight: %d %v", status, h)
	}
	r, _ := http.NewRequestWithContext(t.Context(), "PUT", k.url+"/relay/"+strings.Repeat("A", 22)+"/question", strings.NewReader(question))
	r.Header.Set("Content-Type", "application/json")
	if res, err := http.DefaultClient.Do(r); err != nil || res.StatusCode != 415 {
		t.Errorf("%v %v", res, err)
	}
}

// Of many readers one gets the question, and one the answer.
func TestRace(t *testing.T) {
	k := open(t, 0)
	at := k.box(question)
	for _, way := range []string{"/question", "/answer"} {
		var all sync.WaitGroup
		var got, none atomic.Int64
		for range 16 {
			all.Go(func() {
				switch status, text, _ := k.do("GET", at+way, ""); {
				case status == 200 && (text == question || text == answer):
					got.Add(1)
				case status == 404:
					none.Add(1)
				default:
					t.Errorf("%s: %d %s", way, status, text)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 || none.Load() != 15 {
			t.Errorf("%s: %d readers, %d without", way, got.Load(), none.Load())
		}
		if way == "/question" {
			if status, _, _ := k.do("PUT", at+"/answer", answer); status != 204 {
				t.Fatal(status)
			}
		}
	}
}
