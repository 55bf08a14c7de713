package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// TestWhatCountsPerHuman: on the real board, agents share the budget of the human
// they act for, and devices share the comments of the human who holds them.
func TestWhatCountsPerHuman(t *testing.T) {
	s, _ := running(t)
	s.ada, s.ben = member(t, s, "ada", adaPersona), member(t, s, "ben", benPersona)
	t.Run("two agents of one human have one budget, two humans have two", func(t *testing.T) { agentsShare(t, s) })
	t.Run("a revoked agent is refused at once, and no other", func(t *testing.T) { revokedAtOnce(t, s) })
	t.Run("two devices of one human have ten comments together", func(t *testing.T) { devicesShare(t, s) })
}

func member(t *testing.T, s *story, name string, persona uint64) *person {
	t.Helper()
	p, err := newPerson(s, name, persona)
	if _, err = enrolPerson(t.Context(), p, err); err != nil {
		t.Fatal(err)
	}
	return p
}

// program is an agent with a key of its own, reaching the board from outside.
type program struct {
	s   *story
	key ed25519.PrivateKey
}

func newProgram(t *testing.T, s *story) program {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return program{s, key}
}

func (a program) name() string { return scope.EncodeToken(a.key.Public().(ed25519.PublicKey)) }

// comment makes one under a grant, and gives what the board answered.
func (a program) comment(ctx context.Context, grant string) (api.Code, error) {
	raw, err := scope.DecodeToken(grant)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(remark{Post: 1, Author: "a program", Text: "Said for my human.", Created: uint64(time.Now().Unix())})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.s.cfg.url(boardHost)+"/agent/comments", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := agent.Sign(r, body, scope.Digest(raw), a.key, time.Now(), rand.Reader); err != nil {
		return "", err
	}
	resp, err := a.s.world.bots.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer codedBody
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	return answer.Code, nil
}

func agentsShare(t *testing.T, s *story) {
	one, two := newProgram(t, s), newProgram(t, s)
	granted := func(p *person, a program) string {
		id, _, err := p.grant(t.Context(), a.name(), 20)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	type shot struct {
		by    program
		grant string
	}
	// Each grant alone would allow all of these; Ada's day has room for six.
	adas := []shot{{one, granted(s.ada, one)}, {two, granted(s.ada, two)}}
	codes := map[api.Code]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n := range 2 * agentsPerDay {
		a := adas[n%2]
		wg.Go(func() {
			code, err := a.by.comment(t.Context(), a.grant)
			mu.Lock()
			defer mu.Unlock()
			if codes[code]++; err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if codes[api.OK] != agentsPerDay || codes[api.BudgetExhausted] != agentsPerDay {
		t.Errorf("two agents of Ada, %d requests: %v", 2*agentsPerDay, codes)
	}
	// The very same program has another budget where it acts for Ben.
	bens := granted(s.ben, one)
	if code, err := one.comment(t.Context(), bens); err != nil || code != api.OK {
		t.Errorf("the same agent for Ben: %q %v", code, err)
	}
	// A fresh grant of Ada's, to a fresh key, is no fresh budget.
	third := newProgram(t, s)
	if code, err := third.comment(t.Context(), granted(s.ada, third)); err != nil || code != api.BudgetExhausted {
		t.Errorf("a third agent of Ada: %q %v", code, err)
	}
}

func revokedAtOnce(t *testing.T, s *story) {
	kept, gone := newProgram(t, s), newProgram(t, s)
	keptID, _, err := s.ben.grant(t.Context(), kept.name(), 20)
	if err != nil {
		t.Fatal(err)
	}
	goneID, secret, err := s.ben.grant(t.Context(), gone.name(), 20)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := gone.comment(t.Context(), goneID); err != nil || code != api.OK {
		t.Fatalf("before: %q %v", code, err)
	}
	var answer codedBody
	if status, err := s.ben.call(t.Context(), http.MethodPost, s.cfg.url(boardHost), "/agents/revoke", nil, map[string]string{"secret": secret}, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("revoking: %d %q %v", status, answer.Code, err)
	}
	if code, err := gone.comment(t.Context(), goneID); err != nil || code != api.GrantRevoked {
		t.Errorf("the next request: %q %v", code, err)
	}
	if code, err := kept.comment(t.Context(), keptID); err != nil || code != api.OK {
		t.Errorf("another agent of the same human: %q %v", code, err)
	}
}

func devicesShare(t *testing.T, s *story) {
	phone, err := newDevice(s, "ada", adaPersona, s.ada.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := phone.visit(t.Context()); err != nil {
		t.Fatal(err)
	}
	comment := func(p *person, n int) (status int, code api.Code, refused wallet.Code) {
		t.Helper()
		in := remark{Post: 1, Author: "ada", Text: fmt.Sprintf("Comment %d.", n), Created: uint64(time.Now().Unix())}
		content, err := in.bound(s.cfg.rp()).Digest()
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var answer codedBody
		status, err = p.act(t.Context(), actionComment, "/comments", content, string(body), &answer)
		if refused = wallet.CodeOf(err); err != nil && refused != wallet.QuotaExhausted {
			t.Fatal(err)
		}
		return status, answer.Code, refused
	}
	const first = 3
	taken := 0
	for n := range first {
		if status, code, _ := comment(s.ada, n); status != http.StatusCreated {
			t.Fatalf("comment %d: %d %q", n, status, code)
		}
		taken++
	}
	// The phone knows nothing of these three: the board refuses what is spent.
	for n := range commentsPerDay {
		switch status, code, _ := comment(phone, first+n); {
		case status == http.StatusCreated:
			taken++
		case code != api.NullifierAlreadyUsed:
			t.Errorf("from the phone: %d %q", status, code)
		}
	}
	if _, _, refused := comment(phone, 99); refused != wallet.QuotaExhausted {
		t.Errorf("the phone's wallet goes on: %q", refused)
	}
	if taken != commentsPerDay {
		t.Errorf("two devices of one human made %d comments, not %d", taken, commentsPerDay)
	}
	if status, code, _ := comment(s.ada, 100); code != api.NullifierAlreadyUsed {
		t.Errorf("the first device again: %d %q", status, code)
	}
	if status, code, _ := comment(s.ben, 101); status != http.StatusCreated {
		t.Errorf("another human: %d %q", status, code)
	}
}
