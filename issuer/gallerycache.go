package issuer

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// The gallery cache is a file with what the matcher has in its memory, sealed in
// large pieces under a key of the file's own. Rows are what counts: a start reads
// the serial and the mark of every one of them, takes the template of those that
// the cache has from there, and does not use a cache that has anybody who is not
// on record. The file is
//
//	"perhuman/gallery-cache/2" || pieces || footer || u32 length of the footer
//	piece    serials, packed: each in segments of AES-256-GCM under the file's key
//	footer   AES-256-GCM under the file's key, over u32 number of people for each
//	         piece; nonce twelve bytes 0xff; aad the magic, the issuer's name, the
//	         matcher's layout
//
// A segment is 256 KiB of plaintext, or what is left of its run, and a tag; its
// nonce is its number in the file, which is a new key's every time.
//
// That key is in the store and nowhere else, sealed under the template key: the
// store forgets it in the transaction that destroys a template (Store.Destroy).
// From then on no cache opens, nor any copy of one that somebody kept, also if
// the issuer runs without a cache by then, or on another machine.
type galleryCache struct {
	path string
	rand io.Reader

	mu    sync.Mutex
	drops uint64 // so far: one in between ends a writing without a file
	have  int    // people in the file, if its key is in the store
}

const (
	cacheMagic   = "perhuman/gallery-cache/2"
	cacheSegment = 256 << 10
	cacheTag     = 16
	cacheKey     = 32
	cachePiece   = 1 << 20 // people in a piece, at most
	cacheFooter  = 1 << 24 // bytes, at most
)

var errCache = errors.New("issuer: not a usable gallery cache")

// segments calls f for each segment of a run of so many bytes.
func segments(size int, f func(from, to int) error) error {
	for from := 0; from < size; from += cacheSegment {
		if err := f(from, min(from+cacheSegment, size)); err != nil {
			return err
		}
	}
	return nil
}

// sealedSize is what a run of so many bytes takes in the file.
func sealedSize(size int) int64 {
	return int64(size) + int64(count(size))*cacheTag
}

// count is the number of segments of a run.
func count(size int) uint64 { return uint64((size + cacheSegment - 1) / cacheSegment) }

// fileCipher is the cipher of one file's segments.
type fileCipher struct {
	aead cipher.AEAD
	next uint64
}

func newFileCipher(key []byte) (*fileCipher, error) {
	a, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return &fileCipher{aead: a}, nil
}

// nonce gives the next segment's.
func (c *fileCipher) nonce() []byte {
	var b [12]byte
	binary.BigEndian.PutUint64(b[4:], c.next)
	c.next++
	return b[:]
}

// footerNonce is no segment's.
func footerNonce() []byte { return bytes.Repeat([]byte{0xff}, 12) }

func cacheAAD(name, layout string) []byte {
	b := append([]byte(cacheMagic), 0, 0)
	binary.BigEndian.PutUint16(b[len(cacheMagic):], uint16(len(name)))
	return append(append(b, name...), layout...)
}

// cacheWritten is a file that nobody can open yet: its key is nowhere else.
type cacheWritten struct {
	name   string
	key    []byte
	people int
}

// discard removes the file, for the reason that err gives.
func (w cacheWritten) discard(err error) error {
	clear(w.key)
	return errors.Join(err, gone(os.Remove(w.name)))
}

// write makes a file of pieces beside the one that is there. It blocks until all
// is on the disk.
func (c *galleryCache) write(ctx context.Context, aad []byte, pieces func(func([]Serial, []byte) bool)) (w cacheWritten, err error) {
	w = cacheWritten{name: c.path + ".new", key: make([]byte, cacheKey)}
	f, err := os.OpenFile(w.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			err = w.discard(err)
		}
	}()
	if _, err := io.ReadFull(c.rand, w.key); err != nil {
		return w, err
	}
	file, err := newFileCipher(w.key)
	if err != nil {
		return w, err
	}
	if _, err := f.WriteString(cacheMagic); err != nil {
		return w, err
	}
	buffer := make([]byte, 0, cacheSegment+cacheTag)
	run := func(b []byte) error {
		return segments(len(b), func(from, to int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			_, err := f.Write(file.aead.Seal(buffer, file.nonce(), b[from:to], nil))
			return err
		})
	}
	var serials, counts []byte
	for ids, packed := range pieces {
		serials = serials[:0]
		for _, s := range ids {
			serials = append(serials, s[:]...)
		}
		if err := run(serials); err != nil {
			return w, err
		}
		if err := run(packed); err != nil {
			return w, err
		}
		counts = binary.BigEndian.AppendUint32(counts, uint32(len(ids)))
		w.people += len(ids)
	}
	footer := file.aead.Seal(nil, footerNonce(), counts, aad)
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(footer)))
	if _, err := f.Write(footer); err != nil {
		return w, err
	}
	return w, errors.Join(f.Sync(), f.Close())
}

// put makes a written file the cache. It has no key in the store before: what a
// crash leaves in between opens for nobody.
func (c *galleryCache) put(ctx context.Context, w cacheWritten, store CacheStore, sealed []byte, drops uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != drops {
		return w.discard(errors.New("issuer: gallery cache: somebody was to be destroyed meanwhile"))
	}
	c.have = 0 // the key of the old one goes
	if err := store.SetCacheKey(ctx, sealed); err != nil {
		return w.discard(err)
	}
	if err := os.Rename(w.name, c.path); err != nil {
		return w.discard(err)
	}
	c.have = w.people
	return syncDir(c.path)
}

// opened notes how many people a start found in the file.
func (c *galleryCache) opened(people int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.have = people
}

// state gives how many people the file has and how often it was dropped.
func (c *galleryCache) state() (people int, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.have, c.drops
}

// drop removes the file, and ends a writing without one. It is called before
// anybody's template is destroyed. What makes the file unreadable is that the
// store forgets its key: a file that cannot be removed keeps nobody.
func (c *galleryCache) drop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.have = 0
	return errors.Join(gone(os.Remove(c.path)), gone(os.Remove(c.path+".new")))
}

// DropGalleryCache removes a gallery cache, for an issuer that is to have none any
// more. It is no error if there is none.
func DropGalleryCache(path string) error { return (&galleryCache{path: path}).drop() }

// gone is err unless it says that there is no such file.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Run writes the cache when somebody looks, so often, and finds this many people
// and an eighth of all missing in it; and at most once in cacheRest, since every
// destruction drops it.
const (
	cacheLook  = time.Minute
	cacheRest  = time.Hour
	cacheLeast = 10_000
)

// keepCache keeps the gallery cache until ctx ends.
func (i *Issuer) keepCache(ctx context.Context) {
	tick := time.NewTicker(cacheLook)
	defer tick.Stop()
	var last time.Time
	for {
		if now := i.cfg.Now(); last.IsZero() || now.Sub(last) >= cacheRest {
			wrote, err := i.freshenCache(ctx, cacheLeast)
			if wrote || err != nil {
				last = now
			}
			if err != nil && ctx.Err() == nil {
				i.cfg.Logf("issuer: gallery cache: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// WriteGalleryCache writes the gallery cache, if there is to be one, the gallery
// is open and the matcher is a Packer. Run does it by itself. It blocks while all
// templates are sealed and written, and keeps nobody else waiting meanwhile.
func (i *Issuer) WriteGalleryCache(ctx context.Context) error {
	_, err := i.freshenCache(ctx, 0)
	return err
}

// freshenCache writes the cache if at least so many people are missing in it.
func (i *Issuer) freshenCache(ctx context.Context, least int) (wrote bool, err error) {
	m, ok := i.cfg.Matcher.(Packer)
	if i.cache == nil || !ok {
		return false, nil
	}
	i.mu.Lock()
	if !i.cacheable() {
		i.mu.Unlock()
		return false, nil
	}
	have, drops := i.cache.state()
	pieces, live := m.Packed(), 0
	i.mu.Unlock()
	for ids := range pieces {
		live += len(ids)
	}
	if missing := live - have; live == 0 || missing < least || missing < live/8 && least > 0 {
		return false, nil
	}
	aad := cacheAAD(i.cfg.Name, m.Layout())
	written, err := i.cache.write(ctx, aad, pieces)
	if err != nil {
		return true, err
	}
	defer clear(written.key)
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.cacheable() {
		return true, written.discard(errors.New("issuer: gallery cache: the gallery was opened anew meanwhile"))
	}
	sealed, err := i.seal.seal(i.seal.template, written.key, aad)
	if err != nil {
		return true, written.discard(err)
	}
	return true, i.cache.put(ctx, written, i.cfg.Store, sealed, drops)
}

// cacheable tells whether what is in memory is what is stored. The caller holds
// mu.
func (i *Issuer) cacheable() bool {
	return i.gallery.open.Load() && !i.doubt && !i.gallery.doubt && !i.fenced.Load()
}
