package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"github.com/perhuman/perhuman/demo/web"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// person is somebody with eyes, a secret, a wallet and a browser's cookies.
type person struct {
	name    string
	persona uint64
	key     []byte
	id      *semaphore.Identity
	wallet  *wallet.Wallet
	cfg     config
	http    *http.Client
	session string // cookie of the board
	// face cuts and seals a face as the enrolment page does; nil for a persona's iris.
	face func(ctx context.Context, p *person, session string) ([]sealedShare, error)
}

func newPerson(s *story, name string, persona uint64) (*person, error) {
	key, err := wallet.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newDevice(s, name, persona, key)
}

// newDevice is a browser with a wallet of somebody who has a secret already.
func newDevice(s *story, name string, persona uint64, key []byte) (_ *person, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p := &person{name: name, persona: persona, key: key, id: semaphore.IdentityFromKey(key), cfg: s.cfg,
		http: &http.Client{Transport: sethttp.NewTransport(), Timeout: time.Minute, Jar: jar}}
	source, err := sethttp.NewClient(s.world.issuerName(), s.cfg.url(issuerHost), p.http)
	if err != nil {
		return nil, err
	}
	prover := s.world.bots.rogue.prover
	p.wallet, err = wallet.New(wallet.Config{
		Issuer: s.world.issuer.VKey(), Source: source, Store: wallet.NewMemory(), Now: time.Now,
		Prover: &wallet.Prover{Depth: prover.Depth(), Prove: prover.Prove},
	})
	if err != nil {
		return nil, err
	}
	return p, p.wallet.Unlock(key)
}

// call sends JSON and reads JSON, as a page on the origin would.
func (p *person) call(ctx context.Context, method, origin, path string, header map[string]string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, origin+path, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", origin)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, json.Unmarshal(b, out)
}

// codedBody is what every answer of ours has in common.
type codedBody struct {
	Code api.Code `json:"code"`
	ID   int64    `json:"id"`
}

// enrolled is what an enrolment and a refusal have in common on the wire.
type enrolled struct {
	ID      string   `json:"id"`
	Receipt string   `json:"receipt"`
	Code    api.Code `json:"code"`
}

// enrol goes through the enrolment page's steps: consent, session, possession,
// capture by the virtual device, enrolment.
func (p *person) enrol(ctx context.Context) (e enrolled, err error) {
	issuer := p.cfg.url(issuerHost)
	texts, err := web.Consents(p.cfg.mpc)
	if err != nil {
		return e, err
	}
	consent, err := capture.ConsentHash(texts[0].Language, string(texts[0].Text))
	if err != nil {
		return e, err
	}
	var session api.Session
	if status, err := p.call(ctx, http.MethodPost, issuer, "/v1/sessions", nil, struct{}{}, &session); err != nil || status != http.StatusCreated && status != http.StatusOK {
		return e, errors.Join(fmt.Errorf("session: status %d", status), err)
	}
	nonce, err := bytes32("session", session.Nonce)
	if err != nil {
		return e, err
	}
	possession, err := p.wallet.Possess(nonce)
	if err != nil {
		return e, err
	}
	var captured struct {
		Envelope string   `json:"envelope"`
		Code     api.Code `json:"code"`
	}
	q := captureRequest{
		Session: session.Nonce, Modality: string(capture.Iris), Persona: p.persona,
		Commitment: p.id.Commitment().String(), ConsentHash: scope.EncodeToken(consent[:]),
	}
	if p.face != nil {
		q.Modality = string(capture.Face)
		if q.Shares, err = p.face(ctx, p, session.Nonce); err != nil {
			return e, err
		}
	}
	_, err = p.call(ctx, http.MethodPost, issuer, "/demo/capture", nil, q, &captured)
	if err != nil || captured.Envelope == "" {
		return e, errors.Join(fmt.Errorf("capture: %q", captured.Code), err)
	}
	envelope, err := scope.DecodeToken(captured.Envelope)
	if err != nil {
		return e, err
	}
	_, err = p.call(ctx, http.MethodPost, issuer, "/v1/enrolments", nil, enrolmentRequest(session.Nonce, envelope, possession), &e)
	return e, err
}

// join waits until the wallet finds itself in the set.
func (p *person) join(ctx context.Context) (wallet.Status, error) {
	for end := time.Now().Add(20 * time.Second); ; {
		st, err := p.wallet.Sync(ctx)
		if err != nil || st.Member || time.Now().After(end) {
			if err == nil && !st.Member {
				err = fmt.Errorf("%s is not in the set", p.name)
			}
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// visit opens the board, which gives the visitor a session.
func (p *person) visit(ctx context.Context) error {
	var s struct {
		RP string `json:"rp"`
	}
	status, err := p.call(ctx, http.MethodGet, p.cfg.url(boardHost), "/api/session", nil, nil, &s)
	if err != nil || status != http.StatusOK || s.RP != p.cfg.rp() {
		return errors.Join(fmt.Errorf("session: status %d, rp %q", status, s.RP), err)
	}
	u, err := url.Parse(p.cfg.url(boardHost))
	if err != nil {
		return err
	}
	for _, c := range p.http.Jar.Cookies(u) {
		if c.Name == sessionName {
			p.session = c.Value
		}
	}
	return nil
}

// write has the wallet prove for a text. It returns the request to send, or
// the wallet's refusal.
func (p *person) write(ctx context.Context, text string) (shot, error) {
	d := draft{Author: p.name, Text: text, Created: uint64(time.Now().Unix())}
	content, err := scope.Post{RP: p.cfg.rp(), Author: d.Author, Created: d.Created, Text: d.Text}.Digest()
	if err != nil {
		return shot{}, err
	}
	response, err := p.prove(ctx, actionPost, content)
	if err != nil {
		return shot{}, err
	}
	return postShot(d, response)
}

// vote has the wallet prove for a choice of the newest poll.
func (p *person) vote(ctx context.Context, choice string) (shot, error) {
	var s struct{ Poll *pollState }
	if _, err := p.call(ctx, http.MethodGet, p.cfg.url(boardHost), "/api/poll", nil, nil, &s); err != nil {
		return shot{}, err
	}
	if s.Poll == nil {
		return shot{}, errors.New("no poll yet")
	}
	def := s.Poll.Poll
	content, err := scope.Vote{RP: p.cfg.rp(), Poll: def.ID, Choice: choice}.Digest()
	if err != nil {
		return shot{}, err
	}
	response, err := p.prove(ctx, def.Action, content)
	return voteShot(s.Poll.Number, choice, response), err
}

// prove fetches a challenge and has the wallet answer it.
func (p *person) prove(ctx context.Context, action string, content scope.Digest) (string, error) {
	origin := p.cfg.url(boardHost)
	var c api.ChallengeResponse
	status, err := p.call(ctx, http.MethodPost, origin, "/perhuman/challenge", nil, api.ChallengeRequest{Action: action, ContentDigest: scope.EncodeToken(content[:])}, &c)
	if err != nil || status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("challenge: status %d", status), err)
	}
	kind, err := scope.ParseKind(c.Policy)
	if err != nil {
		return "", err
	}
	if _, err := p.wallet.Sync(ctx); err != nil {
		return "", err
	}
	if c.Snapshot != 0 {
		if _, err := p.wallet.Freeze(ctx, c.Snapshot); err != nil {
			return "", err
		}
	}
	request := wallet.Request{
		Origin: origin, Action: action, Policy: scope.Policy{Kind: kind, Len: c.Period, K: c.K, Snapshot: c.Snapshot}, Challenge: c.Challenge, Content: content,
	}
	if _, err := p.wallet.Prepare(ctx, request); err != nil {
		return "", err
	}
	answer, err := p.wallet.Answer(ctx, request)
	return answer.Response, err
}

// send fires a request at the board in the person's session.
func (p *person) send(ctx context.Context, s shot) (int, codedBody, error) {
	var answer codedBody
	status, err := p.call(ctx, s.Method, p.cfg.url(boardHost), s.Path, s.Headers, json.RawMessage(s.Body), &answer)
	return status, answer, err
}
