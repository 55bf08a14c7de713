package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrAnswer: a witness answered what the protocol does not have.
var ErrAnswer = errors.New("witness: the answer cannot be read")

// maxAnswer bounds what is read of an answer: a few signature lines.
const maxAnswer = 16 << 10

// Client asks one witness over HTTP. Safe for concurrent use.
type Client struct {
	url  string
	http *http.Client
}

// NewClient makes a client of the witness at an address, to which
// "/add-checkpoint" is added. It follows no redirects. h bounds the time of a
// request with its own Timeout, or the context does; nil is a client of its own.
func NewClient(at string, h *http.Client) (*Client, error) {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("witness: %q is no address of a witness", at)
	}
	if h == nil {
		h = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Client{url: strings.TrimSuffix(u.String(), "/") + "/add-checkpoint", http: h}, nil
}

// Add asks for a cosignature of a signed checkpoint that extends the one of size
// old, and gives the signature lines as they were answered: check them. Errors
// are those of Witness.Add, ErrAnswer, and what the network gives.
func (c *Client) Add(ctx context.Context, old int64, proof tlog.TreeProof, signed []byte) (lines []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(MarshalRequest(old, proof, signed)))
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: too long", ErrAnswer)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusBadRequest:
		return nil, ErrMalformed
	case http.StatusForbidden:
		return nil, ErrSignature
	case http.StatusNotFound:
		return nil, ErrUnknownLog
	case http.StatusUnprocessableEntity:
		return nil, ErrProof
	case http.StatusConflict:
		latest, err := strconv.ParseInt(strings.TrimSuffix(string(body), "\n"), 10, 64)
		switch {
		case err != nil || latest < 0 || !strings.HasPrefix(resp.Header.Get("Content-Type"), sizeType):
			return nil, fmt.Errorf("%w: status 409", ErrAnswer)
		case latest == old:
			return nil, ErrRoot
		}
		return nil, &SizeError{latest}
	}
	return nil, fmt.Errorf("%w: status %d", ErrAnswer, resp.StatusCode)
}
