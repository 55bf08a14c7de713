package webhook

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// Config of Hooks. Outbox and App are compulsory.
type Config struct {
	Outbox verifier.Outbox
	App    func(id string) (registry.App, bool) // as it is now
	Allow  []netip.Prefix                       // networks beside the public internet
	Roots  *x509.CertPool                       // authorities of receivers; default the machine's

	Timeout  time.Duration // of an attempt; default 10 s
	Schedule []time.Duration
	Workers  int           // attempts at one time; default 8
	Every    time.Duration // how often the queue is looked at; default 1 s
	Refusals float64       // events of refusals an app may cause in a second; default 10

	Now     func() time.Time
	Rand    io.Reader
	OnError func(error)          // what goes wrong with the queue, and events that are given up; default nobody
	Observe func(outcome string) // "delivered", "failed", "dropped", "given_up"
}

// Schedule is how long after each failed attempt the next one comes.
func Schedule() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// Hooks makes events and delivers them. It is safe for concurrent use, and
// several processes may run over one store.
type Hooks struct {
	cfg           Config
	secure, plain *http.Client

	mu      sync.Mutex
	refused map[string]*tokens
	down    map[string]time.Time // webhooks that failed, and until when they are left alone
}

// tokens bound the refusals of one app.
type tokens struct {
	have float64
	at   time.Time
}

// New makes Hooks. Nothing is delivered before Run.
func New(cfg Config) (*Hooks, error) {
	if cfg.Outbox == nil || cfg.App == nil {
		return nil, errors.New("webhook: Outbox and App are needed")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if len(cfg.Schedule) == 0 {
		cfg.Schedule = Schedule()
	}
	if cfg.Workers < 1 {
		cfg.Workers = 8
	}
	if cfg.Every <= 0 {
		cfg.Every = time.Second
	}
	if cfg.Refusals <= 0 {
		cfg.Refusals = 10
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string) {}
	}
	g := &guard{allow: cfg.Allow, special: special()}
	base := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots}, ForceAttemptHTTP2: true}
	return &Hooks{
		cfg: cfg, refused: map[string]*tokens{}, down: map[string]time.Time{},
		secure: g.client(false, cfg.Timeout, base), plain: g.client(true, cfg.Timeout, base),
	}, nil
}

// envelope is what is kept of an event: for whom, and the body as it is sent.
type envelope struct {
	App  string          `json:"app"`
	Hook string          `json:"hook,omitempty"` // none: all of the app's that want it
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
}

// Payload is the body of a webhook.
type Payload struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"` // RFC 3339, UTC
	Data      Data   `json:"data"`
}

// Data says what was decided, and for which app.
type Data struct {
	App     string      `json:"app"`
	Verdict api.Verdict `json:"verdict"`
}

// wanting gives the webhooks of an app that want a kind of event. Refusals
// have to be asked for by name.
func wanting(app registry.App, kind string) (out []registry.Hook) {
	for _, h := range app.Hooks {
		if slices.Contains(h.Events, kind) || len(h.Events) == 0 && kind != registry.EventRefused {
			out = append(out, h)
		}
	}
	return out
}

// Completed implements httpapi.Events.
func (h *Hooks) Completed(app registry.App, v api.Verdict) *verifier.Event {
	return h.event(app, registry.EventCompleted, v)
}

// Refused implements httpapi.Events. It writes at once, for at most a second.
func (h *Hooks) Refused(ctx context.Context, app registry.App, v api.Verdict) {
	if len(wanting(app, registry.EventRefused)) == 0 {
		return
	}
	if !h.take(app.ID) {
		h.cfg.Observe("dropped")
		return
	}
	e := h.event(app, registry.EventRefused, v)
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := h.cfg.Outbox.Post(ctx, *e); err != nil {
		h.cfg.Observe("dropped")
		h.cfg.OnError(fmt.Errorf("webhook: a refusal is not told of: %w", err))
	}
}

func (h *Hooks) take(app string) bool {
	now := h.cfg.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.refused) > 2*registry.MaxApps {
		clear(h.refused)
	}
	t, ok := h.refused[app]
	if !ok {
		t = &tokens{have: 10 * h.cfg.Refusals, at: now}
		h.refused[app] = t
	}
	if d := now.Sub(t.at).Seconds(); d > 0 {
		t.have = min(10*h.cfg.Refusals, t.have+d*h.cfg.Refusals)
	}
	t.at = now
	if t.have < 1 {
		return false
	}
	t.have--
	return true
}

// event makes an event, or nil if nobody wants it.
func (h *Hooks) event(app registry.App, kind string, v api.Verdict) *verifier.Event {
	hooks := wanting(app, kind)
	if len(hooks) == 0 {
		return nil
	}
	now := h.cfg.Now()
	env := envelope{App: app.ID, Type: kind}
	if len(hooks) == 1 {
		env.Hook = hooks[0].ID
	}
	var id [16]byte
	_, err := io.ReadFull(h.cfg.Rand, id[:])
	if err == nil {
		env.Body, err = json.Marshal(Payload{Type: kind, Timestamp: now.UTC().Format(time.RFC3339), Data: Data{App: app.ID, Verdict: v}})
	}
	var body []byte
	if err == nil {
		body, err = json.Marshal(env)
	}
	if err != nil {
		h.cfg.OnError(fmt.Errorf("webhook: %w", err))
		return nil
	}
	return &verifier.Event{ID: "msg_" + scope.EncodeToken(id[:]), Body: body, Created: now, Next: now}
}

// Run delivers what is due until ctx ends, Config.Workers at one time, and
// waits for the attempts under way.
func (h *Hooks) Run(ctx context.Context) {
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	free := make(chan struct{}, h.cfg.Workers)
	for range h.cfg.Workers {
		free <- struct{}{}
	}
	var attempts sync.WaitGroup
	defer attempts.Wait()
	for ctx.Err() == nil {
		<-free // whoever is under way ends within Timeout
		n := 1
		for len(free) > 0 {
			<-free
			n++
		}
		due, err := h.claim(ctx, n)
		if err != nil && ctx.Err() == nil {
			h.cfg.OnError(err)
		}
		for range n - len(due) {
			free <- struct{}{}
		}
		for _, e := range due {
			attempts.Go(func() {
				if err := h.attempt(ctx, e); err != nil && ctx.Err() == nil {
					h.cfg.OnError(err)
				}
				free <- struct{}{}
			})
		}
		if len(due) == n {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Deliver makes one attempt at each of some events that are due, and tells how
// many. It blocks until all are settled.
func (h *Hooks) Deliver(ctx context.Context) (int, error) {
	due, err := h.claim(ctx, h.cfg.Workers)
	if err != nil {
		return 0, err
	}
	var attempts sync.WaitGroup
	errs := make([]error, len(due))
	for i, e := range due {
		attempts.Go(func() { errs[i] = h.attempt(ctx, e) })
	}
	attempts.Wait()
	return len(due), errors.Join(errs...)
}

// claim takes events that are due, for long enough that an attempt and its
// settling fit.
func (h *Hooks) claim(ctx context.Context, n int) ([]verifier.Event, error) {
	due, err := h.cfg.Outbox.Claim(ctx, h.cfg.Now(), 3*h.cfg.Timeout, n)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return due, nil
}

// attempt delivers an event, or passes it on to several webhooks, and settles
// it. Its error is the queue's; the event comes again after the lease.
func (h *Hooks) attempt(ctx context.Context, e verifier.Event) error {
	var env envelope
	if err := json.Unmarshal(e.Body, &env); err != nil {
		return h.settle(ctx, e, "dropped", time.Time{})
	}
	app, ok := h.cfg.App(env.App)
	hooks := wanting(app, env.Type)
	if !ok || len(hooks) == 0 {
		return h.settle(ctx, e, "dropped", time.Time{})
	}
	if env.Hook == "" {
		for _, hook := range hooks {
			one := env
			one.Hook = hook.ID
			body, err := json.Marshal(one)
			if err != nil {
				return err
			}
			child := verifier.Event{ID: e.ID + "." + hook.ID, Body: body, Created: e.Created, Next: h.cfg.Now()}
			if err := h.cfg.Outbox.Post(ctx, child); err != nil { // an ID that is there already is no second event
				return fmt.Errorf("webhook: %w", err)
			}
		}
		return h.settle(ctx, e, "", time.Time{})
	}
	i := slices.IndexFunc(hooks, func(x registry.Hook) bool { return x.ID == env.Hook })
	if i < 0 {
		return h.settle(ctx, e, "dropped", time.Time{})
	}
	now := h.cfg.Now()
	if until := h.downUntil(env.Hook); now.Before(until) {
		return h.settle(ctx, e, "", until.Add(h.jitter(pause)/2))
	}
	err := h.send(ctx, hooks[i], e.ID, env.Body)
	if now = h.cfg.Now(); err != nil && ctx.Err() != nil { // we stop; that says nothing about the receiver
		return h.settle(ctx, e, "", now)
	}
	h.note(env.Hook, err == nil || errors.Is(err, errGone), now)
	switch {
	case err == nil:
		return h.settle(ctx, e, "delivered", time.Time{})
	case errors.Is(err, errGone):
		return h.settle(ctx, e, "dropped", time.Time{})
	case now.Sub(e.Created) > h.patience():
		h.cfg.OnError(fmt.Errorf("webhook %s of app %s: event %s is given up: %w", env.Hook, env.App, e.ID, err))
		return h.settle(ctx, e, "given_up", time.Time{})
	}
	wait := h.cfg.Schedule[min(max(0, e.Attempts-1), len(h.cfg.Schedule)-1)]
	return h.settle(ctx, e, "failed", now.Add(h.jitter(wait)))
}

// pause is how long a receiver that failed is left alone: what else is due for
// it waits, so that one that is away does not hold up the others.
const pause = 5 * time.Second

func (h *Hooks) downUntil(hook string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down[hook]
}

func (h *Hooks) note(hook string, up bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if up {
		delete(h.down, hook)
		return
	}
	if len(h.down) > registry.MaxApps*registry.MaxHooks {
		clear(h.down)
	}
	h.down[hook] = now.Add(pause)
}

// patience is how old an event gets before it is given up.
func (h *Hooks) patience() (d time.Duration) {
	for _, wait := range h.cfg.Schedule {
		d += wait
	}
	return d
}

// settle ends a claim: for good, or until next.
func (h *Hooks) settle(ctx context.Context, e verifier.Event, outcome string, next time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
	defer cancel()
	if err := h.cfg.Outbox.Settle(ctx, e.ID, next.IsZero(), next); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	if outcome != "" {
		h.cfg.Observe(outcome)
	}
	return nil
}

// jitter moves a wait by up to a fifth, so that receivers that were away
// together do not hear of all at once.
func (h *Hooks) jitter(d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(h.cfg.Rand, b[:]); err != nil {
		return d
	}
	return d + time.Duration((float64(binary.LittleEndian.Uint64(b[:]))/float64(1<<63)-1)*float64(d)/5)
}

var errGone = errors.New("webhook: the receiver wants no more")

// send makes one attempt.
func (h *Hooks) send(ctx context.Context, hook registry.Hook, id string, body []byte) error {
	now := h.cfg.Now()
	signature, err := sign(hook.Secrets, id, now, body)
	if err != nil {
		return err
	}
	to, err := url.Parse(hook.URL)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "perhuman-webhook/1")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	client := h.secure
	if to.Scheme != "https" {
		client = h.plain
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusGone:
		return errGone
	}
	return fmt.Errorf("webhook: the receiver answered %d", resp.StatusCode)
}
