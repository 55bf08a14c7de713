package sethttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Bounds of one request.
const (
	requestTimeout = 10 * time.Second
	leavesTimeout  = 60 * time.Second
	// MaxLeaves bounds the body of Leaves: two million members.
	MaxLeaves = 64 << 20
	maxTile   = 64 << 10 // the largest is a full entry bundle, 36 KiB
)

var (
	// ErrGone: the set at that sequence number is no longer served (410); start
	// again from the head.
	ErrGone = errors.New("sethttp: no longer served")
	// ErrTooLarge: a body above the bound of its kind.
	ErrTooLarge = errors.New("sethttp: answer too large")
)

// StatusError is an HTTP answer other than 200.
type StatusError struct {
	Path   string
	Status int
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("sethttp: %s: HTTP status %d", e.Path, e.Status)
}

// Is makes 410 match ErrGone.
func (e *StatusError) Is(target error) bool {
	return target == ErrGone && e.Status == http.StatusGone
}

// Client fetches the files of one set log. It checks sizes and nothing else.
type Client struct {
	base string
	http http.Client
}

// NewClient makes a client for the issuer with that name, at the given address
// or, if that is empty, at the one in the name. hc may be nil; its transport and
// timeout are used, its cookies and redirect policy are not: redirects are errors.
func NewClient(name, at string, hc *http.Client) (*Client, error) {
	base, err := baseURL(name, at)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base}
	if hc != nil {
		c.http = http.Client{Transport: hc.Transport, Timeout: hc.Timeout}
	} else {
		c.http.Transport = NewTransport()
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Base gives the address that paths are appended to, without a slash at the end.
func (c *Client) Base() string { return c.base }

// Head gets the signed head.
func (c *Client) Head(ctx context.Context) ([]byte, error) {
	body, _, err := c.headIf(ctx, "")
	return body, err
}

// headIf gets the head if its ETag is not the given one; body is nil if it is.
func (c *Client) headIf(ctx context.Context, etag string) (body []byte, newTag string, err error) {
	return c.get(ctx, "head", setlog.MaxHead, requestTimeout, etag)
}

// Leaves gets all leaves of the set at a sequence number, 32 bytes each.
func (c *Client) Leaves(ctx context.Context, seq uint64) ([]byte, error) {
	body, _, err := c.get(ctx, setlog.LeavesPath(seq), MaxLeaves, leavesTimeout, "")
	return body, err
}

// SetTile gets a tile of the set (setlog.SetPath).
func (c *Client) SetTile(ctx context.Context, seq uint64, level int, n uint64) ([]byte, error) {
	return c.File(ctx, setlog.SetTilePath(seq, level, n))
}

// Tile gets a tile of the log, or an entry bundle.
func (c *Client) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	return c.File(ctx, setlog.TilePath(t))
}

// Checkpoint gets the signed checkpoint.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) { return c.File(ctx, "checkpoint") }

// File gets a static file by its path below the log's prefix, up to 64 KiB.
func (c *Client) File(ctx context.Context, path string) ([]byte, error) {
	body, _, err := c.get(ctx, path, maxTile, requestTimeout, "")
	return body, err
}

// Fetch gives File in the form that setlog takes.
func (c *Client) Fetch(ctx context.Context) setlog.Fetch {
	return func(path string) ([]byte, error) { return c.File(ctx, path) }
}

func (c *Client) get(ctx context.Context, path string, limit int64, timeout time.Duration, etag string) ([]byte, string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/"+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		return nil, "", fmt.Errorf("sethttp: %s: %w", path, err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("sethttp: %s: %w", path, err)
	}
	defer resp.Body.Close()
	if etag != "" && resp.StatusCode == http.StatusNotModified {
		return nil, etag, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", &StatusError{Path: path, Status: resp.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, "", fmt.Errorf("sethttp: %s: %w", path, err)
	}
	if int64(len(body)) > limit {
		return nil, "", fmt.Errorf("%w: %s", ErrTooLarge, path)
	}
	return body, resp.Header.Get("ETag"), nil
}
