package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/agent"
	agents "github.com/perhuman/perhuman/sdk/agent/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	actionDelegate = "delegate"
	agentsPerDay   = 6 // comments of all agents of one human, a day
)

// helper is the demonstration's agent: a program with a key, that comments when
// it is told to. It reaches the board over HTTP like any program in the world;
// nothing but its signature and the grant lets it in.
type helper struct {
	w    *world
	key  ed25519.PrivateKey
	http *http.Client
	mu   sync.Mutex
	n    int
}

func (w *world) openAgents(ctx context.Context) error {
	store, err := agents.Open(ctx, filepath.Join(w.cfg.dir, "agents.db"))
	if err != nil {
		return err
	}
	w.onClose(store.Close)
	w.desk, err = agent.New(agent.Config{
		RP: w.cfg.rp(), Store: store, Logf: w.logf,
		Limits: map[string]agent.Limit{actionComment: {K: agentsPerDay, Period: 24 * time.Hour}},
	})
	if err != nil {
		return err
	}
	seed, err := w.cfg.secret("agent.key", func() ([]byte, error) { return random(ed25519.SeedSize) })
	if err != nil {
		return err
	}
	if len(seed) != ed25519.SeedSize {
		return errors.New("agent.key does not hold a key")
	}
	w.helper = &helper{w: w, key: ed25519.NewKeyFromSeed(seed), http: w.bots.client}
	return nil
}

// grantDigest is what a proof for a grant is bound to. An agent's comments stand
// under the grant's name, which must be one.
func (w *world) grantDigest(r *http.Request, body []byte) (scope.Digest, error) {
	digest, err := w.desk.Content(r, body)
	if err != nil {
		return digest, err
	}
	var in struct {
		Grant string `json:"grant"`
	}
	if err := api.Decode(body, &in); err != nil {
		return digest, err
	}
	raw, err := scope.DecodeToken(in.Grant)
	if err != nil {
		return digest, api.Wrap(api.NotCanonical, err)
	}
	g, err := scope.ParseGrant(raw)
	if err != nil {
		return digest, api.Wrap(api.MalformedRequest, err)
	}
	if !isName(g.Name) {
		return digest, api.Errorf(api.MalformedRequest, "an agent's name is one line, in %d bytes at most", maxName)
	}
	return digest, nil
}

// agentRemark reads a comment before the desk counts it: one that could not
// stand costs no agent a part of its budget.
func (w *world) agentRemark(next http.Handler) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		body, err := serve.ReadBody(rw, r, maxRemark)
		if err == nil {
			_, err = w.remarkDigest(r, body)
		}
		if err != nil {
			w.problem(rw, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(rw, r)
	}
}

// agentComment is behind the desk: an agent's comment.
func (w *world) agentComment(rw http.ResponseWriter, r *http.Request) {
	who := agent.From(r.Context())
	if _, err := w.storeRemark(r, who.Grant.Name, "agent "+r.Header.Get("Signature")); err != nil {
		w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusCreated, map[string]any{"code": api.OK, "left": who.Left, "name": who.Grant.Name})
}

// describe tells the page the helper's public key.
func (h *helper) describe(rw http.ResponseWriter, _ *http.Request) {
	pub := h.key.Public().(ed25519.PublicKey)
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"key": scope.EncodeToken(pub), "per_day": agentsPerDay})
}

// tell has the helper comment under the newest post, and passes on what the
// board answered it, with the signed request that it sent.
func (h *helper) tell(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Grant string `json:"grant"`
		Name  string `json:"name"`
	}
	err := serve.ReadJSON(rw, r, 1<<10, &in)
	if err != nil {
		h.w.problem(rw, r, err)
		return
	}
	raw, err := scope.DecodeToken(in.Grant)
	if err != nil || len(raw) != 32 {
		h.w.problem(rw, r, api.Errorf(api.NotCanonical, "grant is base64url of 32 bytes"))
		return
	}
	sent, answer, status, err := h.comment(r.Context(), scope.Digest(raw), oneLine(in.Name))
	if err != nil {
		h.w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"status": status, "answer": answer, "sent": sent})
}

// lines are what the helper says.
func lines() []string {
	return []string{
		"My person is asleep, and asked me to say: well put.",
		"I looked it up for my person. The sources agree.",
		"My person would like to hear more about this.",
		"Noted, and put on my person’s list.",
	}
}

func (h *helper) comment(ctx context.Context, grant scope.Digest, name string) (sent map[string]string, answer json.RawMessage, status int, err error) {
	all, err := h.w.posts.list(ctx, 1)
	if err != nil || len(all) == 0 {
		return nil, nil, 0, errors.Join(api.Errorf(api.NotFound, "there is no post yet"), err)
	}
	h.mu.Lock()
	said := lines()[h.n%len(lines())]
	h.n++
	h.mu.Unlock()
	body, err := json.Marshal(remark{Post: all[0].ID, Author: name, Text: said, Created: uint64(time.Now().Unix())})
	if err != nil {
		return nil, nil, 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.w.cfg.url(boardHost)+"/agent/comments", bytes.NewReader(body))
	if err != nil {
		return nil, nil, 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := agent.Sign(r, body, grant, h.key, time.Now(), rand.Reader); err != nil {
		return nil, nil, 0, err
	}
	resp, err := h.http.Do(r)
	if err != nil {
		return nil, nil, 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	sent = map[string]string{"body": string(body)}
	for _, name := range []string{"Content-Digest", "Perhuman-Grant", "Signature-Input", "Signature"} {
		sent[name] = r.Header.Get(name)
	}
	return sent, text, resp.StatusCode, err
}
