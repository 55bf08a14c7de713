package main

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perhuman/perhuman/demo/web"
	"github.com/perhuman/perhuman/docs/site"
	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/sdk/serve"
	sdkweb "github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/semaphore/scope"
	verifierhttp "github.com/perhuman/perhuman/verifier/httpapi"
)

// The board's two actions.
const (
	actionPost  = "post"    // five posts a day for each human
	actionHello = "sign-in" // the same human is recognised when back
)

const (
	postsPerDay  = 5
	postsShown   = 20   // on a page of the feed
	maxText      = 2000 // bytes
	clockLeeway  = 10 * time.Minute
	sessionName  = "agora_session"
	sessionBytes = 16
)

var postPolicy = sdk.PerDay(postsPerDay)

// draft is what the page sends: a post before it has a proof.
type draft struct {
	Author  string `json:"author"`
	Text    string `json:"text"`
	Created uint64 `json:"created"`
}

// boardRoutes are the routes of the board: what any app with a few posts has,
// and the gate around one of them.
func (w *world) boardRoutes() (http.Handler, error) {
	pages, err := web.Board(reading{w}, w.cfg.url(walletHost), w.cfg.url(issuerHost)+"/")
	if err != nil {
		return nil, err
	}
	service, err := w.service()
	if err != nil {
		return nil, err
	}
	manual, err := site.Pages(site.Config{OpenAPI: verifierhttp.OpenAPI(), Name: "Board"})
	if err != nil {
		return nil, err
	}
	docs, err := sdkweb.Serve(manual, sdkweb.Policy{})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle(site.Prefix, docs)
	mux.Handle("/llms.txt", docs)
	for _, path := range []string{"/perhuman/challenge", "/posts", "/sign-in", "/api/bot/prepare", "/poll/{n}/vote", "/api/poll/next", "/api/poll/crowd", "/comments", "/claim", "/agents", "/agents/revoke", "/agent/comments", "/api/agent/tell"} {
		mux.HandleFunc(path, onlyPost) // else the pages would answer that they take GET
	}
	mux.Handle("GET /.well-known/perhuman.json", w.gate.WellKnown())
	mux.Handle("POST /perhuman/challenge", w.gate.Challenges())
	mux.Handle("POST /posts", w.gate.RequireContent(actionPost, postPolicy, w.digest, w.publish))
	mux.Handle("POST /sign-in", w.gate.Require(actionHello, sdk.Returning(), w.hello))
	mux.Handle("POST /comments", w.gate.RequireContent(actionComment, sdk.PerDay(commentsPerDay), w.remarkDigest, w.remark))
	mux.Handle("POST /claim", w.gate.Require(actionClaim, sdk.Once(), w.claim))
	mux.Handle("POST /agents", w.gate.RequireContent(actionDelegate, sdk.Returning(), w.grantDigest, w.desk.Accept))
	mux.Handle("POST /agents/revoke", w.desk.Revoke())
	mux.Handle("POST /agent/comments", w.agentRemark(w.desk.Require(actionComment, w.agentComment)))
	mux.HandleFunc("GET /api/lab", w.lab.state)
	mux.HandleFunc("POST /api/lab", ownPages(w.lab.start))
	mux.HandleFunc("GET /api/agent", w.helper.describe)
	mux.HandleFunc("POST /api/agent/tell", ownPages(w.helper.tell))
	for _, path := range []string{"/v1/", "/livez", "/readyz"} {
		mux.Handle(path, service)
	}
	mux.HandleFunc("GET /api/session", w.session)
	mux.HandleFunc("GET /api/posts", w.list)
	mux.HandleFunc("GET /api/posts/{id}/bundle", w.bundle)
	mux.HandleFunc("GET /api/counters", w.count)
	mux.HandleFunc("GET /api/bot/cases", w.bots.list)
	mux.HandleFunc("POST /api/bot/prepare", ownPages(w.bots.prepare))
	w.polls.routes(mux)
	return serve.SecurityHeaders(mux), nil
}

// reading is what the pages show before any script runs.
type reading struct{ w *world }

func (r reading) Posts(ctx context.Context, before int64) ([]web.Post, int64, error) {
	all, older, err := r.w.posts.page(ctx, before, postsShown)
	out := make([]web.Post, len(all))
	for i, p := range all {
		out[i] = web.Post{ID: p.ID, Author: p.Author, Text: p.Text, Created: p.Created, Verified: p.Verified, Seed: p.Seed, Earlier: p.Earlier}
		for _, c := range p.Comments {
			out[i].Comments = append(out[i].Comments, web.Comment{Author: c.Author, Text: c.Text, Agent: c.Agent, Created: c.Created})
		}
	}
	return out, older, err
}

func (r reading) Poll() any {
	if p := r.w.polls.current(); p != nil {
		return p.state()
	}
	return nil
}

// Record is what the issuer's own page tells in full.
func (r reading) Record() *web.Record {
	states := r.w.issuer.Recent(12)
	if len(states) == 0 {
		return nil
	}
	counts := make([]uint64, len(states)) // the newest state is the first
	for i, s := range states {
		counts[len(states)-1-i] = s.Live
	}
	now := states[0]
	return &web.Record{People: now.Live, State: now.Seq, At: now.Created.UTC().Format("15:04 UTC"), Bars: web.Bars(counts)}
}

func (r reading) Rules() web.Rules {
	rules := web.Rules{Posts: postsPerDay, Delegated: agentsPerDay, Crowd: r.w.cfg.crowd, Swarm: r.w.lab.sent(), Issuer: r.w.issuer.VKey(), Origin: r.w.cfg.url(boardHost)}
	for _, a := range attacks() {
		rules.Attacks = append(rules.Attacks, web.Attack{Title: a.Title, What: a.What, Expect: string(a.Expect)})
	}
	return rules
}

// service is the same verifier over HTTP, as an app in another language would
// use it. Its key is one that a service outside the demonstration refuses.
func (w *world) service() (http.Handler, error) {
	key, err := w.cfg.secret("app.key", func() ([]byte, error) {
		key, err := verifierhttp.NewKey(rand.Reader, verifierhttp.DemoKey)
		return []byte(key), err
	})
	if err != nil {
		return nil, err
	}
	return verifierhttp.New(verifierhttp.Options{
		Apps: []verifierhttp.App{{Key: string(key), Verifier: w.gate.Verifier(), Actions: map[string]scope.Policy{
			actionPost: postPolicy, actionHello: sdk.Returning(),
		}}},
		Issuers: []string{w.issuer.VKey()}, Demo: true, Rand: rand.Reader, Logf: w.logf, Observe: w.counters.Observe,
	})
}

// canonical reads a draft as the post that its proof must be bound to.
func (w *world) canonical(body []byte) (scope.Post, error) {
	var d draft
	if err := api.Decode(body, &d); err != nil {
		return scope.Post{}, err
	}
	if !readable(d.Text) || len(d.Text) > maxText {
		return scope.Post{}, api.Errorf(api.MalformedRequest, "a post has words, in %d bytes at most", maxText)
	}
	if !isName(d.Author) {
		return scope.Post{}, api.Errorf(api.MalformedRequest, "an author is one line, in %d bytes at most", maxName)
	}
	if age := time.Since(time.Unix(int64(d.Created), 0)); d.Created > 1<<40 || age > clockLeeway || age < -clockLeeway {
		return scope.Post{}, api.Errorf(api.MalformedRequest, "created is not now")
	}
	return scope.Post{RP: w.cfg.rp(), Author: d.Author, Created: d.Created, Text: d.Text}, nil
}

func (w *world) digest(r *http.Request, body []byte) (scope.Digest, error) {
	if err := serve.CheckMediaType(r, "application/json"); err != nil {
		return scope.Digest{}, err
	}
	p, err := w.canonical(body)
	if err != nil {
		return scope.Digest{}, err
	}
	return p.Digest()
}

// publish stores the post together with the bundle that proves it to anybody.
// It runs again when an accepted request is sent again: if we died between the
// proof's spending and here, the post is stored now, else the answer is the
// refusal that every replay gets.
func (w *world) publish(rw http.ResponseWriter, r *http.Request) {
	if who := sdk.PersonFrom(r.Context()); who.Verdict.Replayed {
		switch id, err := w.posts.stored(r.Context(), who.Verdict.VerificationID); {
		case err != nil:
			w.problem(rw, r, err)
			return
		case id != 0:
			w.gate.RefuseReplay(rw, r)
			return
		}
	}
	id, err := w.store(r)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusCreated, map[string]any{"id": id, "code": api.OK})
}

func (w *world) store(r *http.Request) (int64, error) {
	who := sdk.PersonFrom(r.Context())
	body, err := serve.ReadBody(nil, r, 1<<16)
	if err != nil {
		return 0, err
	}
	p, err := w.canonical(body)
	if err != nil {
		return 0, err
	}
	proof, _, err := w.gate.RootProof(r.Context(), who.Proof.MerkleTreeRoot)
	if err != nil {
		return 0, api.Wrap(api.RootsStale, err)
	}
	token, err := scope.DecodeToken(who.Challenge)
	if err != nil {
		return 0, api.Wrap(api.Internal, err)
	}
	bundle, err := post.New(post.Params{
		Post: p, Action: actionPost, Period: who.Period, Slot: who.Slot, Proof: who.Proof, Challenge: token, RootProof: proof,
		Receipt: &post.Receipt{RootSeq: who.Receipt.RootSeq, AcceptedAt: who.Receipt.AcceptedAt, Signature: w.gate.Receipt(who)},
	})
	if err != nil {
		return 0, api.Wrap(api.Internal, err)
	}
	text, err := json.Marshal(bundle)
	if err != nil {
		return 0, api.Wrap(api.Internal, err)
	}
	row := boardPost{Author: p.Author, Text: p.Text, Created: p.Created, Seed: boardSession(r) == w.greeting || w.bots.own(who.Challenge)}
	return w.posts.add(r.Context(), row, who.Verdict.VerificationID, text)
}

// hello is a sign-in without an account: the same human gets the same name.
func (w *world) hello(rw http.ResponseWriter, r *http.Request) {
	who := sdk.PersonFrom(r.Context())
	if who.Verdict.Replayed { // it is not a visit
		w.gate.RefuseReplay(rw, r)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"code": api.OK, "pseudonym": who.Nullifier, "returning": who.Returning})
}

// problem answers an error, and tells the operator what is wrong with us.
func (w *world) problem(rw http.ResponseWriter, r *http.Request, err error) {
	serve.LogProblem(w.logf, r, err)
	serve.WriteProblem(rw, r, err)
}

func onlyPost(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Allow", http.MethodPost)
	serve.WriteProblem(rw, r, api.Errorf(api.MethodNotAllowed, ""))
}

// ownPages keeps a button for the board's own pages: no proof guards these
// routes, and a browser sends a form for any page that it is shown.
func ownPages(next http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if err := serve.SameOrigin(r); err != nil {
			serve.WriteProblem(rw, r, err)
			return
		}
		next(rw, r)
	}
}

// boardSession ties challenges to the visitor's cookie.
func boardSession(r *http.Request) string {
	if c, err := r.Cookie(sessionName); err == nil {
		return c.Value
	}
	return ""
}

// session gives a visitor a cookie, and the page what it needs to know.
func (w *world) session(rw http.ResponseWriter, r *http.Request) {
	value := boardSession(r)
	if raw, err := hex.DecodeString(value); err != nil || len(raw) != sessionBytes {
		fresh := make([]byte, sessionBytes)
		_, _ = rand.Read(fresh) // never fails
		value = hex.EncodeToString(fresh)
		http.SetCookie(rw, &http.Cookie{Name: sessionName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}) // #nosec G124 -- loopback without TLS, where Secure would lose it
	}
	name := sha256.Sum256([]byte("handle " + value))
	keys := []string{}
	for _, key := range w.gate.Verifier().PublicKeys() {
		keys = append(keys, scope.EncodeToken(key))
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]any{
		"handle":  "guest-" + hex.EncodeToString(name[:3]),
		"rp":      w.cfg.rp(),
		"wallet":  w.cfg.url(walletHost),
		"issuer":  map[string]string{"vkey": w.issuer.VKey(), "at": w.cfg.url(issuerHost)},
		"rp_keys": keys,
		"policy":  map[string]any{"kind": postPolicy.Kind.String(), "len": postPolicy.Len, "k": postPolicy.K},
	})
}

func (w *world) list(rw http.ResponseWriter, r *http.Request) {
	all, older, err := w.posts.page(r.Context(), web.Before(r), postsShown)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	rw.Header().Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		serve.WriteJSON(rw, http.StatusOK, map[string]any{"posts": all, "older": older})
		return
	}
	// A full page of long posts is most of what the board weighs.
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Encoding", "gzip")
	h.Set("Cache-Control", "no-store")
	zip := gzip.NewWriter(rw)
	err = json.NewEncoder(zip).Encode(map[string]any{"posts": all, "older": older})
	if err = errors.Join(err, zip.Close()); err != nil {
		w.logf("board: posts: %v", err) // the reader is gone
	}
}

func (w *world) bundle(rw http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		serve.WriteProblem(rw, r, api.Errorf(api.NotFound, "no such post"))
		return
	}
	bundle, err := w.posts.bundle(r.Context(), id)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	rw.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	serve.WriteJSON(rw, http.StatusOK, bundle)
}

// count shows the verifier's own counters: codes and numbers, nobody's data.
func (w *world) count(rw http.ResponseWriter, _ *http.Request) {
	serve.WriteJSON(rw, http.StatusOK, w.counters.Snapshot())
}
