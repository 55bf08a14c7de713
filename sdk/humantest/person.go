package humantest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// stranger is who the fixtures of Provoke act as.
const stranger = "a stranger"

// Person is a virtual human with a wallet.
type Person struct {
	Name   string
	kit    *Kit
	id     *semaphore.Identity
	wallet *wallet.Wallet
}

// Person gives the human of that name. The first call enrols it.
func (k *Kit) Person(name string) *Person {
	k.t.Helper()
	k.mu.Lock()
	p, ok := k.people[name]
	k.mu.Unlock()
	if ok {
		return p
	}
	p = &Person{Name: name, kit: k, id: virtual.Identity(name)}
	var err error
	if name != stranger { // who is a member from the beginning
		err = k.issuer.Enrol(p.id.Commitment())
	}
	if err == nil {
		p.wallet, err = k.issuer.Wallet(name, k.proofs.prover())
	}
	if err != nil {
		k.t.Fatalf("humantest: %s: %v", name, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.people[name] = p
	return p
}

// Remove takes the person out of the set, urgently: proofs under older roots no
// longer count.
func (p *Person) Remove() {
	p.kit.t.Helper()
	if err := p.kit.issuer.Remove(p.id.Commitment()); err != nil {
		p.kit.t.Fatalf("humantest: %s: %v", p.Name, err)
	}
}

// Wallet is the person's wallet, for what Answer and Send do not do.
func (p *Person) Wallet() *wallet.Wallet { return p.wallet }

// Site is an app as its visitors meet it.
type Site struct {
	Handler   http.Handler
	Origin    string // e.g. https://forum.example
	Challenge string // path of Gate.Challenges; default /perhuman/challenge
	Cookie    string // sent along, if not empty
}

// do serves one request as a browser on the site's own page would send it.
func (s Site) do(r *http.Request) *httptest.ResponseRecorder {
	r.Header.Set("Origin", s.Origin)
	if s.Cookie != "" {
		r.Header.Set("Cookie", s.Cookie)
	}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, r)
	return w
}

// ask asks the site for a challenge.
func (s Site) ask(action string, content scope.Digest) (api.ChallengeResponse, *httptest.ResponseRecorder) {
	path := s.Challenge
	if path == "" {
		path = "/perhuman/challenge"
	}
	in := api.ChallengeRequest{Action: action}
	if !content.IsZero() {
		in.ContentDigest = scope.EncodeToken(content[:])
	}
	body, err := json.Marshal(in)
	if err != nil {
		panic(err) // a struct of strings
	}
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := s.do(r)
	var out api.ChallengeResponse
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			w.Code = http.StatusInternalServerError
		}
	}
	return out, w
}

// Answer asks the site for a challenge and has the person's wallet answer it:
// "<packed proof>.<challenge>". Content is what the proof is bound to. A wallet
// that refuses, for instance because its slots are used up, gives a
// *wallet.Refusal, which wallet.CodeOf reads.
func (p *Person) Answer(s Site, action string, content scope.Digest) (string, error) {
	p.kit.t.Helper()
	c, w := s.ask(action, content)
	if w.Code != http.StatusOK {
		return "", fmt.Errorf("humantest: no challenge for %q: status %d: %s", action, w.Code, w.Body)
	}
	policy, err := policyOf(c)
	if err != nil {
		return "", err
	}
	if _, err := p.wallet.Sync(context.Background()); err != nil {
		return "", err
	}
	a, err := p.wallet.Answer(context.Background(), wallet.Request{
		Origin: s.Origin, Action: action, Policy: policy, Challenge: c.Challenge, Content: content,
	})
	return a.Response, err
}

func policyOf(c api.ChallengeResponse) (scope.Policy, error) {
	kind, err := scope.ParseKind(c.Policy)
	if err != nil {
		return scope.Policy{}, err
	}
	p := scope.Policy{Kind: kind, Len: c.Period, K: c.K}
	return p, p.Validate()
}

// Send does a guarded request as the person: challenge, proof, request. The
// proof is bound to the exact body, or to content, if one is given. It ends the
// test if the wallet refuses; take Answer where that is what is tested.
func (p *Person) Send(s Site, r *http.Request, action string, content ...scope.Digest) *httptest.ResponseRecorder {
	p.kit.t.Helper()
	bound := p.kit.bodyDigest(r)
	if len(content) > 0 {
		bound = content[0]
	}
	response, err := p.Answer(s, action, bound)
	if err != nil {
		p.kit.t.Fatalf("humantest: %s: %v", p.Name, err)
	}
	r.Header.Set(sdk.ResponseHeader, response)
	return s.do(r)
}

// bodyDigest reads a request's body, puts it back, and gives what a Gate binds.
func (k *Kit) bodyDigest(r *http.Request) scope.Digest {
	k.t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	d, err := scope.Content(scope.KindRaw, body)
	if err != nil {
		k.t.Fatal(err)
	}
	return d
}

// after moves the kit's clock while f runs, and back.
func (k *Kit) after(d time.Duration, f func()) {
	k.Advance(d)
	defer k.Advance(-d)
	f()
}
