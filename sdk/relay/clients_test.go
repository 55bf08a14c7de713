package relay

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// name is the n-th name of a box.
func name(n int) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return "/relay/" + base64.RawURLEncoding.EncodeToString(id[:])
}

// from asks as a client with an address, with no network between.
func (k *kit) from(addr, method, path, body string) (int, string, string) {
	r := httptest.NewRequestWithContext(k.t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = addr
	r.Header.Set("Content-Type", "application/octet-stream")
	w := httptest.NewRecorder()
	k.relay.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header().Get("Retry-After")
}

// A client fills its part, is told when there is room, and keeps nobody else out;
// a box that has done its work is nobody's burden.
func TestOneClientFillsItsPart(t *testing.T) {
	k := with(t, Config{PerClient: 2})
	const here, there = "192.0.2.1:1", "192.0.2.2:1"
	for i := range 2 {
		if status, _, _ := k.from(here, "PUT", name(i)+"/question", question); status != 201 {
			t.Fatalf("%d", status)
		}
		k.pass(time.Minute)
	}
	status, text, wait := k.from(here, "PUT", name(2)+"/question", question)
	if status != 429 || wait != "180" || !strings.Contains(text, string(api.RateLimited)) {
		t.Errorf("the third of one client: %d %s %q", status, text, wait)
	}
	if status, _, _ := k.from(here, "PUT", name(1)+"/question", question); status != 201 {
		t.Errorf("the same question again is refused: %d", status)
	}
	if status, _, _ := k.from(there, "PUT", name(3)+"/question", question); status != 201 {
		t.Errorf("another client is kept out: %d", status)
	}
	// The first is answered, and the answer read: there is room.
	k.from(there, "GET", name(0)+"/question", "")
	k.from(there, "PUT", name(0)+"/answer", answer)
	if status, _, wait := k.from(here, "PUT", name(2)+"/question", question); status != 429 || wait != "180" {
		t.Errorf("while an answer waits: %d %s", status, wait)
	}
	if status, text, _ := k.from(here, "GET", name(0)+"/answer", ""); status != 200 || text != answer {
		t.Fatalf("%d", status)
	}
	if status, _, _ := k.from(here, "PUT", name(2)+"/question", question); status != 201 {
		t.Errorf("after an answer was read: %d", status)
	}
	if status, _, wait := k.from(here, "PUT", name(4)+"/question", question); status != 429 || wait != "240" {
		t.Errorf("%d %s", status, wait)
	}
	k.pass(Life)
	if status, _, _ := k.from(here, "PUT", name(4)+"/question", question); status != 201 {
		t.Errorf("after their lives: %d", status)
	}
}

// Addresses of one /64 are one client, and so are those that an untrusted header claims.
func TestWhoIsOneClient(t *testing.T) {
	k := with(t, Config{PerClient: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for i, c := range []struct {
		addr string
		want int
	}{{"[2001:db8::1]:1", 201}, {"[2001:db8::2]:1", 429}, {"[2001:db8:0:1::1]:1", 201}, {"192.0.2.1:1", 201}, {"[::ffff:192.0.2.1]:9", 429}} {
		if status, _, _ := k.from(c.addr, "PUT", name(i)+"/question", question); status != c.want {
			t.Errorf("%s: %d, want %d", c.addr, status, c.want)
		}
	}
	for i, c := range []struct {
		addr, forwarded string
		want            int
	}{{"10.0.0.1:1", "198.51.100.1", 201}, {"10.0.0.1:1", "198.51.100.2", 201}, {"10.0.0.1:1", "203.0.113.3, 198.51.100.2", 429}, {"203.0.113.9:1", "198.51.100.7", 201}, {"203.0.113.9:1", "198.51.100.8", 429}} {
		r := httptest.NewRequest("PUT", name(100+i)+"/question", strings.NewReader(question))
		r.RemoteAddr = c.addr
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.Header.Set("Content-Type", "application/octet-stream")
		w := httptest.NewRecorder()
		k.relay.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s for %s: %d, want %d", c.addr, c.forwarded, w.Code, c.want)
		}
	}
}

// While one client floods, others hand over.
func TestFlood(t *testing.T) {
	k := with(t, Config{Boxes: 200, PerClient: 50, Requests: serve.Rate{PerSecond: 1, Burst: 2100}}) // time stands still
	var flood, kept sync.WaitGroup
	var refused, taken atomic.Int64
	for w := range 4 {
		flood.Go(func() {
			for i := range 500 {
				switch status, _, _ := k.from("192.0.2.66:1", "PUT", name(1000*(w+1)+i)+"/question", question); status {
				case 201:
					taken.Add(1)
				case 429:
					refused.Add(1)
				}
			}
		})
	}
	for w := range 50 {
		kept.Go(func() {
			at, desk, phone := name(10_000+w), fmt.Sprintf("198.51.100.%d:1", w), fmt.Sprintf("203.0.113.%d:1", w)
			k.from(desk, "PUT", at+"/question", question)
			_, q, _ := k.from(phone, "GET", at+"/question", "")
			k.from(phone, "PUT", at+"/answer", answer)
			if _, a, _ := k.from(desk, "GET", at+"/answer", ""); q != question || a != answer {
				t.Errorf("hand-over %d: %q %q", w, q, a)
			}
		})
	}
	flood.Wait()
	kept.Wait()
	if taken.Load() != 50 || refused.Load() != 1950 {
		t.Errorf("of the flood %d were taken and %d refused", taken.Load(), refused.Load())
	}
}

// Whatever is done in whatever order: nobody holds more than their part, the
// count is that of the boxes, and what is gone leaves nothing.
func TestCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := &kit{t: t, now: time.Unix(1_770_000_000, 0)}
		k.relay = New(Config{Boxes: 9, PerClient: 3, Requests: serve.Rate{PerSecond: 1e6}, Now: func() time.Time { return k.now }})
		type box struct {
			client string
			until  time.Time
			stage  int // 0 asked, 1 read, 2 answered
		}
		model := map[int]*box{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n, client := rapid.IntRange(0, 14).Draw(rt, "box"), "192.0.2."+strconv.Itoa(rapid.IntRange(1, 4).Draw(rt, "client"))
			b := model[n]
			if b != nil && !k.now.Before(b.until) {
				b = nil
			}
			var got, want int
			switch rapid.IntRange(0, 4).Draw(rt, "act") {
			case 0:
				all, theirs := 0, 0
				for i, b := range model {
					if !k.now.Before(b.until) {
						delete(model, i)
						continue
					}
					all++
					if b.client == client {
						theirs++
					}
				}
				got, _, _ = k.from(client+":1", "PUT", name(n)+"/question", question)
				switch {
				case b != nil && b.stage == 0:
					want = 201
				case b != nil:
					want = 404
				case theirs == 3:
					want = 429
				case all == 9:
					want = 503
				default:
					want = 201
					model[n] = &box{client, k.now.Add(Life), 0}
				}
			case 1:
				got, _, _ = k.from(client+":1", "GET", name(n)+"/question", "")
				if want = 404; b != nil && b.stage == 0 {
					want, b.stage = 200, 1
				}
			case 2:
				got, _, _ = k.from(client+":1", "PUT", name(n)+"/answer", answer)
				if want = 404; b != nil && (b.stage == 1 || b.stage == 2) {
					want, b.stage = 204, 2
				}
			case 3:
				got, _, _ = k.from(client+":1", "GET", name(n)+"/answer", "")
				switch want = 404; {
				case b != nil && b.stage < 2:
					want = 204
				case b != nil && b.stage == 2:
					want = 200
					delete(model, n) // it has done its work
				}
			default:
				k.pass(time.Duration(rapid.IntRange(1, 200).Draw(rt, "seconds")) * time.Second)
				continue
			}
			if got != want {
				rt.Fatalf("box %d: %d, want %d", n, got, want)
			}
		}
		k.pass(Life)
		k.from("192.0.2.9:1", "PUT", name(99)+"/question", question)
		if len(k.relay.boxes) != 1 || len(k.relay.order) != 1 || len(k.relay.held) != 1 {
			rt.Fatalf("left behind: %d boxes, %d in order, %v", len(k.relay.boxes), len(k.relay.order), k.relay.held)
		}
	})
}

// Every request counts, whatever it asks and whether it finds something; only a
// preflight does not, which a page could not tell from an outage.
func TestRequestsCount(t *testing.T) {
	const here, there = "[2001:db8::%x]:1", "[2001:db8:0:1::1]:1"
	for _, c := range [][2]string{{"GET", name(1) + "/question"}, {"GET", name(2) + "/answer"}, {"GET", "/relay/x/question"}, {"PUT", name(3) + "/question"}, {"PUT", name(4) + "/answer"}, {"GET", "/relay"}, {"DELETE", name(1)}, {"POST", name(1) + "/question"}} {
		k := with(t, Config{Requests: serve.Rate{PerSecond: .1, Burst: 3}})
		for i := range 3 {
			if status, _, _ := k.from(fmt.Sprintf(here, i+1), c[0], c[1], question); status == 429 {
				t.Errorf("%v: refused after %d", c, i)
			}
		}
		if status, text, wait := k.from(fmt.Sprintf(here, 9), c[0], c[1], question); status != 429 || wait != "10" || !strings.Contains(text, string(api.RateLimited)) {
			t.Errorf("%v: %d %s %q", c, status, text, wait)
		}
		if status, _, _ := k.from(fmt.Sprintf(here, 9), "OPTIONS", name(1)+"/question", ""); status != 204 {
			t.Errorf("%v: preflight %d", c, status)
		}
		if status, _, _ := k.from(there, c[0], c[1], question); status == 429 {
			t.Errorf("%v: another client is refused", c)
		}
		k.pass(10 * time.Second)
		if status, _, _ := k.from(fmt.Sprintf(here, 9), c[0], c[1], question); status == 429 {
			t.Errorf("%v: refused when told to come again", c)
		}
	}
}

// A client that hands over to itself, again and again, leaves nothing behind.
func TestToItself(t *testing.T) {
	k := with(t, Config{Boxes: 4, PerClient: 2, Requests: serve.Rate{PerSecond: 1e6}})
	for i := range 100 {
		for _, c := range [][3]string{{"PUT", "/question", question}, {"GET", "/question", ""}, {"PUT", "/answer", answer}, {"GET", "/answer", ""}} {
			if status, text, _ := k.from("192.0.2.66:1", c[0], name(i)+c[1], c[2]); status > 204 {
				t.Fatalf("%d, %s %s: %d %s", i, c[0], c[1], status, text)
			}
		}
	}
	if n := len(k.relay.boxes) + len(k.relay.order) + len(k.relay.held); n != 0 {
		t.Errorf("%d things are kept", n)
	}
}
