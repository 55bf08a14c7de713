// Package httpsource is a wallet's way to an issuer over net/http, for wallets
// that are programs: the public files of the set log, which make it a
// wallet.Source, and the routes of enrolment (protocol.md section 6). The wallet
// in the browser does not link it.
//
//	c, err := httpsource.New("issuer.example/people+1a2b3c4d+AVo...", "", nil)
//	w, err := wallet.New(wallet.Config{Issuer: vkey, Source: c, ...})
//	e, err := c.Join(ctx, w, func(ctx context.Context, s httpsource.Session) ([]byte, error) {
//		return device.Capture(...)     // a signed capture envelope bound to s.Nonce and s.Commitment
//	})
//	e, err = c.Wait(ctx, e.ID)         // until the issuer's next anchor
//
// Names under .localhost are dialled at 127.0.0.1, redirects are not followed,
// and bodies are bounded. A refusal is an *api.Error with the issuer's code. The
// issuer learns the address that the requests come from: enrolment is not
// anonymous, and what is read later should not be read from there alone.
package httpsource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 1 << 20
	// pollStart and pollMost are the pauses of Wait.
	pollStart = 250 * time.Millisecond
	pollMost  = 10 * time.Second
)

// ErrAnswer: an issuer's answer that makes no sense.
var ErrAnswer = errors.New("httpsource: unusable answer")

// Client speaks to one issuer.
type Client struct {
	*sethttp.Client
	issuer string
	http   http.Client
}

var _ wallet.Source = (*Client)(nil)

// New makes a client for the issuer with that verifier key, at the given
// address or, if that is empty, at the one in its name. hc may be nil; of it,
// transport and timeout are used.
func New(vkey, at string, hc *http.Client) (*Client, error) {
	v, err := setlog.ParseVKey(vkey)
	if err != nil {
		return nil, err
	}
	if hc == nil {
		hc = &http.Client{Transport: sethttp.NewTransport()}
	}
	files, err := sethttp.NewClient(v.Name(), at, hc)
	if err != nil {
		return nil, err
	}
	c := &Client{Client: files, issuer: v.Name(), http: http.Client{Transport: hc.Transport, Timeout: hc.Timeout}}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Info reads what the issuer says about itself.
func (c *Client) Info(ctx context.Context) (info api.IssuerInfo, err error) {
	return info, c.do(ctx, http.MethodGet, "/.well-known/perhuman-issuer.json", nil, &info)
}

// Open starts an enrolment.
func (c *Client) Open(ctx context.Context) (s api.Session, err error) {
	return s, c.do(ctx, http.MethodPost, "/v1/sessions", struct{}{}, &s)
}

// Enrol hands an enrolment in. It may be repeated: the issuer answers the same
// receipt for the same session and key.
func (c *Client) Enrol(ctx context.Context, r api.EnrolmentRequest) (e api.Enrolment, err error) {
	return e, c.do(ctx, http.MethodPost, "/v1/enrolments", r, &e)
}

// Status asks how an enrolment is getting on.
func (c *Client) Status(ctx context.Context, id string) (e api.Enrolment, err error) {
	return e, c.do(ctx, http.MethodGet, "/v1/enrolments/"+url.PathEscape(id), nil, &e)
}

// Session is what a capture must be bound to.
type Session struct {
	api.Session
	Nonce      [32]byte
	Commitment semaphore.Element
}

// Join enrols an unlocked wallet: session, possession, capture, enrolment. The
// possession signature is for the issuer that the wallet follows; a server that
// names another one in its session is refused before the capture is made.
func (c *Client) Join(ctx context.Context, w *wallet.Wallet, capture func(context.Context, Session) ([]byte, error)) (api.Enrolment, error) {
	if w.Issuer() != c.issuer {
		return api.Enrolment{}, fmt.Errorf("%w: the wallet follows %s, this is %s", ErrAnswer, w.Issuer(), c.issuer)
	}
	s, err := c.Session(ctx)
	if err != nil {
		return api.Enrolment{}, err
	}
	p, err := w.Possess(s.Nonce)
	if err != nil {
		return api.Enrolment{}, err
	}
	s.Commitment = p.PublicKey.Commitment()
	envelope, err := capture(ctx, s)
	if err != nil {
		return api.Enrolment{}, fmt.Errorf("httpsource: capture: %w", err)
	}
	return c.Enrol(ctx, Request(s.Session.Nonce, envelope, p))
}

// Session starts a session and reads its nonce; Commitment is left to the
// caller. A server that says it is another issuer is ErrAnswer.
func (c *Client) Session(ctx context.Context) (Session, error) {
	open, err := c.Open(ctx)
	if err != nil {
		return Session{}, err
	}
	nonce, err := scope.DecodeToken(open.Nonce)
	if err != nil || len(nonce) != 32 {
		return Session{}, fmt.Errorf("%w: session nonce", ErrAnswer)
	}
	if open.Issuer != c.issuer {
		return Session{}, fmt.Errorf("%w: a session of %q", ErrAnswer, open.Issuer)
	}
	return Session{Session: open, Nonce: [32]byte(nonce)}, nil
}

// Request puts an enrolment together.
func Request(session string, envelope []byte, p wallet.Possession) api.EnrolmentRequest {
	return api.EnrolmentRequest{
		Session: session, Envelope: scope.EncodeToken(envelope),
		PublicKey: publicKey(p),
		Signature: scope.EncodeToken(p.Signature), Salt: scope.EncodeToken(p.Salt[:]),
	}
}

// Wait asks until the enrolment is committed or refused, with growing pauses.
// Give it a context that ends.
func (c *Client) Wait(ctx context.Context, id string) (api.Enrolment, error) {
	for pause := pollStart; ; pause = min(2*pause, pollMost) {
		e, err := c.Status(ctx, id)
		if err != nil || e.Status == api.StateCommitted || e.Status == api.StateWitnessed || e.Status == api.StateRefused {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// do sends JSON and reads JSON. Unknown fields of an answer are passed over, so
// that an issuer may add some; an error without a code is ErrAnswer.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("httpsource: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base()+path, body)
	if err != nil {
		return fmt.Errorf("httpsource: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("httpsource: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("httpsource: %s: %w", path, err)
	}
	if len(b) > maxAnswer {
		return fmt.Errorf("%w: %s: too long", ErrAnswer, path)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		var p api.Problem
		if json.Unmarshal(b, &p) != nil || p.Code == "" {
			return fmt.Errorf("%w: %s: HTTP status %d", ErrAnswer, path, resp.StatusCode)
		}
		return api.Errorf(p.Code, "%s", p.Detail)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrAnswer, path, err)
	}
	return nil
}
