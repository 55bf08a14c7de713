package sethttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// InfoPath is where an issuer describes itself: below its address, or else at
// the root of its host.
const InfoPath = ".well-known/perhuman-issuer.json"

const (
	defaultInfoEvery = 10 * time.Minute
	infoGap          = time.Second // between attempts of Run, at first
	infoState        = "info"
)

// ErrInfo: an issuer's description that cannot be used.
var ErrInfo = errors.New("sethttp: the issuer's metadata cannot be used")

// Info gives what the issuer last said about itself: its bound, and how its
// members can come to new secrets. Before the first time it fetches it, once for
// all callers; later Run does so every ten minutes or so, and an issuer that
// cannot be reached leaves what is known. It is kept over restarts with
// Config.Kept. The document is trusted as the connection is; its hash is in the
// log, so that an auditor can see it change.
func (s *Source) Info(ctx context.Context) (api.IssuerInfo, error) {
	if info := s.info.Load(); info != nil {
		return *info, nil
	}
	done := s.learns.DoChan(infoState, func() (any, error) {
		s.infoMu.Lock()
		defer s.infoMu.Unlock()
		if s.info.Load() != nil {
			return nil, nil // Run was faster
		}
		if wait := flightGap - time.Since(s.infoTried); wait > 0 {
			time.Sleep(wait)
		}
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		defer cancel()
		err := s.refreshInfo(ctx)
		s.infoTried = time.Now()
		return nil, err
	})
	select {
	case r := <-done:
		if info := s.info.Load(); info != nil {
			return *info, nil
		}
		return api.IssuerInfo{}, r.Err
	case <-ctx.Done():
		return api.IssuerInfo{}, ctx.Err()
	}
}

// Metadata gets what the issuer says about itself, not checked in any way.
func (c *Client) Metadata(ctx context.Context) ([]byte, error) {
	body, err := c.File(ctx, InfoPath)
	var status *StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		u, perr := url.Parse(c.base)
		if perr == nil && u.Path != "" {
			root := Client{base: u.Scheme + "://" + u.Host, http: c.http}
			return root.File(ctx, InfoPath)
		}
	}
	return body, err
}

// refreshInfo fetches the description and keeps it if it is another one.
func (s *Source) refreshInfo(ctx context.Context) error {
	body, err := s.Metadata(ctx)
	if err != nil {
		return err
	}
	info, err := s.parseInfo(body)
	if err != nil {
		return err
	}
	if s.kept != nil && !bytes.Equal(body, s.infoBody) {
		if err := s.kept(infoState).Save(body); err != nil {
			return err
		}
	}
	s.infoBody = body
	s.info.Store(&info)
	return nil
}

// loadInfo takes what was kept before; what cannot be used is fetched anew.
func (s *Source) loadInfo() error {
	if s.kept == nil {
		return nil
	}
	body, err := s.kept(infoState).Load()
	if err != nil || len(body) == 0 {
		return err
	}
	if info, err := s.parseInfo(body); err == nil {
		s.infoBody = body
		s.info.Store(&info)
	}
	return nil
}

// parseInfo reads a description. Fields that are not known are passed over: an
// issuer may be newer than its followers.
func (s *Source) parseInfo(body []byte) (api.IssuerInfo, error) {
	var info api.IssuerInfo
	if err := json.Unmarshal(body, &info); err != nil {
		return info, fmt.Errorf("%w: %w", ErrInfo, err)
	}
	switch {
	case !info.Signs(s.follower.VKey()) || info.Name != s.follower.Name():
		return info, fmt.Errorf("%w: it is another issuer's", ErrInfo)
	case info.Bound == 0:
		return info, fmt.Errorf("%w: it states no bound", ErrInfo)
	case info.RekeyPeriod > 0 && info.Cooldown == 0:
		return info, fmt.Errorf("%w: re-keys without a cool-down", ErrInfo)
	}
	return info, nil
}

// runInfo reads the description again and again until ctx ends.
func (s *Source) runInfo(ctx context.Context) {
	retry := infoGap
	for {
		s.infoMu.Lock()
		err := s.refreshInfo(ctx)
		s.infoTried = time.Now()
		s.infoMu.Unlock()
		wait := s.infoEvery
		if err != nil && ctx.Err() == nil {
			s.onError(err)
			wait = min(retry, s.infoEvery)
			retry = min(2*retry, time.Minute)
		} else {
			retry = infoGap
		}
		t := time.NewTimer(time.Duration(float64(wait) * (0.75 + s.jitter()/2)))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}
