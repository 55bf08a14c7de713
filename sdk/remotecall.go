package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// call is one question to the verifier: a POST of in, or a GET without one.
type call struct {
	path    string
	in, out any
	header  http.Header
	host    string
	again   bool // it may be asked again: a repeat changes nothing
}

// Waits before a question is asked again, unless the verifier names one.
const (
	firstWait = 50 * time.Millisecond
	maxWait   = 2 * time.Second
)

// ask puts a question until there is an answer, the attempts are used up, or no
// time is left for another. Errors are *api.Error.
func (f *far) ask(ctx context.Context, c call) error {
	var body []byte
	if c.in != nil {
		var err error
		if body, err = json.Marshal(c.in); err != nil {
			return api.Wrap(api.Internal, err)
		}
	}
	var worst *api.Error
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err, again := f.once(ctx, c, body)
		if err == nil {
			return nil
		}
		// What an earlier attempt may have written stays in doubt, whatever
		// the later ones say.
		if worst == nil || worst.Code != api.InDoubt || !again {
			worst = err
		}
		if !c.again || !again || attempt >= f.cfg.Attempts {
			return worst
		}
		pause := max(wait, err.RetryAfter)
		wait = min(2*wait, maxWait)
		if deadline, ok := ctx.Deadline(); ok && time.Now().Add(pause).After(deadline) {
			return worst
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return worst
		case <-t.C:
		}
	}
}

// once asks one time; again says whether asking once more can help.
func (f *far) once(ctx context.Context, c call, body []byte) (failed *api.Error, again bool) {
	method, reader := http.MethodGet, io.Reader(nil)
	if c.in != nil {
		method, reader = http.MethodPost, bytes.NewReader(body)
	}
	// Each attempt has its share of the time, or the first would take it all.
	share := f.cfg.Timeout / time.Duration(f.cfg.Attempts)
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, f.base+c.path, reader) // #nosec G704 -- the base is the operator's, the path one of ours
	if err != nil {
		return api.Wrap(api.Internal, fmt.Errorf("sdk: %w", err)), false
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+f.cfg.Key)
	req.Host = c.host
	res, err := f.http.Do(req) // #nosec G704 -- see above
	if err != nil {
		return unreachable(err, c.in != nil), true
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return unreachable(err, c.in != nil), true
	}
	if res.StatusCode != http.StatusOK {
		return problem(res, answer)
	}
	// Fields that are not known are passed over: a verifier may be newer.
	if err := json.Unmarshal(answer, c.out); err != nil {
		return api.Wrap(api.Internal, fmt.Errorf("sdk: the verifier's answer cannot be read: %w", err)), false
	}
	return nil, false
}

// unreachable tells what could not be sent from what may have been done.
func unreachable(err error, writes bool) *api.Error {
	code := api.StoreUnavailable
	var dial *net.OpError
	if writes && !(errors.As(err, &dial) && dial.Op == "dial") {
		code = api.InDoubt
	}
	return &api.Error{Code: code, RetryAfter: 0, Err: fmt.Errorf("sdk: the verifier does not answer: %w", err)}
}

// passed are the faults of a request that are the browser's; all others say
// that the program or its key are set up wrongly, and are nobody else's to know.
var passed = map[api.Code]bool{
	api.MalformedRequest: true, api.NotCanonical: true, api.DepthUnsupported: true, api.TooLarge: true,
	api.PolicyConflict: true, api.OriginNotAllowed: true, api.IdempotencyKeyConflict: true,
}

// problem reads an answer that is none.
func problem(res *http.Response, body []byte) (failed *api.Error, again bool) {
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		p.Code = api.Internal // a proxy, or something that is no verifier
		switch res.StatusCode {
		case http.StatusTooManyRequests:
			p.Code = api.RateLimited
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			p.Code = api.InDoubt
		}
	}
	e := &api.Error{Code: p.Code, Detail: p.Detail, Err: fmt.Errorf("sdk: the verifier answers %d %s, request %s", res.StatusCode, p.Code, p.RequestID)}
	if !p.Code.Retryable() && !passed[p.Code] {
		e.Code, e.Detail = api.Internal, ""
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 && s <= 3600 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e, p.Code.Retryable()
}
