// Package relay is a mailbox between a page on one device and a wallet on
// another: the page shows a QR code, a phone scans it, and question and answer
// travel through here.
//
// It holds ciphertexts and nothing else. The page makes a key and puts it into
// the fragment of the address in the QR code, which no server ever gets; both
// ends encrypt with AES-256-GCM. So whoever runs the relay learns that two
// devices spoke, when, and how many bytes, and can refuse its service; it cannot
// read, and what it changes or swaps does not open.
//
//	PUT  /relay/{id}/question  a question, up to MaxBody bytes: 201 {expires_at}
//	GET  /relay/{id}/question  once
//	PUT  /relay/{id}/answer    once
//	GET  /relay/{id}/answer    204 while there is none, then once
//
// A box lives for five minutes, as a challenge does, in memory. What was read
// is gone. The id is 16 bytes in base64url, which the page computes from its
// key: the relay names no box, and question and answer are bound to the one that
// belongs to the key. An id that is wrong, taken, was read or is over answers
// not_found alike. Pages of every origin may ask: there are no cookies
// and nothing to steal. Handlers do not block.
//
// One client can fill a part of the mailbox and no more (Config.PerClient);
// what it put in counts until its answer was read or its life is over. Clients
// are told apart by address, of IPv6 by the /64, so behind a proxy say which
// proxies to believe, or everybody is one client. Addresses are kept as long as
// their boxes, in memory, and in no log.
package relay

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// Life is how long a box exists.
const Life = 5 * time.Minute

// MaxBody is the most bytes of a question or an answer.
const MaxBody = 8 << 10

// Config sets a Relay up.
type Config struct {
	Boxes          int              // the most at one time; 4096 if 0: some 64 MB
	PerClient      int              // the most of one client at one time; 64 if 0
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed; nobody's if empty
	Now            func() time.Time // time.Now if nil
	Logf           func(format string, args ...any)
}

// Relay is the mailbox, an http.Handler for paths below /relay. It is safe for
// concurrent use.
type Relay struct {
	cfg Config
	mux *http.ServeMux

	mu    sync.Mutex
	boxes map[string]*box
	order []*box         // by age: all live equally long
	held  map[string]int // by client: boxes of theirs that hold something, or will
}

type box struct {
	id, client       string
	until            time.Time
	question, answer []byte // nil when there is none, or it was read
	answered         bool
}

// over tells whether a box has done what it was for.
func (b *box) over() bool { return b.answered && b.answer == nil }

// New makes an empty mailbox.
func New(cfg Config) *Relay {
	if cfg.Boxes == 0 {
		cfg.Boxes = 4096
	}
	if cfg.PerClient == 0 {
		cfg.PerClient = 64
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	r := &Relay{cfg: cfg, mux: http.NewServeMux(), boxes: map[string]*box{}, held: map[string]int{}}
	r.mux.HandleFunc("PUT /relay/{id}/question", r.handle(r.open))
	r.mux.HandleFunc("GET /relay/{id}/question", r.handle(r.question))
	r.mux.HandleFunc("PUT /relay/{id}/answer", r.handle(r.put))
	r.mux.HandleFunc("GET /relay/{id}/answer", r.handle(r.answer))
	r.mux.HandleFunc("OPTIONS /relay/", r.preflight)
	return r
}

// ServeHTTP implements http.Handler.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	r.mux.ServeHTTP(w, req)
}

func (r *Relay) preflight(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, PUT")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

func (r *Relay) handle(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if err := f(w, req); err != nil {
			serve.LogProblem(r.cfg.Logf, req, err)
			serve.WriteProblem(w, req, err)
		}
	}
}

// read takes a ciphertext. It can be as short as a tag and a nonce are long.
func read(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	if err := serve.CheckMediaType(req, "application/octet-stream"); err != nil {
		return nil, err
	}
	body, err := serve.ReadBody(w, req, MaxBody)
	if err == nil && len(body) < 28 {
		err = api.Errorf(api.MalformedRequest, "that is no ciphertext")
	}
	return body, err
}

func (r *Relay) open(w http.ResponseWriter, req *http.Request) error {
	id := req.PathValue("id")
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(id); err != nil || len(raw) != 16 {
		return api.Errorf(api.NotFound, "not the name of a box")
	}
	body, err := read(w, req)
	if err != nil {
		return err
	}
	now, client := r.cfg.Now(), serve.Client(req, r.cfg.TrustedProxies)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	if b := r.boxes[id]; b != nil {
		if !bytes.Equal(b.question, body) { // the same again: the answer to the first was lost
			return api.Errorf(api.NotFound, "the box is taken")
		}
		serve.WriteJSON(w, http.StatusCreated, map[string]any{"expires_at": b.until.Unix()})
		return nil
	}
	b := &box{id: id, client: client, until: now.Add(Life), question: body}
	if r.held[client] >= r.cfg.PerClient {
		first := slices.IndexFunc(r.order, func(b *box) bool { return b.client == client && !b.over() })
		return &api.Error{Code: api.RateLimited, RetryAfter: r.order[first].until.Sub(now)}
	}
	if len(r.boxes) >= r.cfg.Boxes {
		return &api.Error{Code: api.Overloaded, RetryAfter: r.order[0].until.Sub(now)}
	}
	r.boxes[b.id] = b
	r.order = append(r.order, b)
	r.held[client]++
	serve.WriteJSON(w, http.StatusCreated, map[string]any{"expires_at": b.until.Unix()})
	return nil
}

// sweep forgets what is over.
func (r *Relay) sweep(now time.Time) {
	n := 0
	for n < len(r.order) && !now.Before(r.order[n].until) {
		if !r.order[n].over() {
			r.release(r.order[n])
		}
		delete(r.boxes, r.order[n].id)
		n++
	}
	r.order = append(r.order[:0:0], r.order[n:]...)
}

// release counts a box of a client no more.
func (r *Relay) release(b *box) {
	if r.held[b.client]--; r.held[b.client] == 0 {
		delete(r.held, b.client)
	}
}

// box finds a live one.
func (r *Relay) box(req *http.Request) (*box, error) {
	b := r.boxes[req.PathValue("id")]
	if b == nil || !r.cfg.Now().Before(b.until) {
		return nil, api.Errorf(api.NotFound, "there is no such box, or not any more")
	}
	return b, nil
}

func (r *Relay) question(w http.ResponseWriter, req *http.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	if err != nil {
		return err
	}
	if b.question == nil {
		return api.Errorf(api.NotFound, "there is no such box, or not any more")
	}
	write(w, b.question)
	b.question = nil
	return nil
}

func (r *Relay) put(w http.ResponseWriter, req *http.Request) error {
	body, err := read(w, req)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	if err != nil {
		return err
	}
	if b.answered && !bytes.Equal(b.answer, body) || b.question != nil { // nobody can answer what nobody read
		return api.Errorf(api.NotFound, "there is no such box, or not any more")
	}
	b.answer, b.answered = body, true
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (r *Relay) answer(w http.ResponseWriter, req *http.Request) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	switch {
	case err != nil:
		return err
	case b.answer != nil:
		write(w, b.answer)
		b.answer = nil
		r.release(b)
	case b.answered:
		return api.Errorf(api.NotFound, "there is no such box, or not any more")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

func write(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // the client went away: nobody is left to tell
}
