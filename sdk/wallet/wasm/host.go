//go:build js && wasm

package main

import (
	"context"
	"strings"
	"sync"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// host is what the worker lends: fetch(url, {max, keep, fresh}) -> Promise of a
// Uint8Array (max: refuse more bytes; keep: keep it in a cache that outlives the
// page; fresh: ask no cache), forget(url) to drop what was kept,
// stage(name, done, total) to tell the page how far a call is, and helpers()
// for more workers to prove with (helpers.go).
type host struct {
	mu    sync.Mutex
	value js.Value
}

func (h *host) set(v js.Value) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.value = v
}

func (h *host) get(name string) (js.Value, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.value.Type() != js.TypeObject {
		return js.Undefined(), false
	}
	f := h.value.Get(name)
	return f, f.Type() == js.TypeFunction
}

// stage reports progress; nobody has to listen.
func (h *host) stage(name string, done, total int) {
	if f, ok := h.get("stage"); ok {
		f.Invoke(name, done, total)
	}
}

func (h *host) fetch(ctx context.Context, url string, max int, keep bool) ([]byte, error) {
	f, ok := h.get("fetch")
	if !ok {
		return nil, bridge.Invalid("the worker lends no fetch")
	}
	v, err := bridge.Await(ctx, f.Invoke(url, bridge.Record("max", max, "keep", keep, "fresh", !keep)), string(wallet.SourceUnavailable))
	if err != nil {
		return nil, err
	}
	return bridge.FromBytes(v, max)
}

func (h *host) forget(ctx context.Context, url string) {
	if f, ok := h.get("forget"); ok {
		_, _ = bridge.Await(ctx, f.Invoke(url), string(wallet.SourceUnavailable)) // a cache that cannot forget is read over by the next fetch
	}
}

// Sizes that no honest file exceeds.
const (
	maxLeaves = 32 << 20
	maxZKey   = 16 << 20
)

// source reads an issuer's public files below its address.
type source struct {
	host *host

	mu sync.Mutex
	at string // no slash at the end
}

var _ wallet.Source = (*source)(nil)

func (s *source) move(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

func (s *source) read(ctx context.Context, stage, path string, max int) ([]byte, error) {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	s.host.stage(stage, 0, 0)
	return s.host.fetch(ctx, at+"/"+path, max, false)
}

func (s *source) Head(ctx context.Context) ([]byte, error) {
	return s.read(ctx, "head", "head", setlog.MaxHead)
}

func (s *source) File(ctx context.Context, path string) ([]byte, error) {
	return s.read(ctx, "log", path, setlog.MaxBundle)
}

func (s *source) Leaves(ctx context.Context, seq uint64) ([]byte, error) {
	return s.read(ctx, "set", setlog.LeavesPath(seq), maxLeaves)
}

func (s *source) SetTile(ctx context.Context, seq uint64, level int, n uint64) ([]byte, error) {
	return s.read(ctx, "set", setlog.SetTilePath(seq, level, n), 32*setlog.TileWidth)
}

// address checks the base URL of an issuer's files: https, or http on a name
// that is loopback by definition.
func address(at string) (string, error) {
	at = strings.TrimSuffix(at, "/")
	host, plain := strings.CutPrefix(at, "http://")
	if !plain {
		if !strings.HasPrefix(at, "https://") {
			return "", bridge.Invalid("at: https, or http on loopback, expected")
		}
		return at, nil
	}
	host, _, _ = strings.Cut(host, "/")
	host, _, _ = strings.Cut(host, ":")
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") && host != "127.0.0.1" {
		return "", bridge.Invalid("at: https, or http on loopback, expected")
	}
	return at, nil
}
