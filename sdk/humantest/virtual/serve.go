package virtual

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

var (
	_ wallet.Source     = (*Issuer)(nil)
	_ http.Handler      = (*Issuer)(nil)
	_ http.RoundTripper = (*Issuer)(nil)
)

const metadataPath = ".well-known/perhuman-issuer.json"

// Read gives a public file by its path below the issuer's prefix. Errors:
// ErrNotFound, and another one while the issuer is down.
func (i *Issuer) Read(path string) ([]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.down:
		return nil, errors.New("virtual: the issuer is down")
	case path == "head":
		return i.head()
	case path == "checkpoint":
		return i.checkpoint, nil
	case path == metadataPath:
		return i.metadata()
	case path == setlog.LeavesPath(i.seq):
		return setlog.MarshalLeaves(i.group.Level(0)), nil
	}
	if seq, level, n, err := setlog.ParseSetTilePath(path); err == nil && seq == i.seq {
		return setlog.SetTile(i.group, level, n)
	}
	return i.tile(path)
}

// tile gives a tile of the log, or a bundle of entries.
func (i *Issuer) tile(path string) ([]byte, error) {
	tile, err := setlog.ParseTilePath(path)
	size := int64(len(i.entries))
	if err != nil || !setlog.TileIn(tile, size) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if tile.L == setlog.EntriesLevel {
		from := tile.N * setlog.TileWidth
		return setlog.EntryBundle(i.entries[from : from+int64(tile.W)])
	}
	return setlog.TileData(tile, size, i.hashes)
}

// metadata says what this issuer is worth.
func (i *Issuer) metadata() ([]byte, error) {
	return json.Marshal(api.IssuerInfo{
		Name: i.name, VKey: i.vkey, Depth: 20, AnchorPeriod: 1, Window: uint64(setlog.DefaultWindow.Seconds()),
		Evidence: []string{"virtual"}, Matcher: "none", MatcherNote: "These people do not exist. For tests and development.",
		ErrorRates: []api.ErrorRate{}, Bound: 1, Witnesses: []string{},
	})
}

// file gives the file that a URL path means: the log stands below the path in
// the issuer's name, the metadata at the root of its host.
func (i *Issuer) file(urlPath string) ([]byte, error) {
	path := strings.TrimPrefix(urlPath, "/")
	if _, prefix, ok := strings.Cut(i.name, "/"); ok && path != metadataPath {
		path = strings.TrimPrefix(path, prefix+"/")
	}
	return i.Read(path)
}

// ServeHTTP serves the public files to programs and to pages of any origin.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	body, err := i.file(r.URL.Path)
	switch {
	case errors.Is(err, ErrNotFound):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body) // #nosec G705 -- bytes by their type, not to be sniffed
	}
}

// RoundTrip answers requests to the issuer's own address, and refuses all
// others: there is no network behind it.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	host, _, _ := strings.Cut(i.name, "/")
	if r.URL.Host != host {
		return nil, fmt.Errorf("virtual: no network behind this client: %s", r.URL.Host)
	}
	status := http.StatusOK
	body, err := i.file(r.URL.Path)
	if err != nil {
		status, body = http.StatusServiceUnavailable, []byte(err.Error())
		if errors.Is(err, ErrNotFound) {
			status = http.StatusNotFound
		}
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// Head implements wallet.Source.
func (i *Issuer) Head(context.Context) ([]byte, error) { return i.Read("head") }

// File implements wallet.Source.
func (i *Issuer) File(_ context.Context, path string) ([]byte, error) { return i.Read(path) }

// Leaves implements wallet.Source.
func (i *Issuer) Leaves(_ context.Context, seq uint64) ([]byte, error) {
	return i.Read(setlog.LeavesPath(seq))
}

// SetTile implements wallet.Source.
func (i *Issuer) SetTile(_ context.Context, seq uint64, level int, n uint64) ([]byte, error) {
	return i.Read(setlog.SetTilePath(seq, level, n))
}
