package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// running is a whole demo on a free port, with its log.
func running(t *testing.T) (*story, *syncBuffer) {
	t.Helper()
	cfg := config{dir: filepath.Join(t.TempDir(), "var"), crowd: defaultCrowd}
	var err error
	if cfg.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	out := &syncBuffer{}
	s := &story{cfg: cfg, out: out}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.stop == nil {
			return
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := crowdIsThere(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s, out
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestAdversary plays what an attacker, bad luck and impatience do to a running
// demo, over HTTP.
func TestAdversary(t *testing.T) {
	s, logged := running(t)
	var ada *person
	t.Run("twenty secrets of one person at one time", func(t *testing.T) {
		people, answers := make([]*person, 20), make([]enrolled, 20)
		var wg sync.WaitGroup
		for n := range people {
			p, err := newPerson(s, fmt.Sprintf("ada %d", n), adaPersona)
			if err != nil {
				t.Fatal(err)
			}
			people[n] = p
			defer p.http.CloseIdleConnections() // else a graceful stop waits for them
			wg.Go(func() {
				var err error
				if answers[n], err = p.enrol(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for n, e := range answers {
			switch {
			case e.Receipt != "" && ada == nil:
				ada = people[n]
			case e.Code != api.AlreadyEnrolled:
				t.Errorf("secret %d: %+v", n, e)
			}
		}
		if ada == nil {
			t.Fatal("nobody was enrolled")
		}
	})
	ben, err := newPerson(s, "ben", benPersona)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("two people whose captures and enrolments cross", func(t *testing.T) { crossing(t, s, ben) })
	for _, p := range []*person{ada, ben} {
		if _, err := p.join(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.visit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("one request twenty times at one time", func(t *testing.T) { burst(t, s, ada) })
	t.Run("the board fails after the proof was spent", func(t *testing.T) { lostPost(t, s, ben, logged) })
	t.Run("every fault has its code", func(t *testing.T) { routes(t, s, ben) })
	t.Run("no secret at rest or in the log", func(t *testing.T) { noSecrets(t, s, []*person{ada, ben}, logged.String()) })
}

// crossing: both begin, both are captured, and the one captured last ends
// first. Each has a device, so neither capture makes the other a replay.
func crossing(t *testing.T, s *story, ben *person) {
	cara, err := newPerson(s, "cara", benPersona+1)
	if err != nil {
		t.Fatal(err)
	}
	people := []*person{cara, ben}
	requests := make([]api.EnrolmentRequest, len(people))
	for n, p := range people {
		requests[n] = captured(t, s, p)
	}
	for n := len(people) - 1; n >= 0; n-- {
		var e enrolled
		status, err := people[n].call(t.Context(), http.MethodPost, s.cfg.url(issuerHost), "/v1/enrolments", nil, requests[n], &e)
		if err != nil || status != http.StatusCreated {
			t.Errorf("%s: %d %+v %v", people[n].name, status, e, err)
		}
		// Sent again, it is the same enrolment.
		var again enrolled
		if status, err = people[n].call(t.Context(), http.MethodPost, s.cfg.url(issuerHost), "/v1/enrolments", nil, requests[n], &again); err != nil || status != http.StatusOK || again.Receipt != e.Receipt {
			t.Errorf("%s again: %d %+v %v", people[n].name, status, again, err)
		}
	}
}

// captured goes through an enrolment up to its last request.
func captured(t *testing.T, s *story, p *person) api.EnrolmentRequest {
	t.Helper()
	var session api.Session
	if _, err := p.call(t.Context(), http.MethodPost, s.cfg.url(issuerHost), "/v1/sessions", nil, struct{}{}, &session); err != nil {
		t.Fatal(err)
	}
	nonce, err := bytes32("session", session.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	possession, err := p.wallet.Possess(nonce)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Envelope string `json:"envelope"`
	}
	if _, err := p.call(t.Context(), http.MethodPost, s.cfg.url(issuerHost), "/demo/capture", nil, captureRequest{
		Session: session.Nonce, Modality: string(capture.Iris), Persona: p.persona,
		Commitment: p.id.Commitment().String(), ConsentHash: scope.EncodeToken(s.world.consents[0][:]),
	}, &c); err != nil {
		t.Fatal(err)
	}
	envelope, err := scope.DecodeToken(c.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return enrolmentRequest(session.Nonce, envelope, possession)
}

func burst(t *testing.T, s *story, p *person) {
	request, err := p.write(t.Context(), "Twenty times at once.")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	ids := map[int64]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			status, answer, err := p.send(t.Context(), request)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			codes[fmt.Sprintf("%d %s", status, answer.Code)]++
			if answer.ID != 0 {
				ids[answer.ID] = true
			}
		})
	}
	wg.Wait()
	// A repeat that comes before the post is stored stores the very same post.
	if len(ids) != 1 || codes["201 ok"] < 1 || codes["201 ok"]+codes["403 challenge_already_used"] != 20 {
		t.Errorf("%v, posts %v", codes, ids)
	}
	if n := postsBy(t, s, p.name); n != 1 {
		t.Errorf("%d posts are stored", n)
	}
}

// lostPost: the process cannot store the post whose slot it has just spent, as
// if it had died there. The same request, sent again, stores it; sent once
// more, it is a replay.
func lostPost(t *testing.T, s *story, p *person, logged *syncBuffer) {
	request, err := p.write(t.Context(), "Nearly lost.")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.world.posts.db.Exec(`ALTER TABLE posts RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	status, answer, err := p.send(t.Context(), request)
	if err != nil || status != http.StatusServiceUnavailable || answer.Code != api.StoreUnavailable {
		t.Errorf("without its store: %d %+v %v", status, answer, err)
	}
	if _, err := s.world.posts.db.Exec(`ALTER TABLE away RENAME TO posts`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "no such table") {
		t.Error("the log does not say what was wrong")
	}
	if status, answer, err = p.send(t.Context(), request); err != nil || status != http.StatusCreated {
		t.Errorf("sent again: %d %+v %v", status, answer, err)
	}
	if status, answer, err = p.send(t.Context(), request); err != nil || status != http.StatusForbidden || answer.Code != api.ChallengeAlreadyUsed {
		t.Errorf("and again: %d %+v %v", status, answer, err)
	}
	if n := postsBy(t, s, p.name); n != 1 {
		t.Errorf("%d posts are stored", n)
	}
	if st, err := p.wallet.Sync(t.Context()); err != nil || !st.Member {
		t.Errorf("%+v %v", st, err)
	}
}

func postsBy(t *testing.T, s *story, author string) (n int) {
	t.Helper()
	all, err := s.world.posts.list(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Author == author {
			n++
		}
	}
	return n
}

// noSecrets searches every file of the demo's folder and its log for the
// people's secrets in each form they could have, and for salts; and every file
// must be its owner's alone.
func noSecrets(t *testing.T, s *story, people []*person, logged string) {
	files := map[string][]byte{"the log": []byte(logged)}
	if err := filepath.WalkDir(s.cfg.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files[path], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Errorf("only %d files", len(files))
	}
	if strings.Contains(logged, "panic") {
		t.Error(logged)
	}
	for _, p := range people {
		for form, secret := range secretForms(p.id, p.key) {
			for name, text := range files {
				for at := 0; at+17 <= len(secret); at++ { // 17 bytes are no chance
					if bytes.Contains(text, secret[at:at+17]) {
						t.Errorf("%s holds %s's secret as %s", name, p.name, form)
						break
					}
				}
			}
		}
	}
	for _, name := range []string{"issuer.key", "operator.key", "sealing.key", "device-root.key", "app.key"} {
		key, err := os.ReadFile(filepath.Join(s.cfg.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(logged, string(key)) {
			t.Errorf("the log holds %s", name)
		}
	}
}

func secretForms(id *semaphore.Identity, key []byte) map[string][]byte {
	return map[string][]byte{
		"bytes": key, "hex": fmt.Appendf(nil, "%x", key), "HEX": fmt.Appendf(nil, "%X", key),
		"base64": []byte(base64.RawStdEncoding.EncodeToString(key)), "base64url": []byte(base64.RawURLEncoding.EncodeToString(key)),
		"export": []byte(id.Export()), "scalar": []byte(id.SecretScalar().String()),
	}
}

// routes: whatever is wrong is told by a code in problem+json.
func routes(t *testing.T, s *story, ben *person) {
	zeros := strings.Repeat("A", 43)
	faceRequest := func(rest string) string {
		return `{"session":"` + zeros + `","consent_hash":"` + zeros + `","commitment":"1","modality":"face",` + rest + `}`
	}
	share := `{"sealed":"` + scope.EncodeToken(make([]byte, 208)) + `","commitment":"` + zeros + `"}`
	for _, c := range []struct {
		name, method, host, path, mediaType, body string
		status                                    int
		code                                      api.Code
	}{
		{"another name", "GET", "evil.example", "/", "", "", 404, api.NotFound},
		{"a name without its port", "GET", boardHost, "/", "", "", 404, api.NotFound},
		{"get a post route", "GET", s.cfg.rp(), "/posts", "", "", 405, api.MethodNotAllowed},
		{"put a post route", "PUT", s.cfg.rp(), "/perhuman/challenge", "application/json", "{}", 405, api.MethodNotAllowed},
		{"options", "OPTIONS", s.cfg.rp(), "/posts", "", "", 405, api.MethodNotAllowed},
		{"null", "POST", s.cfg.rp(), "/perhuman/challenge", "application/json", "null", 400, api.MalformedRequest},
		{"null session", "POST", s.world.issuerName(), "/v1/sessions", "application/json", "null", 400, api.MalformedRequest},
		{"a face in the clear", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"vector":[1` + strings.Repeat(`,1`, 127) + `]`), 400, api.MalformedRequest},
		{"a face of nothing", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"shares":null`), 400, api.MalformedRequest},
		{"a face for three where there is one", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"shares":[` + share + `,` + share + `,` + share + `]`), 400, api.MalformedRequest},
		{"a face that is short", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"shares":[{"sealed":"AAAA","commitment":"` + zeros + `"}]`), 400, api.MalformedRequest},
		{"a face without its commitment", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"shares":[` + strings.Replace(share, `"commitment":"`+zeros, `"commitment":"AAAA`, 1) + `]`), 400, api.NotCanonical},
		{"a face of a made-up person", "POST", s.world.issuerName(), "/demo/capture", "application/json", faceRequest(`"persona":1,"shares":[` + share + `]`), 400, api.MalformedRequest},
		{"too large", "POST", s.cfg.rp(), "/posts", "application/json", strings.Repeat("x", 1<<20+1), 413, api.TooLarge},
		{"deep", "POST", s.cfg.rp(), "/perhuman/challenge", "application/json", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), 400, api.MalformedRequest},
		{"no proof", "POST", s.cfg.rp(), "/posts", "application/json", "{}", 403, api.ChallengeMissing},
	} {
		r, err := http.NewRequest(c.method, s.cfg.url("127.0.0.1")+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if r.Host = c.host; c.mediaType != "" {
			r.Header.Set("Content-Type", c.mediaType)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var answer codedBody
		if err := json.Unmarshal(b, &answer); err != nil || resp.StatusCode != c.status || answer.Code != c.code {
			t.Errorf("%s: %d %s %s", c.name, resp.StatusCode, resp.Header.Get("Content-Type"), b)
		}
		if c.status == 405 && resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: Allow %q", c.name, resp.Header.Get("Allow"))
		}
	}
	// A post in another media type is refused before its proof is looked at.
	request, err := ben.write(t.Context(), "As text.")
	if err != nil {
		t.Fatal(err)
	}
	request.Headers["Content-Type"] = "text/plain"
	if status, answer, err := ben.send(t.Context(), request); err != nil || answer.Code != api.WrongMediaType {
		t.Errorf("text/plain: %d %+v %v", status, answer, err)
	}
	request.Headers["Content-Type"] = "application/json"
	if status, answer, err := ben.send(t.Context(), request); err != nil || status != http.StatusCreated {
		t.Errorf("%d %+v %v", status, answer, err)
	}
}
