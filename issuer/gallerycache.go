package issuer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The gallery cache is a file with what the matcher has in its memory, sealed in
// large pieces under a key of the file's own. Rows are what counts: a start reads
// the serial and the mark of every one of them, takes the template of those that
// the cache has from there, and does not use a cache that has anybody who is not
// on record. The file is
//
//	"perhuman/gallery-cache/1" || pieces || footer || u32 length of the footer
//	piece    serials, packed: each in segments of AES-256-GCM under the file's key
//	footer   nonce(12) || AES-256-GCM under the template key, over
//	         the file's key(32) || for each piece u32 number of people;
//	         aad the magic, the issuer's name, the matcher's layout
//
// A segment is 256 KiB of plaintext, or what is left of its run, and a tag; its
// nonce is its number in the file, which is a new key's every time.
//
// The footer is written last. Until it is there, and after drop has overwritten
// it, the file's key exists nowhere, and nothing in it can be read again: that is
// what makes a template that was destroyed stay destroyed.
type galleryCache struct {
	path string
	rand io.Reader

	mu    sync.Mutex
	drops uint64 // so far: one in between ends a writing without a file
	have  int    // people in the file
}

const (
	cacheMagic   = "perhuman/gallery-cache/1"
	cacheSegment = 256 << 10
	cacheTag     = 16
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
	return int64(size) + int64((size+cacheSegment-1)/cacheSegment*cacheTag)
}

// fileCipher is the cipher of one file's segments.
type fileCipher struct {
	aead cipher.AEAD
	next uint64
}

func newFileCipher(key []byte) (*fileCipher, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
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

func cacheAAD(name, layout string) []byte {
	b := append([]byte(cacheMagic), 0, 0)
	binary.BigEndian.PutUint16(b[len(cacheMagic):], uint16(len(name)))
	return append(append(b, name...), layout...)
}

// write makes the file anew from pieces, unless a drop comes in between: drops is
// their number when the pieces were taken. It blocks until all is on the disk.
func (c *galleryCache) write(ctx context.Context, seal cipher.AEAD, aad []byte, drops uint64, pieces func(func([]Serial, []byte) bool)) (err error) {
	name := c.path + ".new"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(name))
		}
	}()
	plain := make([]byte, 32, 4096) // the footer's
	defer func() { clear(plain) }()
	if _, err := io.ReadFull(c.rand, plain); err != nil {
		return err
	}
	file, err := newFileCipher(plain)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(cacheMagic); err != nil {
		return err
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
	people := 0
	var serials []byte
	for ids, packed := range pieces {
		serials = serials[:0]
		for _, s := range ids {
			serials = append(serials, s[:]...)
		}
		if err := errors.Join(run(serials), run(packed)); err != nil {
			return err
		}
		plain = binary.BigEndian.AppendUint32(plain, uint32(len(ids)))
		people += len(ids)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	footer := make([]byte, seal.NonceSize())
	if _, err := io.ReadFull(c.rand, footer); err != nil {
		return err
	}
	footer = seal.Seal(footer, footer, plain, aad)
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(footer)))

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != drops {
		return errors.New("issuer: gallery cache: somebody was to be destroyed meanwhile")
	}
	if _, err := f.Write(footer); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := blot(c.path); err != nil { // what is renamed over still stands on the disk
		return err
	}
	if err := os.Rename(name, c.path); err != nil {
		return err
	}
	c.have = people
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

// drop makes what is in the file unreadable for ever, and removes it. It is
// called before anybody's template is destroyed, and nobody is if it fails.
func (c *galleryCache) drop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.have = 0
	for _, name := range []string{c.path, c.path + ".new"} {
		if err := blot(name); err != nil {
			return fmt.Errorf("issuer: drop the gallery cache: %w", err)
		}
	}
	return nil
}

// DropGalleryCache makes what is in a gallery cache unreadable for ever and removes
// it: for an issuer that is to have none any more. It is no error if there is none.
func DropGalleryCache(path string) error { return (&galleryCache{path: path}).drop() }

// blot overwrites a file's footer, on the disk, and removes the file.
func blot(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	from, size, err := footerAt(f)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size-from), from)
	}
	if errors.Is(err, errCache) {
		err = nil // it has none
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	return syncDir(name)
}

// footerAt gives where a file's footer begins and where the file ends.
func footerAt(f *os.File) (from, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	size = info.Size()
	var last [4]byte
	if size < int64(len(cacheMagic)+len(last)) {
		return 0, 0, fmt.Errorf("%w: it ends early", errCache)
	}
	if _, err := f.ReadAt(last[:], size-4); err != nil {
		return 0, 0, err
	}
	n := int64(binary.BigEndian.Uint32(last[:]))
	if from = size - 4 - n; n > cacheFooter || from < int64(len(cacheMagic)) {
		return 0, 0, fmt.Errorf("%w: length of its footer", errCache)
	}
	return from, size, nil
}

func syncDir(name string) error {
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
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
	if !i.gallery.open.Load() || i.doubt || i.gallery.doubt || i.fenced.Load() {
		i.mu.Unlock()
		return false, nil // what is in memory may not be what is stored
	}
	have, drops := i.cache.state()
	pieces, seal, live := m.Packed(), i.seal.template, 0
	i.mu.Unlock()
	for ids := range pieces {
		live += len(ids)
	}
	if missing := live - have; live == 0 || missing < least || missing < live/8 && least > 0 {
		return false, nil
	}
	return true, i.cache.write(ctx, seal, cacheAAD(i.cfg.Name, m.Layout()), drops, pieces)
}
