package sethttp

import (
	"context"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// aheadBundles is how many requests for entries are under way at one time.
const aheadBundles = 8

// FetchAhead gives Fetch for who reads the entries of a log of that size from
// the first to the last: it asks for the next bundles before they are wanted, so
// that the way to a distant server is not waited for each time.
func (c *Client) FetchAhead(ctx context.Context, size int64) setlog.Fetch {
	a := &ahead{client: c, ctx: ctx, size: size, under: make(map[string]*bundle)}
	return a.fetch
}

type ahead struct {
	client *Client
	ctx    context.Context
	size   int64

	mu    sync.Mutex
	under map[string]*bundle // asked for, and not handed out yet
}

type bundle struct {
	done chan struct{}
	data []byte
	err  error
}

func (a *ahead) fetch(path string) ([]byte, error) {
	t, err := setlog.ParseTilePath(path)
	if err != nil || t.L != setlog.EntriesLevel {
		return a.client.File(a.ctx, path)
	}
	a.mu.Lock()
	b := a.start(path)
	delete(a.under, path)
	for n := t.N + 1; n < t.N+aheadBundles && n*setlog.TileWidth < a.size; n++ {
		t.W = int(min(setlog.TileWidth, a.size-n*setlog.TileWidth))
		a.start(setlog.TilePath(tlog.Tile{H: t.H, L: t.L, N: n, W: t.W}))
	}
	a.mu.Unlock()
	<-b.done // the request ends with the context
	return b.data, b.err
}

// start asks for a bundle unless that was done already. The caller holds mu.
func (a *ahead) start(path string) *bundle {
	b, ok := a.under[path]
	if !ok {
		b = &bundle{done: make(chan struct{})}
		a.under[path] = b
		go func() {
			defer close(b.done)
			b.data, b.err = a.client.File(a.ctx, path)
		}()
	}
	return b
}
