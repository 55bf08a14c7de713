package sdk

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// RemoteConfig says where an application's verifier is. URL, Key and RP are
// compulsory. The keys of the site are asked for at URL with RP in Host, for one
// service can serve many sites: a proxy before it has to let that through.
type RemoteConfig struct {
	URL string // of `perhuman verifier`; https, or http on *.localhost and loopback
	Key string // the app key: it decides the environment and which actions there are
	RP  string // the host people see

	Environment string                       // what verdicts must come from; default "live"
	Session     func(r *http.Request) string // as in Config
	ClientOf    func(r *http.Request) string // as in Config; the verifier gets a salted hash
	Replays     bool                         // as in Config
	MaxBody     int64                        // as in Config

	Timeout  time.Duration // for one question, with all attempts; default 10 s
	Attempts int           // default 3
	Client   *http.Client  // its transport and timeout are used; default one with limits
	Now      func() time.Time
	Rand     io.Reader
	Observe  func(code api.Code)
	OnError  func(error)
}

// Remote guards handlers as a Gate does, with a verifier that runs elsewhere. It
// keeps nothing, and lets nobody in while that verifier cannot be reached. A
// question whose answer was lost is asked again under the same idempotency key,
// so that it is counted once, and not before the verifier wants to be asked
// again (Retry-After).
//
// The verifier owns the policies. Require states what the program takes them to
// be, and what differs there to the program's harm is policy_conflict before
// anything is spent. It has no Receipt and no RootProof: those are the
// verifier's.
type Remote struct {
	front
	far *far
}

var _ Guard = (*Remote)(nil)

// NewRemote makes a Remote. It does not touch the network.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	base, err := remoteURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := scope.ValidateRP(cfg.RP); err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	if cfg.Key == "" || strings.IndexFunc(cfg.Key, func(c rune) bool { return c < 0x21 || c > 0x7e }) >= 0 {
		return nil, errors.New("sdk: an app key is needed")
	}
	if cfg.Environment == "" {
		cfg.Environment = "live"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Attempts < 1 {
		cfg.Attempts = 3
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	}
	if cfg.Observe == nil {
		cfg.Observe = func(api.Code) {}
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	f := &far{cfg: cfg, base: base}
	if _, err := io.ReadFull(cfg.Rand, f.salt[:]); err != nil {
		return nil, fmt.Errorf("sdk: %w", err)
	}
	if cfg.Client != nil {
		f.http = http.Client{Transport: cfg.Client.Transport, Timeout: cfg.Client.Timeout}
	} else {
		t := sethttp.NewTransport()
		t.MaxIdleConnsPerHost = 64
		f.http = http.Client{Transport: t}
	}
	f.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Remote{far: f, front: newFront(f, frontConfig{
		session: cfg.Session, client: cfg.ClientOf, replays: cfg.Replays, maxBody: cfg.MaxBody, now: cfg.Now, onError: cfg.OnError,
	})}, nil
}

// Close lets go of idle connections.
func (r *Remote) Close() error {
	r.far.http.CloseIdleConnections()
	return nil
}

func remoteURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New("sdk: the verifier's URL: scheme, host and path only")
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	near := host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !near) {
		return "", errors.New("sdk: the verifier's URL: https, or http on *.localhost and loopback")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// far is the verifier behind an address.
type far struct {
	cfg  RemoteConfig
	base string
	http http.Client
	salt [16]byte

	drawing sync.Mutex // held while Rand is read

	known atomic.Pointer[wellKnownAt]
	reads singleflight.Group
}

var _ engine = (*far)(nil)

const (
	maxAnswer  = 256 << 10
	knownFresh = time.Minute
)

func (f *far) environment() string   { return f.cfg.Environment }
func (f *far) observe(code api.Code) { f.cfg.Observe(code) }

// consume asks for a verdict.
func (f *far) consume(ctx context.Context, r verifier.Request) (api.Verdict, error) {
	v, err := f.verify(ctx, r)
	if err != nil {
		f.observe(api.CodeOf(err))
		return api.Verdict{}, err
	}
	f.observe(v.Code)
	return v, nil
}

func (f *far) verify(ctx context.Context, r verifier.Request) (api.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	if err := f.agrees(ctx, r); err != nil {
		return api.Verdict{}, err
	}
	in := api.VerifyRequest{Action: r.Action, Challenge: r.Challenge, Session: r.Session, Origin: r.Origin, Client: f.alias(r.Client)}
	if !r.Content.IsZero() {
		in.ContentDigest = scope.EncodeToken(r.Content[:])
	}
	var packed []json.RawMessage
	for _, p := range append([]*semaphore.Proof{r.Proof}, r.And...) {
		s, err := p.Packed()
		if err != nil {
			return api.Verdict{}, api.Wrap(api.MalformedRequest, err)
		}
		packed = append(packed, json.RawMessage(`"`+s+`"`)) // base64url needs no escapes
	}
	if in.Proof = packed[0]; len(packed) > 1 {
		in.Proof, in.Proofs = nil, packed
	}
	key, own := r.IdempotencyKey, r.IdempotencyKey == ""
	if own { // for our own repeats, and nobody else's
		var b [16]byte
		f.drawing.Lock()
		_, err := io.ReadFull(f.cfg.Rand, b[:])
		f.drawing.Unlock()
		if err != nil {
			return api.Verdict{}, api.Wrap(api.Internal, err)
		}
		key = scope.EncodeToken(b[:])
	}
	var v api.Verdict
	err := f.ask(ctx, call{path: "/v1/verify", in: in, out: &v, header: http.Header{"Idempotency-Key": {key}}, again: true})
	if err != nil {
		return api.Verdict{}, err
	}
	if own {
		v.Replayed = false // the answer that was lost reached no handler
	}
	return v, f.trust(r, v)
}

// trust refuses a verdict that is about something else than what was asked: the
// verifier is set up in another way than the program believes.
func (f *far) trust(r verifier.Request, v api.Verdict) error {
	var wrong string
	switch {
	case v.Success != (v.Code == api.OK):
		wrong = "success and code"
	case v.Action != r.Action:
		wrong = "action"
	case v.Environment != f.cfg.Environment:
		wrong = "environment"
	case v.Policy != r.Policy.Kind.String() || v.Snapshot != r.Policy.Snapshot || v.Success && r.Policy.Len != 0 && (v.Period == nil || v.Period.Len != r.Policy.Len || v.Slot == nil):
		wrong = "policy"
	case v.Success && v.Nullifier != r.Proof.Nullifier.String():
		wrong = "nullifier"
	default:
		return nil
	}
	return api.Wrap(api.Internal, fmt.Errorf("sdk: the verifier's verdict has another %s", wrong))
}

// challenge asks for a challenge as the page whose request this is.
func (f *far) challenge(ctx context.Context, r verifier.ChallengeRequest) (api.ChallengeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	var out api.ChallengeResponse
	in := api.ChallengeRequest{Action: r.Action, Session: r.Session}
	if !r.Content.IsZero() {
		in.ContentDigest = scope.EncodeToken(r.Content[:])
	}
	header := http.Header{}
	if r.Origin != "" {
		header.Set("Origin", r.Origin)
	}
	if err := f.ask(ctx, call{path: "/v1/challenges", in: in, out: &out, header: header, again: true}); err != nil {
		return api.ChallengeResponse{}, err
	}
	p := r.Policy
	if out.Policy != p.Kind.String() || out.Period != p.Len || out.Snapshot != p.Snapshot {
		return api.ChallengeResponse{}, api.Errorf(api.PolicyConflict, "")
	}
	return out, nil
}

// agrees compares what the program believes about an action with what the
// verifier publishes. The verifier may be stricter, never more lenient.
func (f *far) agrees(ctx context.Context, r verifier.Request) error {
	known, err := f.wellKnown(ctx)
	if err != nil {
		return err
	}
	want := verifier.Describe(r.Action, r.Policy)
	for _, have := range known.Actions {
		if have.Action != r.Action {
			continue
		}
		if have.Policy != want.Policy || have.Period != want.Period || have.Snapshot != want.Snapshot || have.K > want.K {
			return api.Wrap(api.PolicyConflict, fmt.Errorf("sdk: action %q: the verifier has %+v, the program %+v", r.Action, have, want))
		}
		return nil
	}
	return api.Wrap(api.Internal, fmt.Errorf("sdk: the verifier knows no action %q", r.Action))
}

// describe gives the verifier's keys and issuers, and of its actions those that
// the program has.
func (f *far) describe(ctx context.Context, actions []api.ActionPolicy) (api.WellKnown, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	known, err := f.wellKnown(ctx)
	if err != nil {
		return known, err
	}
	ours := map[string]bool{}
	for _, a := range actions {
		ours[a.Action] = true
	}
	all := known.Actions
	known.Actions = []api.ActionPolicy{}
	for _, a := range all {
		if ours[a.Action] {
			known.Actions = append(known.Actions, a)
		}
	}
	return known, nil
}

// wellKnown is the verifier's own document. One that is more than a minute old
// is read again for all at once; while that fails, the old one stands: whether a
// proof counts is decided there, not here.
func (f *far) wellKnown(ctx context.Context) (api.WellKnown, error) {
	have := f.known.Load()
	if have != nil && time.Since(have.at) < knownFresh {
		return have.WellKnown, nil
	}
	done := f.reads.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), f.cfg.Timeout)
		defer cancel()
		out := &wellKnownAt{}
		if err := f.ask(ctx, call{path: "/.well-known/perhuman.json", out: &out.WellKnown, host: f.cfg.RP, again: true}); err != nil {
			return nil, err
		}
		if out.RP != f.cfg.RP || len(out.Keys) == 0 {
			return nil, api.Wrap(api.Internal, fmt.Errorf("sdk: the verifier is of %q", out.RP))
		}
		out.at = time.Now()
		f.known.Store(out)
		return nil, nil
	})
	if have != nil {
		return have.WellKnown, nil
	}
	select {
	case r := <-done:
		if r.Err != nil {
			return api.WellKnown{}, r.Err
		}
		return f.known.Load().WellKnown, nil
	case <-ctx.Done():
		return api.WellKnown{}, &api.Error{Code: api.StoreUnavailable, Err: ctx.Err()}
	}
}

type wellKnownAt struct {
	api.WellKnown
	at time.Time // by the wall clock
}

func (f *far) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	var out struct{}
	return f.ask(ctx, call{path: "/readyz", out: &out})
}

// alias hides a client's address from the verifier, which only has to tell it
// from others.
func (f *far) alias(client string) string {
	if client == "" {
		return ""
	}
	sum := sha256.Sum256(append(f.salt[:], client...))
	return scope.EncodeToken(sum[:16])
}
