package agent_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/agent/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// board is an app with people and agents: real proofs hand grants in.
type board struct {
	t    *testing.T
	kit  *humantest.Kit
	site humantest.Site
	acts []string
	mu   sync.Mutex
}

func open(t *testing.T) *board {
	b := &board{t: t, kit: humantest.New(t, humantest.Options{})}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "agents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	desk, err := agent.New(agent.Config{
		RP: "forum.example", Store: store, Now: b.kit.Now,
		Limits: map[string]agent.Limit{"comment": {K: 4, Period: 24 * time.Hour}, "like": {K: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	gate, err := sdk.Open(t.Context(), b.kit.Config("forum.example"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	mux := http.NewServeMux()
	mux.Handle("POST /perhuman/challenge", gate.Challenges())
	mux.Handle("POST /agents", gate.RequireContent("delegate", sdk.Returning(), desk.Content, desk.Accept))
	mux.Handle("POST /agents/revoke", desk.Revoke())
	act := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		who := agent.From(r.Context())
		b.mu.Lock()
		defer b.mu.Unlock()
		b.acts = append(b.acts, who.Grant.Name+": "+string(body))
		fmt.Fprint(w, who.Left)
	}
	mux.Handle("POST /comments", desk.Require("comment", act))
	mux.Handle("POST /likes", desk.Require("like", act))
	b.site = humantest.Site{Handler: mux, Origin: "https://forum.example"}
	return b
}

// bot is an agent with its key and its grant.
type bot struct {
	key    ed25519.PrivateKey
	grant  scope.Grant
	id     scope.Digest
	secret [32]byte
}

func (b *board) make(name string, budget uint32, can ...string) *bot {
	b.t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	secret, hash, err := agent.Revocation(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	g := scope.Grant{RP: "forum.example", Agent: [32]byte(pub), Name: name, Can: can, Budget: budget, Expires: uint64(b.kit.Now().Add(48 * time.Hour).Unix()), Revocation: hash}
	id, err := g.Digest()
	if err != nil {
		b.t.Fatal(err)
	}
	if !agent.Revokes(secret, g) || agent.Revokes([32]byte{1}, g) {
		b.t.Error("the wrong secrets revoke")
	}
	return &bot{key, g, id, secret}
}

// delegate has a person hand the grant in, with a proof.
func (b *board) delegate(person string, x *bot) *httptest.ResponseRecorder {
	b.t.Helper()
	body, err := agent.Encode(x.grant)
	if err != nil {
		b.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/agents", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return b.kit.Person(person).Send(b.site, r, "delegate", x.id)
}

func (b *board) request(x *bot, path, body string) *http.Request {
	b.t.Helper()
	r := httptest.NewRequest("POST", "https://forum.example"+path, strings.NewReader(body))
	if err := agent.Sign(r, []byte(body), x.id, x.key, b.kit.Now(), rand.Reader); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *board) send(r *http.Request) (api.Code, string) {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.site.Handler.ServeHTTP(w, r)
	if w.Code == 200 {
		return api.OK, w.Body.String()
	}
	var p struct{ Code api.Code }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		b.t.Fatalf("%d %s", w.Code, w.Body)
	}
	if want := p.Code.Info().Status; w.Code != want {
		b.t.Errorf("%s came with status %d", p.Code, w.Code)
	}
	return p.Code, ""
}

func (b *board) want(r *http.Request, want api.Code) string {
	b.t.Helper()
	got, said := b.send(r)
	if got != want {
		b.t.Fatalf("%s, want %s", got, want)
	}
	return said
}

// A person delegates with a proof; the agent acts; budgets count per human, not
// per agent; another human has a budget of their own.
func TestBudgetsCountPerHuman(t *testing.T) {
	b := open(t)
	one, two, other := b.make("helper", 3, "comment"), b.make("second helper", 10, "comment", "like"), b.make("theirs", 10, "comment")
	b.want(b.request(one, "/comments", "early"), api.GrantUnknown)
	for person, bots := range map[string][]*bot{"ada": {one, two}, "bao": {other}} {
		for _, x := range bots {
			if w := b.delegate(person, x); w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), scope.EncodeToken(x.id[:])) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	for i, left := range []string{"2", "1", "0"} {
		if said := b.want(b.request(one, "/comments", fmt.Sprint("hello ", i)), api.OK); said != left {
			t.Errorf("act %d leaves %s, want %s", i, said, left)
		}
	}
	b.want(b.request(one, "/comments", "a fourth"), api.BudgetExhausted) // of the grant
	if said := b.want(b.request(two, "/comments", "through another agent"), api.OK); said != "0" {
		t.Error("left", said)
	}
	b.want(b.request(two, "/comments", "a fifth of the human"), api.BudgetExhausted)
	b.want(b.request(two, "/likes", "another action"), api.OK)
	b.want(b.request(other, "/comments", "another human"), api.OK)
	b.want(b.request(one, "/likes", "not granted"), api.GrantLacks)
	b.kit.Advance(24 * time.Hour)
	b.want(b.request(two, "/comments", "the next day"), api.OK)
	b.want(b.request(one, "/comments", "a grant's budget is for ever"), api.BudgetExhausted)
	b.kit.Advance(25 * time.Hour)
	b.want(b.request(two, "/comments", "after its end"), api.GrantExpired)
	if len(b.acts) != 7 || b.acts[0] != "helper: hello 0" {
		t.Errorf("%q", b.acts)
	}
}

// Revocation works at once, with the secret alone; a wrong one ends nothing.
func TestRevocation(t *testing.T) {
	b := open(t)
	x := b.make("helper", 10, "comment")
	b.delegate("ada", x)
	b.want(b.request(x, "/comments", "one"), api.OK)
	waiting := b.request(x, "/comments", "signed before, sent after")
	revoke := func(secret []byte) api.Code {
		code, _ := b.send(httpJSON("/agents/revoke", `{"secret":"`+scope.EncodeToken(secret)+`"}`))
		return code
	}
	if code := revoke(make([]byte, 32)); code != api.GrantUnknown {
		t.Error(code)
	}
	if code := revoke([]byte("short")); code != api.NotCanonical {
		t.Error(code)
	}
	for range 2 {
		if code := revoke(x.secret[:]); code != api.OK {
			t.Error(code)
		}
	}
	b.want(waiting, api.GrantRevoked)
	b.delegate("ada", x) // handing it in again does not bring it back
	b.want(b.request(x, "/comments", "again"), api.GrantRevoked)
}

func httpJSON(path, body string) *http.Request {
	r := httptest.NewRequest("POST", "https://forum.example"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// One request counts once, however often and from wherever it is sent; what was
// signed is what must arrive.
func TestRequestsAreBound(t *testing.T) {
	b := open(t)
	x := b.make("helper", 100, "comment", "like")
	b.delegate("ada", x)
	r := b.request(x, "/likes", "once")
	copies := make([]*http.Request, 16)
	for i := range copies {
		copies[i] = r.Clone(t.Context())
		copies[i].Body = io.NopCloser(strings.NewReader("once"))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[api.Code]int{}
	for _, c := range copies {
		all.Go(func() {
			code, _ := b.send(c)
			mu.Lock()
			defer mu.Unlock()
			seen[code]++
		})
	}
	all.Wait()
	if seen[api.OK] != 1 || seen[api.RequestReplayed] != 15 {
		t.Errorf("%v", seen)
	}
	for name, spoil := range map[string]func(*http.Request){
		"another host":      func(r *http.Request) { r.Host = "shop.example" },
		"another path":      func(r *http.Request) { r.URL.Path = "/comments" },
		"a query":           func(r *http.Request) { r.URL.RawQuery = "as=root" },
		"another body":      func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("twice")) },
		"no signature":      func(r *http.Request) { r.Header.Del("Signature") },
		"two signatures":    func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) },
		"no input":          func(r *http.Request) { r.Header.Del("Signature-Input") },
		"fewer components":  replace("Signature-Input", `"@path" `, ""),
		"another order":     replace("Signature-Input", `"@method" "@authority"`, `"@authority" "@method"`),
		"another algorithm": replace("Signature-Input", `"ed25519"`, `"hmac-sha256"`),
		"another tag":       replace("Signature-Input", `"perhuman-agent"`, `"web-bot-auth"`),
		"spaces":            replace("Signature-Input", `;created`, `; created`),
		"another label":     replace("Signature-Input", "perhuman=", "sig1="),
		"a second member":   func(r *http.Request) { r.Header.Set("Signature-Input", r.Header.Get("Signature-Input")+", b=()") },
		"a longer life":     func(r *http.Request) { r.Header.Set("Signature-Input", stretch(r.Header.Get("Signature-Input"))) },
		"another digest":    func(r *http.Request) { r.Header.Set("Content-Digest", "sha-256=:AAAA:") },
		"not base64url":     func(r *http.Request) { r.Header.Set(agent.HeaderGrant, "!") },
	} {
		r := b.request(x, "/likes", "bound")
		spoil(r)
		if code, _ := b.send(r); code != api.SignatureInvalid {
			t.Errorf("%s: %s", name, code)
		}
	}
	method := httptest.NewRequest("PUT", "https://forum.example/likes", strings.NewReader("bound"))
	if err := agent.Sign(method, []byte("bound"), x.id, x.key, b.kit.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	method.Method = "POST"
	b.want(method, api.SignatureInvalid)
	late := b.request(x, "/likes", "late")
	b.kit.Advance(2 * time.Minute)
	b.want(late, api.SignatureInvalid)
	early := httptest.NewRequest("POST", "https://forum.example/likes", strings.NewReader(""))
	if err := agent.Sign(early, nil, x.id, x.key, b.kit.Now().Add(time.Minute), rand.Reader); err != nil {
		t.Fatal(err)
	}
	b.want(early, api.SignatureInvalid)

	thief := *x
	thief.key = b.make("thief", 1, "like").key
	b.want(b.request(&thief, "/likes", "with another key"), api.SignatureInvalid)
}

func replace(header, from, to string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(header, strings.Replace(r.Header.Get(header), from, to, 1)) }
}

func stretch(input string) string {
	i := strings.Index(input, "expires=") + len("expires=")
	return input[:i] + "9" + input[i+1:]
}

// Grants for another site, for what agents may not do, without an end in sight
// or of a shape that is not the one are refused before a proof is asked for.
func TestGrantsThatAreRefused(t *testing.T) {
	b := open(t)
	for name, edit := range map[string]func(*scope.Grant){
		"another site":      func(g *scope.Grant) { g.RP = "shop.example" },
		"an unknown action": func(g *scope.Grant) { g.Can = []string{"vote"} },
		"for ever":          func(g *scope.Grant) { g.Expires += 1 << 30 },
		"over already":      func(g *scope.Grant) { g.Expires = uint64(b.kit.Now().Unix()) },
	} {
		x := b.make("helper", 1, "comment")
		edit(&x.grant)
		var err error
		if x.id, err = x.grant.Digest(); err != nil {
			t.Fatal(err)
		}
		if w := b.delegate("ada", x); w.Code == http.StatusCreated {
			t.Errorf("%s is accepted", name)
		}
	}
	x := b.make("helper", 1, "comment")
	if w := b.delegate("ada", x); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.delegate("bao", x); w.Code == http.StatusCreated {
		t.Error("another human hands in the same grant")
	}
}
