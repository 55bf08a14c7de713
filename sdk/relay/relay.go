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
// A box lives for five minutes, as a challenge does, in memory, or until its
// answer was read. What was read is gone. The id is 16 bytes in base64url, which
// the page computes from its key: the relay names no box, and question and answer
// are bound to the one that belongs to the key. An id that is wrong, taken, was
// read or is over answers not_found alike. Pages of every origin may ask: there
// are no cookies and nothing to steal. Handlers wait for a request's body and for
// nothing else.
//
// One client can fill a part of the mailbox and no more (Config.PerClient), and
// all it asks counts, found or not (Config.Requests): beyond, it is told
// rate_limited and when to come again. Clients are told apart by address, of
// IPv6 by the /64, so behind a proxy say which proxies to believe, or everybody
// is one client. Addresses are kept as long as their boxes, in memory, and in no
// log.
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
	Requests       serve.Rate       // of one client; 100 a second and 500 at once if zero: a page with a code asks once a second
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed; nobody's if empty
	Now            func() time.Time // time.Now if nil
	Logf           func(format string, args ...any)
}

// Relay is the mailbox, an http.Handler for paths below /relay. It is safe for
// concurrent use.
type Relay struct {
	cfg Config
	mux *http.ServeMux

	requests *serve.Buckets

	mu    sync.Mutex
	boxes map[string]*box
	order []*box         // by age: all live equally long
	held  map[string]int // boxes, by client
}

type box struct {
	id, client       string
	until            time.Time
	question, answer []byte // nil when there is none yet, or it was read
}

// New makes an empty mailbox.
func New(cfg Config) *Relay {
	if cfg.Boxes == 0 {
		cfg.Boxes = 4096
	}
	if cfg.PerClient == 0 {
		cfg.PerClient = 64
	}
	if cfg.Requests.PerSecond <= 0 {
		cfg.Requests = serve.Rate{PerSecond: 100, Burst: 500}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	r := &Relay{
		cfg: cfg, mux: http.NewServeMux(), boxes: map[string]*box{}, held: map[string]int{},
		requests: serve.NewBuckets(cfg.Requests, cfg.Now()),
	}
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
	if req.Method != http.MethodOptions { // a page learns nothing from a preflight that fails
		if wait := r.requests.Take(r.cfg.Now(), serve.Client(req, r.cfg.TrustedProxies)); wait > 0 {
			serve.WriteProblem(w, req, serve.Limited(wait))
			return
		}
	}
	r.mux.ServeHTTP(w, req)
}

func (r *Relay) preflight(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, PUT")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// reply is a decision, written when nothing is locked any more: a client that
// does not read holds up itself.
type reply struct {
	until time.Time // 201
	body  []byte    // 200; 204 if there is neither
}

func (r *Relay) handle(f func(http.ResponseWriter, *http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead { // comes with GET, and would take what it does not get
			serve.WriteProblem(w, req, api.Errorf(api.MethodNotAllowed, ""))
			return
		}
		said, err := f(w, req)
		switch {
		case err != nil:
			serve.LogProblem(r.cfg.Logf, req, err)
			serve.WriteProblem(w, req, err)
		case !said.until.IsZero():
			serve.WriteJSON(w, http.StatusCreated, map[string]any{"expires_at": said.until.Unix()})
		case said.body != nil:
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(said.body) // the client went away: nobody is left to tell
		default:
			w.WriteHeader(http.StatusNoContent)
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

func (r *Relay) open(w http.ResponseWriter, req *http.Request) (reply, error) {
	id := req.PathValue("id")
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(id); err != nil || len(raw) != 16 {
		return reply{}, api.Errorf(api.NotFound, "not the name of a box")
	}
	body, err := read(w, req)
	if err != nil {
		return reply{}, err
	}
	client := serve.Client(req, r.cfg.TrustedProxies)
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	if b := r.boxes[id]; b != nil {
		if !bytes.Equal(b.question, body) { // the same again: the answer to the first was lost
			return reply{}, api.Errorf(api.NotFound, "the box is taken")
		}
		return reply{until: b.until}, nil
	}
	if r.held[client] >= r.cfg.PerClient {
		first := slices.IndexFunc(r.order, func(b *box) bool { return b.client == client })
		return reply{}, serve.Limited(r.order[first].until.Sub(now))
	}
	if len(r.boxes) >= r.cfg.Boxes {
		return reply{}, &api.Error{Code: api.Overloaded, RetryAfter: r.order[0].until.Sub(now)}
	}
	b := &box{id: id, client: client, until: now.Add(Life), question: body}
	r.boxes[id] = b
	r.order = append(r.order, b)
	r.held[client]++
	return reply{until: b.until}, nil
}

// sweep forgets what is over.
func (r *Relay) sweep(now time.Time) {
	n := 0
	for n < len(r.order) && !now.Before(r.order[n].until) {
		r.forget(r.order[n])
		n++
	}
	r.order = slices.Delete(r.order, 0, n)
}

// forget does all but to take a box out of the order.
func (r *Relay) forget(b *box) {
	delete(r.boxes, b.id)
	if r.held[b.client]--; r.held[b.client] == 0 {
		delete(r.held, b.client)
	}
}

var errNone = api.Errorf(api.NotFound, "there is no such box, or not any more")

// box finds a live one.
func (r *Relay) box(req *http.Request) (*box, error) {
	r.sweep(r.cfg.Now())
	if b := r.boxes[req.PathValue("id")]; b != nil {
		return b, nil
	}
	return nil, errNone
}

func (r *Relay) question(_ http.ResponseWriter, req *http.Request) (reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	if err != nil {
		return reply{}, err
	}
	if b.question == nil {
		return reply{}, errNone
	}
	body := b.question
	b.question = nil
	return reply{body: body}, nil
}

func (r *Relay) put(w http.ResponseWriter, req *http.Request) (reply, error) {
	body, err := read(w, req)
	if err != nil {
		return reply{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	if err != nil {
		return reply{}, err
	}
	if b.answer != nil && !bytes.Equal(b.answer, body) || b.question != nil { // nobody can answer what nobody read
		return reply{}, errNone
	}
	b.answer = body
	return reply{}, nil
}

func (r *Relay) answer(_ http.ResponseWriter, req *http.Request) (reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.box(req)
	if err != nil {
		return reply{}, err
	}
	if b.answer == nil {
		return reply{}, nil
	}
	r.forget(b) // it has done its work
	at := slices.Index(r.order, b)
	r.order = slices.Delete(r.order, at, at+1)
	return reply{body: b.answer}, nil
}
