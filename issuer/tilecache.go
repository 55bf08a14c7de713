package issuer

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Static is what stands under a path for ever, ready to serve. Nobody changes
// its bytes.
type Static struct {
	Body []byte
	Gzip []byte // Body compressed; nil where that saves little
	ETag string // strong, with its quotes; of Body
}

// tileBytes bounds what the cache keeps; a tile is made of 256 rows, and a tile
// at the end of the log is asked for by everybody.
const tileBytes = 32 << 20

// tileCache keeps the tiles asked for last, in two generations: a tile that is
// asked for again moves to the young one, and when that is full the old one is
// forgotten. The zero value is ready.
type tileCache struct {
	mu         sync.Mutex
	young, old map[tlog.Tile]Static
	size       int // bytes of the young generation
}

func (c *tileCache) get(t tlog.Tile) (Static, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.young[t]; ok {
		return s, true
	}
	s, ok := c.old[t]
	if ok {
		c.add(t, s)
	}
	return s, ok
}

func (c *tileCache) put(t tlog.Tile, s Static) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[t]; !ok {
		c.add(t, s)
	}
}

func (c *tileCache) add(t tlog.Tile, s Static) {
	n := len(s.Body) + len(s.Gzip)
	if c.young == nil || c.size+n > tileBytes/2 {
		c.young, c.old, c.size = map[tlog.Tile]Static{}, c.young, 0
	}
	c.young[t] = s
	c.size += n
}

// StaticTile is Tile, ready to serve.
func (i *Issuer) StaticTile(ctx context.Context, t tlog.Tile) (Static, error) {
	if s, ok := i.tiles.get(t); ok {
		return s, nil
	}
	body, err := i.Tile(ctx, t)
	if err != nil {
		return Static{}, err
	}
	sum := sha256.Sum256(body)
	s := Static{Body: body, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	if t.L == setlog.EntriesLevel { // hash tiles do not compress
		s.Gzip = compressed(body)
	}
	i.tiles.put(t, s)
	return s, nil
}

// compressed gives nil if that saves less than an eighth.
func compressed(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err != nil || w.Close() != nil || out.Len() > len(b)-len(b)/8 {
		return nil // a buffer never returns an error
	}
	return out.Bytes()
}
