package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/memory"
)

// receiver is an app's endpoint, over TLS on loopback.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivery
	answer func(w http.ResponseWriter, r *http.Request)
}

type delivery struct {
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, delivery{req.Header.Clone(), string(b)})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) say(f func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) taken() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

type world struct {
	t     *testing.T
	store *memory.Store
	reg   *registry.Registry
	cfg   Config
	hooks *Hooks
	app   registry.App
	errs  []error
	count map[string]int

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func newWorld(t *testing.T, roots *x509.CertPool, allow []netip.Prefix) *world {
	t.Helper()
	w := &world{t: t, store: memory.New(), count: map[string]int{}, now: time.Now()}
	var err error
	w.reg, err = registry.Open(t.Context(), registry.Config{Keeper: w.store, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	w.app, err = w.reg.CreateApp(t.Context(), registry.AppParams{Name: "Forum", RP: "forum.example", Environment: "live", Actions: map[string]string{"post": "5/day"}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	w.cfg = Config{
		Outbox: w.store, App: func(id string) (registry.App, bool) { return w.reg.View().App(id) }, Allow: allow, Roots: roots,
		Timeout: 2 * time.Second, Now: w.clock, Rand: rand.NewChaCha8([32]byte{1}),
		OnError: func(err error) { mu.Lock(); defer mu.Unlock(); w.errs = append(w.errs, err) },
		Observe: func(s string) { mu.Lock(); defer mu.Unlock(); w.count[s]++ },
	}
	if w.hooks, err = New(w.cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

func pool(r *receiver) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(r.Certificate())
	return p
}

// hook adds a webhook and gives its secret.
func (w *world) hook(url string, events ...string) (string, registry.Hook) {
	w.t.Helper()
	secret, hook, err := w.reg.CreateHook(w.t.Context(), w.app.ID, url, events)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app, _ = w.reg.View().App(w.app.ID)
	return secret, hook
}

func (w *world) happen(v api.Verdict) {
	w.t.Helper()
	e := w.hooks.Completed(w.app, v)
	if e == nil {
		w.t.Fatal("no event")
	}
	if err := w.store.Post(w.t.Context(), *e); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deliver() int {
	w.t.Helper()
	total := 0
	for {
		n, err := w.hooks.Deliver(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if total += n; n == 0 {
			return total
		}
	}
}

var accepted = api.Verdict{Success: true, Code: api.OK, Action: "post", Nullifier: "12345", Environment: "live", ErrorCodes: []string{}}

// expect computes the signature as the specification has it, on its own.
func expect(t *testing.T, secret string, d delivery) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, d.header.Get("webhook-id")+"."+d.header.Get("webhook-timestamp")+"."+d.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestSignedAndRotated(t *testing.T) {
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	old, hook := w.hook(r.URL + "/in?x=1")
	w.happen(accepted)
	w.deliver()
	fresh, err := w.reg.RotateHook(t.Context(), w.app.ID, hook.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.happen(accepted)
	w.deliver()
	w.sleep(time.Hour)
	w.happen(accepted)
	w.deliver()
	got := r.taken()
	if len(got) != 3 {
		t.Fatalf("%d deliveries; %v", len(got), w.errs)
	}
	for i, want := range [][]string{{old}, {fresh, old}, {fresh}} {
		var signatures []string
		for _, s := range want {
			signatures = append(signatures, expect(t, s, got[i]))
		}
		if s := got[i].header.Get("webhook-signature"); s != strings.Join(signatures, " ") {
			t.Errorf("%d: %s, want %s", i, s, signatures)
		}
	}
	var p Payload
	if err := json.Unmarshal([]byte(got[0].body), &p); err != nil || p.Type != "verification.completed" || p.Data.Verdict.Nullifier != "12345" || p.Data.App != w.app.ID {
		t.Errorf("%v %s", err, got[0].body)
	}
	if got[0].header.Get("webhook-id") == got[1].header.Get("webhook-id") || got[0].header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", got[0].header)
	}
	for _, s := range []string{old, fresh} {
		if strings.Contains(fmt.Sprint(got, w.errs), s) {
			t.Error("a secret travels")
		}
	}
}

// The client that Standard Webhooks itself publishes accepts ours, and not one
// that was changed.
func TestStandardWebhooksClient(t *testing.T) {
	dir, err := filepath.Abs("../../../sdk/web/node_modules/standardwebhooks")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("standardwebhooks is missing, which is an error under CI=true")
		}
		t.Skip("standardwebhooks is missing: make web-dev")
	}
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	secret, hook := w.hook(r.URL)
	if _, err := w.reg.RotateHook(t.Context(), w.app.ID, hook.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.happen(accepted)
	w.deliver()
	got := r.taken()[0]
	headers := map[string]string{}
	for k := range got.header {
		headers[k] = got.header.Get(k)
	}
	input, err := json.Marshal(map[string]any{"dir": dir, "secret": secret, "headers": headers, "body": got.body})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", "-e", `
const { dir, secret, headers, body } = JSON.parse(process.argv[1])
const { Webhook } = require(dir)
const w = new Webhook(secret)
const read = w.verify(body, headers)
let changed = 'accepted'
try { w.verify(body.replace('12345', '54321'), headers) } catch (e) { changed = e.message }
console.log(JSON.stringify([read.type, read.data.verdict.nullifier, changed]))`, string(input)).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != `["verification.completed","12345","No matching signature found"]` {
		t.Errorf("%v %s", err, out)
	}
}

// What fails is tried again, later and later, under the same id, and given up
// in the end.
func TestRetries(t *testing.T) {
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	w.hook(r.URL)
	start := w.clock()
	r.say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	w.happen(accepted)
	var at []time.Duration
	for seen := 0; w.count["given_up"] == 0 && w.clock().Sub(start) < 200*time.Hour; {
		w.deliver()
		if n := len(r.taken()); n > seen {
			seen = n
			at = append(at, w.clock().Sub(start))
		}
		w.sleep(time.Second + w.clock().Sub(start)/500)
	}
	waits := Schedule()
	if len(at) < len(waits)+1 || w.count["given_up"] != 1 {
		t.Fatalf("%d attempts at %v, %v", len(at), at, w.count)
	}
	for i, wait := range waits {
		if got := at[i+1] - at[i]; got < wait*8/10 || got > wait*12/10+at[i+1]/100+2*time.Second {
			t.Errorf("attempt %d after %s, want about %s", i+2, got, wait)
		}
	}
	ids := map[string]bool{}
	for _, d := range r.taken() {
		ids[d.header.Get("webhook-id")] = true
	}
	if len(ids) != 1 || len(w.errs) != 1 {
		t.Errorf("%d ids, errors %v", len(ids), w.errs)
	}

	// One that was away for a while gets what happened in between.
	w.happen(accepted)
	w.deliver()
	r.say(nil)
	before := len(r.taken())
	w.sleep(7 * time.Second)
	if w.deliver(); len(r.taken()) != before+1 || w.count["delivered"] != 1 {
		t.Errorf("%d deliveries, %v", len(r.taken())-before, w.count)
	}
	r.say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	w.happen(accepted)
	w.deliver()
	if w.count["dropped"] != 1 {
		t.Errorf("%v", w.count)
	}
}

// Several webhooks of an app hear of an event each on their own.
func TestFanOutAndRemoval(t *testing.T) {
	a, b := newReceiver(t), newReceiver(t)
	roots := pool(a)
	roots.AddCert(b.Certificate())
	w := newWorld(t, roots, loopback)
	w.hook(a.URL)
	_, second := w.hook(b.URL)
	b.say(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	w.happen(accepted)
	w.deliver()
	if len(a.taken()) != 1 || len(b.taken()) != 1 {
		t.Fatalf("%d and %d; %v", len(a.taken()), len(b.taken()), w.errs)
	}
	b.say(nil)
	w.sleep(10 * time.Second)
	w.deliver()
	if len(a.taken()) != 1 || len(b.taken()) != 2 || b.taken()[0].header.Get("webhook-id") != b.taken()[1].header.Get("webhook-id") {
		t.Errorf("%d and %d", len(a.taken()), len(b.taken()))
	}
	w.happen(accepted)
	if err := w.reg.RemoveHook(t.Context(), w.app.ID, second.ID); err != nil {
		t.Fatal(err)
	}
	if w.deliver(); len(b.taken()) != 2 || len(a.taken()) != 2 {
		t.Errorf("after the removal: %d and %d", len(a.taken()), len(b.taken()))
	}
}

// Refusals go only to those who asked, and only so many.
func TestRefusalsAreBounded(t *testing.T) {
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	refusal := api.Verdict{Code: api.ProofInvalid, Action: "post", ErrorCodes: []string{"invalid-input-response"}}
	w.hook(r.URL)
	w.hooks.Refused(t.Context(), w.app, refusal)
	if w.deliver() != 0 {
		t.Error("a refusal is told of unasked")
	}
	w.hook(r.URL+"/2", registry.EventRefused)
	for range 500 {
		w.hooks.Refused(t.Context(), w.app, refusal)
	}
	w.deliver()
	if n := len(r.taken()); n != 100 || w.count["dropped"] != 400 || !strings.Contains(r.taken()[0].body, `"verification.refused"`) {
		t.Errorf("%d refusals told of, %v", n, w.count)
	}
}

// T: two apps hear of their own people only.
func TestNoAppHearsOfAnothers(t *testing.T) {
	a, b := newReceiver(t), newReceiver(t)
	roots := pool(a)
	roots.AddCert(b.Certificate())
	w := newWorld(t, roots, loopback)
	w.hook(a.URL)
	other, err := w.reg.CreateApp(t.Context(), registry.AppParams{Name: "Shop", RP: "shop.example", Environment: "live", Actions: map[string]string{"buy": "once"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.reg.CreateHook(t.Context(), other.ID, b.URL, registry.Events); err != nil {
		t.Fatal(err)
	}
	w.happen(accepted)
	w.deliver()
	if len(b.taken()) != 0 || len(a.taken()) != 1 {
		t.Errorf("%d and %d", len(a.taken()), len(b.taken()))
	}
}

// Two processes over one queue deliver each event once.
func TestTwoProcesses(t *testing.T) {
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	w.hook(r.URL)
	cfg := w.cfg
	cfg.Rand = rand.NewChaCha8([32]byte{2})
	cfg.Every, cfg.Now = 5*time.Millisecond, time.Now
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() { h.Run(ctx) })
	}
	for range 60 {
		w.happen(accepted)
	}
	for end := time.Now().Add(20 * time.Second); len(r.taken()) < 60 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(30 * time.Millisecond)
	stop()
	running.Wait()
	ids := map[string]int{}
	for _, d := range r.taken() {
		ids[d.header.Get("webhook-id")]++
	}
	if len(ids) != 60 || len(r.taken()) != 60 {
		t.Errorf("%d deliveries of %d events", len(r.taken()), len(ids))
	}
}

// A receiver that misbehaves costs a bounded time and a bounded memory.
func TestBadReceivers(t *testing.T) {
	r := newReceiver(t)
	w := newWorld(t, pool(r), loopback)
	w.cfg.Timeout = time.Second // a handshake under the race detector takes its time
	w.hooks, _ = New(w.cfg)
	w.hook(r.URL)
	stop := make(chan struct{})
	defer close(stop)
	for name, f := range map[string]func(http.ResponseWriter, *http.Request){
		"silent":    func(_ http.ResponseWriter, r *http.Request) { <-stop },
		"slow body": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); w.(http.Flusher).Flush(); <-stop },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"big headers": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("x", 64<<10)) },
		"cut":         func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
	} {
		r.say(f)
		before, seen, delivered := w.count["failed"], len(r.taken()), w.count["delivered"]
		w.happen(accepted)
		start := time.Now()
		w.deliver()
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("%s: %s", name, d)
		}
		if w.count["failed"] != before+1 {
			t.Errorf("%s: %v", name, w.count)
		}
		if n := len(r.taken()) - seen; n > 2 { // net/http may send again on a connection that was cut
			t.Errorf("%s: %d requests", name, n)
		}
		r.say(nil)
		for range 5 { // on a busy machine a good receiver may be too slow as well
			w.sleep(20 * time.Minute)
			if w.deliver(); w.count["delivered"] == delivered+1 {
				break
			}
		}
	}
	r.say(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) })
	before := w.count["delivered"]
	w.happen(accepted)
	if w.deliver(); w.count["delivered"] != before+1 {
		t.Errorf("a big answer: %v", w.count)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("hooks without a queue")
	}
	if _, err := sign([]registry.Secret{{Value: "whsec_!"}}, "x", time.Now(), nil); err == nil {
		t.Error("a bad secret signs")
	}
	if _, err := sign(nil, "x", time.Now(), nil); err == nil {
		t.Error("no secret signs")
	}
}
