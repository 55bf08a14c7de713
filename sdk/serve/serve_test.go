package serve

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

func start(t *testing.T, h http.Handler, o Options) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, l, h, o) }()
	stop = func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return l.Addr().String(), stop
}

// T41: slow headers, slow bodies and idle connections are dropped.
func TestSlowClientsAreDropped(t *testing.T) {
	read := make(chan error, 1)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if r.ContentLength > 0 {
			read <- err
		}
	}), Options{HeaderTimeout: 100 * time.Millisecond, ReadTimeout: 200 * time.Millisecond, IdleTimeout: 100 * time.Millisecond})
	for name, text := range map[string]string{
		"slow header": "GET / HTTP/1.1\r\nHost: x\r\nX-",
		"slow body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
		"idle":        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"nothing":     "",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("%s: the connection is still open", name)
		}
		_ = c.Close()
	}
	if err := <-read; err == nil {
		t.Error("the handler read a body that never came")
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// T40: headers are bounded.
func TestHeaderCap(t *testing.T) {
	addr, _ := start(t, http.NotFoundHandler(), Options{})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%+v, %v", resp, err)
	}
}

// T61: a graceful stop finishes the request in flight.
func TestGracefulStop(t *testing.T) {
	in, out := make(chan bool), make(chan bool)
	addr, stop := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in <- true
		<-out
		fmt.Fprint(w, "done")
	}), Options{})
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr)
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		got <- string(b)
	}()
	<-in
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	time.Sleep(20 * time.Millisecond)
	close(out)
	if s := <-got; s != "done" {
		t.Errorf("the request in flight got %q", s)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// T47: a panic is answered without a stack and the server lives.
func TestPanic(t *testing.T) {
	var logged string
	h := Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic("secret hunter2")
	}), RequestID(rand.Reader), Recover(func(f string, a ...any) { logged = fmt.Sprintf(f, a...) }))
	addr, _ := start(t, h, Options{})
	for range 2 {
		resp, err := http.Get("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var p api.Problem
		if err := json.Unmarshal(b, &p); err != nil || resp.StatusCode != 500 || p.Code != api.Internal || p.RequestID != resp.Header.Get("Request-Id") {
			t.Errorf("%d %s", resp.StatusCode, b)
		}
		if strings.Contains(string(b), "hunter2") || strings.Contains(string(b), "goroutine") {
			t.Errorf("the answer tells too much: %s", b)
		}
		if !strings.Contains(logged, p.RequestID) || !strings.Contains(logged, "serve_test.go") {
			t.Errorf("the log does not tell where: %s", logged)
		}
	}
	resp, err := http.Get("http://" + addr + "/late")
	if err == nil {
		if _, err = io.ReadAll(resp.Body); err == nil {
			t.Error("half an answer passes for a whole one")
		}
		resp.Body.Close()
	}
}

// T40, T46.
func TestReadJSON(t *testing.T) {
	type in struct {
		A string `json:"a"`
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v in
		if err := ReadJSON(w, r, 100, &v); err != nil {
			WriteProblem(w, r, err)
			return
		}
		WriteJSON(w, 200, v)
	})
	for _, c := range []struct {
		name, mediaType, body string
		length                int64
		status                int
	}{
		{"good", "application/json", `{"a":"x"}`, 9, 200},
		{"charset", "application/json; charset=utf-8", `{"a":"x"}`, 9, 200},
		{"no type", "", `{"a":"x"}`, 9, 415},
		{"form", "application/x-www-form-urlencoded", `{"a":"x"}`, 9, 415},
		{"text", "text/plain", `{"a":"x"}`, 9, 415},
		{"latin", "application/json; charset=latin1", `{"a":"x"}`, 9, 415},
		{"announced too large", "application/json", "", 101, 413},
		{"chunked too large", "application/json", `{"a":"` + strings.Repeat("x", 200) + `"}`, -1, 413},
		{"not JSON", "application/json", `{"a":`, 5, 400},
		{"unknown field", "application/json", `{"b":1}`, 7, 400},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		r.ContentLength = c.length
		if r.Header.Del("Content-Type"); c.mediaType != "" {
			r.Header.Set("Content-Type", c.mediaType)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

func TestBodyCapAndRetryAfter(t *testing.T) {
	h := Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := ReadBody(w, r, 1000); err != nil {
			WriteProblem(w, r, err)
			return
		}
		WriteProblem(w, r, &api.Error{Code: api.Overloaded, RetryAfter: 1500 * time.Millisecond})
	}), BodyCap(10), SecurityHeaders)
	for body, status := range map[string]int{"short": 503, "much too long a body": 413} {
		for _, chunked := range []bool{false, true} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			if chunked {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%q: %d %s", body, w.Code, w.Body)
			}
			if status == 503 && w.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
		}
	}
}

// What is behind an answer of status 5xx is told to the operator, with the id
// that the client was given; what clients do wrong is not.
func TestLogProblem(t *testing.T) {
	var logged []string
	logf := func(f string, a ...any) { logged = append(logged, fmt.Sprintf(f, a...)) }
	h := Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, err := range []error{
			api.Wrap(api.StoreUnavailable, errors.New("disk on fire")), errors.New("a surprise"),
			api.Errorf(api.MalformedRequest, ""), api.Errorf(api.Overloaded, ""), api.Errorf(api.ChallengeMissing, ""),
		} {
			LogProblem(logf, r, err)
		}
		LogProblem(nil, r, errors.New("nobody listens"))
	}), RequestID(rand.Reader))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if len(logged) != 2 || !strings.Contains(logged[0], "disk on fire") || !strings.Contains(logged[1], "a surprise") ||
		!strings.Contains(logged[0], w.Header().Get("Request-Id")) {
		t.Errorf("%q", logged)
	}
}

// An outer cap that is smaller is the one that the answer names.
func TestCapThatIsReached(t *testing.T) {
	h := Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := ReadBody(w, r, 1000)
		WriteProblem(w, r, err)
	}), BodyCap(10))
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 100)))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 413 || !strings.Contains(w.Body.String(), "at most 10 bytes") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOrigin(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	if Origin(r) != "" {
		t.Error("an origin out of nothing")
	}
	r.Header.Add("Origin", "https://a.example")
	if Origin(r) != "https://a.example" {
		t.Error(Origin(r))
	}
	r.Header.Add("Origin", "https://b.example")
	if o := Origin(r); o == "https://a.example" || o == "https://b.example" || o == "" {
		t.Errorf("of two origins %q counts", o)
	}
}
