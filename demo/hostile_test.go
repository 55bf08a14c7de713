package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// TestHostile plays what other sites, slow clients, replays and races do to the
// board's own routes: those that the demo adds around the library.
func TestHostile(t *testing.T) {
	s, _ := running(t)
	s.ada, s.ben = member(t, s, "ada", adaPersona), member(t, s, "ben", benPersona)
	for end := time.Now().Add(time.Minute); s.world.polls.current() == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no poll is opened")
		}
	}
	t.Run("another site presses no button", func(t *testing.T) { otherSite(t, s) })
	t.Run("nothing to read is no post, and a name is one line", func(t *testing.T) { blanks(t, s) })
	t.Run("a comment sent again is a replay", func(t *testing.T) { commentAgain(t, s) })
	t.Run("an agent is shown by its grant's name, and pays for no mistake", func(t *testing.T) { agentNamed(t, s) })
	t.Run("each part of a signed request is held to it", func(t *testing.T) { signedParts(t, s) })
	t.Run("the last act of a budget, eight times at once", func(t *testing.T) { lastAct(t, s) })
	t.Run("a revocation in the middle of use", func(t *testing.T) { revokedMeanwhile(t, s) })
	t.Run("who sends a vote slowly holds up no poll", func(t *testing.T) { slowVoter(t, s) })
	t.Run("a poll closed in the middle of voting", func(t *testing.T) { closingRace(t, s) })
	t.Run("two visitors send one swarm, and the next begins anew", func(t *testing.T) { swarms(t, s) })
	t.Run("the heaviest feed", func(t *testing.T) { heaviest(t, s) })
	t.Run("more attacks are asked for than can be made", func(t *testing.T) { tooManyAttacks(t, s) })
}

// ask sends a request as it is, and gives status and code.
func ask(t *testing.T, s *story, method, path, body string, headers ...string) (int, api.Code) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.cfg.url(boardHost)+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.world.bots.client.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	var answer codedBody
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	_ = json.Unmarshal(b, &answer) // what is not JSON has no code
	return resp.StatusCode, answer.Code
}

// otherSite: a page elsewhere can have a visitor's browser send what a form
// sends; the board's buttons do nothing for it.
func otherSite(t *testing.T, s *story) {
	before := s.world.polls.current()
	for _, path := range []string{"/api/lab", "/api/poll/crowd", "/api/poll/next", "/api/agent/tell", "/api/bot/prepare"} {
		for _, from := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site", "Origin", s.cfg.url(walletHost)}, {"Origin", "null"}} {
			status, code := ask(t, s, http.MethodPost, path, `{"case":"no-proof"}`, append(from, "Content-Type", "text/plain")...)
			if status != http.StatusForbidden || code != api.OriginNotAllowed {
				t.Errorf("%s from %v: %d %q", path, from, status, code)
			}
		}
	}
	if s.world.lab.sent() {
		t.Error("a swarm is out")
	}
	if now := s.world.polls.current(); now != before || now.state().Votes != 0 || now.state().Closed {
		t.Errorf("the poll: %+v", now.state())
	}
}

func blanks(t *testing.T, s *story) {
	for _, d := range []draft{
		{Author: "ada", Text: " \n\t "}, {Author: "ada", Text: "\u200b\u2060\ufeff"}, {Author: "ada", Text: "\u3164\u2800"},
		{Author: "\u200b", Text: "No name."}, {Author: "ada\u202e", Text: "A name that turns the line around."}, {Author: "ada\u2067", Text: "And this."}, {Author: "ada\n✓ verified", Text: "Two lines."},
		{Author: strings.Repeat("ada", 30), Text: "A name as long as a post."},
	} {
		d.Created = uint64(time.Now().Unix())
		content, err := scope.Post{RP: s.cfg.rp(), Author: d.Author, Created: d.Created, Text: d.Text}.Digest()
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.world.canonical(body)
		if api.CodeOf(err) != api.MalformedRequest {
			t.Errorf("%q by %q: %v %v %v", d.Text, d.Author, r, content, err)
		}
		in, err := json.Marshal(remark{Post: 1, Author: d.Author, Text: d.Text, Created: d.Created})
		if err != nil {
			t.Fatal(err)
		}
		said, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/comments", nil)
		if err != nil {
			t.Fatal(err)
		}
		said.Header.Set("Content-Type", "application/json")
		if _, err := readRemark(said, in); api.CodeOf(err) != api.MalformedRequest {
			t.Errorf("a comment %q by %q: %v", d.Text, d.Author, err)
		}
	}
	for name, want := range map[string]api.Code{"Ada’s helper": "", "ada\u202e": api.MalformedRequest, "\u200b": api.MalformedRequest} {
		g := scope.Grant{RP: s.cfg.rp(), Agent: [32]byte{1}, Revocation: scope.Digest{2}, Name: name, Can: []string{actionComment}, Budget: 1, Expires: uint64(time.Now().Add(time.Hour).Unix())}
		body, err := agent.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/agents", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if _, err := s.world.grantDigest(r, body); err != nil && api.CodeOf(err) != want || err == nil && want != "" {
			t.Errorf("an agent named %q: %v", name, err)
		}
	}
	if _, err := s.world.canonical(fmt.Appendf(nil, `{"author":"Zoë 🙂 O’Neill","text":"مرحبا\nوداعا","created":%d}`, time.Now().Unix())); err != nil {
		t.Error(err)
	}
}

func commentAgain(t *testing.T, s *story) {
	in := remark{Post: 1, Author: "ada", Text: "Once.", Created: uint64(time.Now().Unix())}
	content, err := in.bound(s.cfg.rp()).Digest()
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.ada.prove(t.Context(), actionComment, content)
	if err != nil {
		t.Fatal(err)
	}
	again := shot{Method: http.MethodPost, Path: "/comments", Headers: jsonHeader(), Body: string(body)}
	again.Headers["Perhuman-Response"] = response
	for n, want := range []string{"201 ok", "403 challenge_already_used", "403 challenge_already_used"} {
		if status, answer, err := s.ada.send(t.Context(), again); err != nil || fmt.Sprintf("%d %s", status, answer.Code) != want {
			t.Errorf("time %d: %d %q %v", n+1, status, answer.Code, err)
		}
	}
	again.Path = "/posts" // nor is it good for another route
	if status, answer, err := s.ada.send(t.Context(), again); err != nil || status == http.StatusCreated {
		t.Errorf("as a post: %d %q %v", status, answer.Code, err)
	}
}

// signed is a comment under a grant, ready to be sent or spoiled.
func (a program) signed(t *testing.T, grant string, in remark) (*http.Request, []byte) {
	t.Helper()
	raw, err := scope.DecodeToken(grant)
	if err != nil {
		t.Fatal(err)
	}
	in.Created = uint64(time.Now().Unix())
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.s.cfg.url(boardHost)+"/agent/comments", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := agent.Sign(r, body, scope.Digest(raw), a.key, time.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return r, body
}

func (a program) send(t *testing.T, r *http.Request) api.Code {
	t.Helper()
	resp, err := a.s.world.bots.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer codedBody
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Code
}

func granted(t *testing.T, by *person, to program, budget uint32) (id, secret string) {
	t.Helper()
	id, secret, err := by.grant(t.Context(), to.name(), budget)
	if err != nil {
		t.Fatal(err)
	}
	return id, secret
}

// agentNamed: what a person agreed to is a grant with a name in it; the agent
// signs as nobody else. A comment that could not stand costs nothing.
func agentNamed(t *testing.T, s *story) {
	a := newProgram(t, s)
	id, _ := granted(t, s.ben, a, 1)
	for want, in := range map[api.Code]remark{
		api.NotFound:         {Post: 9999, Author: "x", Text: "Under no post."},
		api.MalformedRequest: {Post: 1, Author: "x", Text: ""},
	} {
		r, _ := a.signed(t, id, in)
		if code := a.send(t, r); code != want {
			t.Errorf("%+v: %q", in, code)
		}
	}
	r, _ := a.signed(t, id, remark{Post: 1, Author: "ada", Text: "I am Ada herself."})
	if code := a.send(t, r); code != api.OK {
		t.Fatalf("the budget was spent on mistakes: %q", code)
	}
	one := []boardPost{{ID: 1}}
	if err := s.world.posts.withComments(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if c := one[0].Comments[len(one[0].Comments)-1]; c.Author != "Ada's helper" || c.Agent != "Ada's helper" {
		t.Errorf("shown as %q, agent %q", c.Author, c.Agent)
	}
}

// signedParts spoils one part of a signed request after another, on the wire.
// None counts, and what was signed still does.
func signedParts(t *testing.T, s *story) {
	a, other := newProgram(t, s), newProgram(t, s)
	id, _ := granted(t, s.ada, a, 1)
	mine, _ := granted(t, s.ada, other, 1)
	in := remark{Post: 1, Author: "a", Text: "As signed."}
	param := func(from string) func(*http.Request, []byte) {
		return func(r *http.Request, _ []byte) {
			text := r.Header.Get("Signature-Input")
			at := strings.Index(text, from) + len(from)
			next := byte('1')
			if text[at] == next {
				next = '2'
			}
			r.Header.Set("Signature-Input", text[:at]+string(next)+text[at+1:])
		}
	}
	for name, spoil := range map[string]func(r *http.Request, body []byte){
		"created":   param(`created=`),
		"expires":   param(`expires=`),
		"nonce":     param(`nonce="`),
		"keyid":     param(`keyid="`),
		"alg":       param(`alg="`),
		"tag":       param(`tag="`),
		"signature": func(r *http.Request, _ []byte) { r.Header.Set("Signature", flip(r.Header.Get("Signature"), 20)) },
		"digest": func(r *http.Request, _ []byte) {
			r.Header.Set("Content-Digest", flip(r.Header.Get("Content-Digest"), 12))
		},
		"body": func(r *http.Request, b []byte) {
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(b, []byte("signed"), []byte("forged"), 1)))
		},
		"another grant": func(r *http.Request, _ []byte) { r.Header.Set(agent.HeaderGrant, mine) },
		"query":         func(r *http.Request, _ []byte) { r.URL.RawQuery = "as=ada" },
		"another host": func(r *http.Request, _ []byte) {
			r.Host = s.world.issuerName()
		},
		"no grant": func(r *http.Request, _ []byte) { r.Header.Del(agent.HeaderGrant) },
		"twice":    func(r *http.Request, _ []byte) { r.Header.Add(agent.HeaderGrant, id) },
	} {
		r, body := a.signed(t, id, in)
		spoil(r, body)
		want := api.SignatureInvalid
		if name == "another host" { // has no such route
			want = api.NotFound
		}
		if code := a.send(t, r); code != want {
			t.Errorf("%s: %q", name, code)
		}
	}
	r, _ := a.signed(t, id, in)
	if code := a.send(t, r); code != api.OK {
		t.Errorf("what was signed: %q", code)
	}
}

// flip changes one character of base64.
func flip(text string, at int) string {
	c := byte('A')
	if text[at] == c {
		c = 'B'
	}
	return text[:at] + string(c) + text[at+1:]
}

func lastAct(t *testing.T, s *story) {
	a := newProgram(t, s)
	id, _ := granted(t, s.ben, a, 2)
	if code, err := a.comment(t.Context(), id); err != nil || code != api.OK {
		t.Fatalf("the first: %q %v", code, err)
	}
	codes := map[api.Code]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			code, err := a.comment(t.Context(), id)
			mu.Lock()
			defer mu.Unlock()
			if codes[code]++; err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if codes[api.OK] != 1 || codes[api.BudgetExhausted] != 7 {
		t.Errorf("%v", codes)
	}
}

// revokedMeanwhile: requests that are under way may still count; none that is
// sent after the answer does.
func revokedMeanwhile(t *testing.T, s *story) {
	a := newProgram(t, s)
	id, secret := granted(t, s.ben, a, 20)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if code, err := a.comment(t.Context(), id); err != nil || code != api.OK && code != api.GrantRevoked && code != api.BudgetExhausted {
				t.Errorf("meanwhile: %q %v", code, err)
			}
		})
	}
	var answer codedBody
	status, err := s.ben.call(t.Context(), http.MethodPost, s.cfg.url(boardHost), "/agents/revoke", nil, map[string]string{"secret": secret}, &answer)
	if err != nil || status != http.StatusOK {
		t.Errorf("revoking: %d %q %v", status, answer.Code, err)
	}
	for range 3 {
		if code, err := a.comment(t.Context(), id); err != nil || code != api.GrantRevoked {
			t.Errorf("after the answer: %q %v", code, err)
		}
	}
	wg.Wait()
}

// slowVoter: a vote whose body does not come must not keep the poll open, nor
// anybody else from voting. When it comes at last, the poll is closed.
func slowVoter(t *testing.T, s *story) {
	p := s.world.polls.current()
	conn, err := net.Dial("tcp4", hostPort("127.0.0.1", s.cfg.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"choice":"library"}`
	fmt.Fprintf(conn, "POST /poll/%d/vote HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", p.number, s.cfg.rp(), len(body))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // the route reads its body
		t.Fatalf("%q %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.ben.nextPoll(t.Context()); err != nil || !p.log.Closed() {
		t.Errorf("closing: %v", err)
	}
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("the slow voter was waited for: %v", err)
	}
	defer resp.Body.Close()
	var answer codedBody
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Code != api.ActionUnknown {
		t.Errorf("%d %q %v", resp.StatusCode, answer.Code, err)
	}
}

// closingRace: each vote that was answered with a receipt is in the result, each
// other one was told that the poll is closed.
func closingRace(t *testing.T, s *story) {
	if err := s.ben.nextPoll(t.Context()); err != nil { // opens one
		t.Fatal(err)
	}
	p, session := s.world.polls.current(), newSession()
	var votes []shot
	for range 6 {
		v, err := s.world.bots.ballot(t.Context(), p, session)
		if err != nil {
			t.Fatal(err)
		}
		votes = append(votes, v)
	}
	var mu sync.Mutex
	var receipts [][]byte
	var wg sync.WaitGroup
	for n, v := range votes {
		wg.Go(func() {
			if n == len(votes)/2 {
				if err := s.ben.nextPoll(t.Context()); err != nil {
					t.Error(err)
				}
			}
			status, body, err := s.world.bots.fire(t.Context(), v, session)
			var answer struct {
				Code    api.Code
				Receipt string
			}
			if err != nil || json.Unmarshal(body, &answer) != nil {
				t.Errorf("%v %s", err, body)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == http.StatusCreated:
				receipts = append(receipts, []byte(answer.Receipt))
			case answer.Code != api.ActionUnknown:
				t.Errorf("%d %q", status, answer.Code)
			}
		})
	}
	wg.Wait()
	d, err := p.log.Document(p.vkey, s.world.issuer.VKey())
	if err != nil {
		t.Fatal(err)
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	r := tally.Recount(d, tally.Config{Issuer: s.world.issuer.VKey(), Log: p.vkey, Verifier: v, Receipts: receipts})
	if !r.OK || !r.Closed || int(r.Size)-2 != len(receipts) || p.state().Votes != len(receipts) {
		t.Errorf("%d receipts, the page says %d: %+v", len(receipts), p.state().Votes, r)
	}
}

// tooManyAttacks: proving is the dearest thing that a stranger can ask for here.
// Few wait for it at a time; the others are told to come back.
func tooManyAttacks(t *testing.T, s *story) {
	r := s.world.bots.rogue
	r.turn <- struct{}{} // somebody's proof takes long
	answers := make(chan string, 3*provesWaiting)
	for range cap(answers) {
		go func() {
			status, code := ask(t, s, http.MethodPost, "/api/bot/prepare", `{"case":"sixth"}`, "Content-Type", "application/json")
			answers <- fmt.Sprintf("%d %s", status, code)
		}()
	}
	for range 2 * provesWaiting {
		if a := <-answers; a != "503 overloaded" {
			t.Error(a)
		}
	}
	<-r.turn
	for range provesWaiting {
		if a := <-answers; a != "200 " {
			t.Error(a)
		}
	}
}

// labState is what the page reads of the swarm.
func labState(t *testing.T, s *story) (state struct {
	Running bool
	Raids   []raidState
	Rate    []int
}) {
	t.Helper()
	status, err := s.ada.call(t.Context(), http.MethodGet, s.cfg.url(boardHost), "/api/lab", nil, nil, &state)
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	return state
}

// swarms: one is out at a time, whoever sends it, and both visitors see the same.
// What is shown was counted: each answer once. A kind that breaks off says so,
// and the others go on; what the bots had accepted is shown as made up.
func swarms(t *testing.T, s *story) {
	l := s.world.lab
	all := l.plan
	defer func() { l.plan = all }()
	gate := make(chan struct{})
	by := map[string]raid{}
	for _, r := range all {
		by[r.id] = r
	}
	flood, broken, tampered, again := by["no-proof"], by["copied"], by["forged"], by["replay"]
	flood.times, tampered.each, tampered.times, again.times = 20, 2, 2, 3
	held := flood.load
	flood.load = func(ctx context.Context, l *lab, session string) (shot, error) {
		<-gate
		return held(ctx, l, session)
	}
	broken.load = func(context.Context, *lab, string) (shot, error) {
		return shot{}, api.Errorf(api.Overloaded, "no proof")
	}
	l.plan = []raid{flood, broken, tampered, again}
	for round := range 2 {
		press := func(p *person) string {
			var answer codedBody
			status, err := p.call(t.Context(), http.MethodPost, s.cfg.url(boardHost), "/api/lab", nil, struct{}{}, &answer)
			if err != nil {
				t.Error(err)
			}
			return fmt.Sprintf("%d %s", status, answer.Code)
		}
		pressed := make(chan string, 2)
		for _, p := range []*person{s.ada, s.ben} {
			go func() { pressed <- press(p) }()
		}
		if a, b := <-pressed, <-pressed; min(a, b) != "200 " || max(a, b) != "503 overloaded" {
			t.Errorf("round %d: %q, %q", round, a, b)
		}
		if state := labState(t, s); !state.Running || len(state.Raids) != 4 || state.Raids[2].Fired != 0 {
			t.Errorf("round %d begins with %+v", round, state)
		}
		gate <- struct{}{}
		state := labState(t, s)
		for end := time.Now().Add(time.Minute); state.Running; state = labState(t, s) {
			if time.Now().After(end) {
				t.Fatalf("%+v", state)
			}
			time.Sleep(50 * time.Millisecond)
		}
		answers, rate := 0, 0
		for n, want := range []raidState{
			{Made: 1, Fired: 20, Codes: map[api.Code]int{api.ChallengeMissing: 20}},
			{Broke: true, Codes: map[api.Code]int{}},
			{Made: 2, Fired: 4, Codes: map[api.Code]int{api.ProofInvalid: 4}},
			{Made: 1, Fired: 3, Codes: map[api.Code]int{api.ChallengeAlreadyUsed: 3}},
		} {
			got := state.Raids[n]
			if got.Stage != "done" || got.Made != want.Made || got.Fired != want.Fired || got.Passed != 0 || got.Broke != want.Broke || !maps.Equal(got.Codes, want.Codes) {
				t.Errorf("round %d: %+v", round, got)
			}
			if cpuTime() > 0 && want.Fired > 0 && got.FireCPU <= 0 || want.Made == 2 && cpuTime() > 0 && got.MakeCPU <= 0 {
				t.Errorf("round %d cost nothing: %+v", round, got)
			}
			answers += got.Fired
		}
		for _, n := range state.Rate {
			rate += n
		}
		if rate != answers {
			t.Errorf("round %d: %d answers over time, %d in all", round, rate, answers)
		}
	}
	posts, err := s.world.posts.list(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	bots := 0
	for _, p := range posts {
		if p.Author == "bot" {
			if bots++; !p.Seed {
				t.Errorf("%+v is shown as a visitor's", p)
			}
		}
	}
	if bots != 2 {
		t.Errorf("%d posts by bots", bots)
	}
}

// heaviest: the longest posts, half of them with as many of the longest comments
// as are shown, of letters that no compression shortens. Every page of the feed is small
// enough on the wire for a board of 150 KB, whose rest is some 60 KB; together
// they hold every post once.
func heaviest(t *testing.T, s *story) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	text := func(size int) string {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte('!' + random.IntN('~'-'!'+1))
		}
		return string(b)
	}
	const many = 2 * postsShown
	for i := range many {
		id, err := s.world.posts.add(t.Context(), boardPost{Author: "guest-0000aa", Text: text(maxText), Created: uint64(time.Now().Unix())}, fmt.Sprint("heavy ", i), []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for c := range commentsShown {
			if i < many/2 {
				break
			}
			if _, err := s.world.posts.addComment(t.Context(), id, comment{Author: "guest-0000bb", Text: text(maxComment), Created: uint64(time.Now().Unix())}, fmt.Sprint("heavy ", i, c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	get := func(path string) (body []byte, wire int) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.cfg.url(boardHost)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		resp, err := s.world.bots.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		zipped, err := io.ReadAll(resp.Body)
		if err != nil || resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("%s: %v %v", path, resp.Header, err)
		}
		z, err := gzip.NewReader(bytes.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		return body, len(zipped)
	}
	seen, most := map[int64]bool{}, 0
	for before := int64(0); ; {
		query := ""
		if before > 0 {
			query = fmt.Sprint("?before=", before)
		}
		_, page := get("/" + query)
		body, list := get("/api/posts" + query)
		most = max(most, page+list)
		var feed struct {
			Posts []boardPost `json:"posts"`
			Older int64       `json:"older"`
		}
		if err := json.Unmarshal(body, &feed); err != nil || len(feed.Posts) == 0 {
			t.Fatal(err, len(feed.Posts))
		}
		for _, p := range feed.Posts {
			if seen[p.ID] {
				t.Errorf("post %d stands on two pages", p.ID)
			}
			seen[p.ID] = true
		}
		if before = feed.Older; before == 0 {
			break
		}
	}
	t.Logf("%d bytes at most, %d posts", most, len(seen))
	if most > 80_000 || len(seen) < many {
		t.Errorf("a page of the feed weighs %d bytes; %d posts are on all of them", most, len(seen))
	}
}
