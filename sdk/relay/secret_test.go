package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/serve"
)

// What the log and the refusals say names no box, holds nothing of a message, and
// of course neither plain text nor key, which never came here.
func TestSaysNothing(t *testing.T) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte("perhuman/relay/1/box"), key...))
	id := base64.RawURLEncoding.EncodeToString(sum[:16])
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain := `{"type":"perhuman-request","text":"what nobody else reads"}`
	sealed := string(gcm.Seal(nil, make([]byte, 12), []byte(plain), nil))
	var mu sync.Mutex
	var log strings.Builder
	logf := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&log, format+"\n", args...)
	}
	now := time.Unix(1_700_000_000, 0)
	r := New(Config{Boxes: 1, PerClient: 1, Requests: serve.Rate{PerSecond: 1, Burst: 12}, Logf: logf, Now: func() time.Time { return now }})
	h := serve.Chain(r, serve.RequestID(rand.Reader), serve.Recover(logf), serve.BodyCap(1<<20))
	seen := map[int]bool{}
	ask := func(from, method, way string, body io.Reader) {
		q := httptest.NewRequest(method, "/relay/"+id+"/"+way, body)
		q.RemoteAddr = from + ":9"
		q.Header.Set("Content-Type", "application/octet-stream")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		seen[w.Code] = true
		if w.Code != http.StatusOK {
			mu.Lock()
			fmt.Fprintln(&log, w.Header(), w.Body)
			mu.Unlock()
		}
	}
	ask("192.0.2.1", "GET", "question", nil)
	ask("192.0.2.1", "PUT", "question", io.MultiReader(strings.NewReader(sealed[:40]), broken{}))
	ask("192.0.2.1", "PUT", "question", strings.NewReader(sealed[:20]))
	ask("192.0.2.1", "PUT", "question", strings.NewReader(strings.Repeat(sealed, 200)))
	ask("192.0.2.1", "PUT", "question", strings.NewReader(sealed))
	ask("192.0.2.1", "PUT", "question", strings.NewReader(sealed+"!"))
	ask("192.0.2.1", "PUT", "answer", strings.NewReader(sealed))
	ask("192.0.2.1", "GET", "question", nil)
	ask("192.0.2.1", "GET", "question", nil)
	ask("192.0.2.1", "DELETE", "question", nil)
	ask("192.0.2.1", "PUT", "answer", strings.NewReader(sealed))
	other := id
	id = strings.Repeat("A", 22)
	ask("192.0.2.2", "PUT", "question", strings.NewReader(sealed)) // the mailbox is full
	id = other
	for range 5 {
		ask("192.0.2.1", "GET", "answer", nil)
	}
	for _, status := range []int{200, 201, 204, 400, 404, 405, 413, 429, 503} {
		if !seen[status] {
			t.Errorf("no answer %d", status)
		}
	}
	text := log.String()
	for _, secret := range []string{id, plain, "nobody else", sealed[:16], sealed[20:36], hex.EncodeToString(key), hex.EncodeToString([]byte(sealed))[:24],
		base64.RawURLEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString([]byte(sealed))[:24], "192.0.2.1"} {
		if strings.Contains(text, secret) {
			t.Errorf("said %q:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "not_found") || !strings.Contains(text, "overloaded") {
		t.Errorf("the refusals were not looked at:\n%s", text)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line was cut") }

// A client that takes its answers off the line never, or slowly, holds up nobody.
func TestSlowReader(t *testing.T) {
	k := open(t, 0)
	at, next := k.box(question), k.box(question)
	w := &stuck{ResponseRecorder: httptest.NewRecorder(), let: make(chan struct{}), at: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.relay.ServeHTTP(w, httptest.NewRequest("GET", at+"/question", nil))
	}()
	<-w.at
	if status, text, _ := k.do("GET", next+"/question", ""); status != 200 || text != question {
		t.Errorf("%d %q", status, text)
	}
	if status, _, _ := k.do("GET", at+"/question", ""); status != 404 {
		t.Errorf("read twice: %d", status)
	}
	close(w.let)
	<-done
	if w.Body.String() != question {
		t.Errorf("%q", w.Body)
	}
}

type stuck struct {
	*httptest.ResponseRecorder
	let, at chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) {
	close(s.at)
	<-s.let
	return s.ResponseRecorder.Write(b)
}

// A relay that is started again knows no box: it hands nothing out twice and
// takes no answer, and a page that puts its question down again has lost nothing.
func TestRestart(t *testing.T) {
	k := open(t, 0)
	at := k.box(question)
	for range 2 {
		k.relay = nil
		srv := httptest.NewServer(New(Config{Now: func() time.Time { return k.now }}))
		t.Cleanup(srv.Close)
		k.url = srv.URL
		for _, c := range [][2]string{{"GET", "/question"}, {"GET", "/answer"}, {"PUT", "/answer"}} {
			if status, _, _ := k.do(c[0], at+c[1], answer); status != 404 {
				t.Errorf("%v after a restart: %d", c, status)
			}
		}
		if status, _, _ := k.do("PUT", at+"/question", question); status != 201 {
			t.Errorf("the question again: %d", status)
		}
		if status, text, _ := k.do("GET", at+"/question", ""); status != 200 || text != question {
			t.Errorf("%d %q", status, text)
		}
	}
	if status, _, _ := k.do("PUT", at+"/answer", answer); status != 204 {
		t.Error(status)
	}
	if status, text, _ := k.do("GET", at+"/answer", ""); status != 200 || text != answer {
		t.Errorf("%d %q", status, text)
	}
}
