package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// shot is one HTTP request of an attack, ready to be fired at a public route.
type shot struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// attack is something a bot may try, and the code that stops it.
type attack struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	What   string   `json:"what"`
	Expect api.Code `json:"expect"`
	load   func(ctx context.Context, b *bots, session string) (shot, error)
}

// bots prepares attacks. It lends itself members of the synthetic crowd, whose
// secrets are public, so that its proofs are real ones: what they lack is the
// right to be used the way they are.
type bots struct {
	w      *world
	rogue  *rogue
	client *http.Client

	mu    sync.Mutex
	next  int             // crowd member to act as
	tries map[string]bool // challenges of honest attempts that are under way
}

func newBots(w *world) (*bots, error) {
	prover, err := prove.New(bytes.NewReader(depth20.ZKey()))
	if err != nil {
		return nil, err
	}
	start, err := rand.Int(rand.Reader, big.NewInt(int64(len(w.crowd))))
	if err != nil {
		return nil, err
	}
	return &bots{
		w: w, rogue: newRogue(prover), next: int(start.Int64()), tries: map[string]bool{},
		client: &http.Client{Transport: sethttp.NewTransport(), Timeout: 30 * time.Second},
	}, nil
}

// member gives another member of the crowd at each call.
func (b *bots) member() *semaphore.Identity { return b.w.crowd[b.number()] }

// number is that of another member of the crowd at each call.
func (b *bots) number() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = (b.next + 1) % len(b.w.crowd)
	return b.next
}

// own tells whether a post comes from an attempt of the bots that the board is to
// accept: a made-up person's, and shown as such.
func (b *bots) own(challenge string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries[challenge]
}

// try marks a challenge as the bots' while f fires it.
func (b *bots) try(challenge string, f func()) {
	mark := func(on bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.tries[challenge] = on; !on {
			delete(b.tries, challenge)
		}
	}
	mark(true)
	defer mark(false)
	f()
}

func (b *bots) list(rw http.ResponseWriter, _ *http.Request) {
	serve.WriteJSON(rw, http.StatusOK, attacks())
}

// prepare makes one attack for the visitor's own session. The page fires it.
func (b *bots) prepare(rw http.ResponseWriter, r *http.Request) {
	var q struct {
		Case string `json:"case"`
	}
	err := serve.ReadJSON(rw, r, 1<<10, &q)
	if err != nil {
		b.w.problem(rw, r, err)
		return
	}
	for _, a := range attacks() {
		if a.ID != q.Case {
			continue
		}
		s, err := a.load(r.Context(), b, boardSession(r))
		if err != nil {
			b.w.problem(rw, r, err)
			return
		}
		serve.WriteJSON(rw, http.StatusOK, s)
		return
	}
	serve.WriteProblem(rw, r, api.Errorf(api.NotFound, "no such attack"))
}

// set is the issuer's current set, rebuilt from its public leaves.
func (b *bots) set() (*semaphore.Group, error) {
	leaves, err := b.w.leaves()
	if err != nil {
		return nil, err
	}
	if len(leaves) < 2 {
		return nil, api.Errorf(api.Overloaded, "the synthetic crowd is still being enrolled")
	}
	return semaphore.NewGroup(leaves...)
}

// challenge asks the board's public route for one, as the page of a visitor
// with this session would.
func (b *bots) challenge(ctx context.Context, action string, content scope.Digest, session string) (string, error) {
	body, err := json.Marshal(api.ChallengeRequest{Action: action, ContentDigest: scope.EncodeToken(content[:])})
	if err != nil {
		return "", err
	}
	status, answer, err := b.fire(ctx, shot{Method: http.MethodPost, Path: "/perhuman/challenge", Headers: jsonHeader(), Body: string(body)}, session)
	if err != nil {
		return "", err
	}
	var c api.ChallengeResponse
	if status != http.StatusOK { // pass on what the board says
		var refused codedBody
		if err := json.Unmarshal(answer, &refused); err != nil || refused.Code.Info().Status < http.StatusBadRequest {
			return "", fmt.Errorf("demo: no challenge: status %d", status)
		}
		return "", api.Errorf(refused.Code, "no challenge")
	}
	if err := json.Unmarshal(answer, &c); err != nil {
		return "", fmt.Errorf("demo: no challenge: %w", err)
	}
	return c.Challenge, nil
}

// fire sends a request to the board over HTTP.
func (b *bots) fire(ctx context.Context, s shot, session string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, s.Method, b.w.cfg.url(boardHost)+s.Path, bytes.NewReader([]byte(s.Body))) // #nosec G704 -- the base is this process's own board, the path one of the attacks'
	if err != nil {
		return 0, nil, err
	}
	for k, v := range s.Headers {
		r.Header.Set(k, v)
	}
	r.Header.Set("Origin", b.w.cfg.url(boardHost))
	if session != "" {
		r.AddCookie(&http.Cookie{Name: sessionName, Value: session}) // #nosec G124 -- in a request, where a cookie has a name and a value only
	}
	resp, err := b.client.Do(r) // #nosec G704 -- see above
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, body, err
}

func jsonHeader() map[string]string { return map[string]string{"Content-Type": "application/json"} }

// newSession is a cookie of nobody's.
func newSession() string {
	b, _ := random(sessionBytes) // never fails
	return hex.EncodeToString(b)
}
