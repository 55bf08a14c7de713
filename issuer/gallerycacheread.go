package issuer

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// cacheFile is a gallery cache whose footer and serials were opened.
type cacheFile struct {
	io.Closer
	r      io.ReaderAt
	aead   cipher.AEAD
	packed int // bytes of a person
	pieces []cachedPiece
	known  serials
}

type cachedPiece struct {
	serials []Serial
	at      int64  // of its packed bytes
	segment uint64 // the first of them
}

// openFile reads the footer and the serials; nil if there is no file.
func (c *galleryCache) openFile(key, aad []byte, packed int) (*cacheFile, error) {
	f, err := os.Open(c.path)
	if err != nil {
		return nil, gone(err)
	}
	var out *cacheFile
	info, err := f.Stat()
	if err == nil {
		out, err = readCache(f, info.Size(), key, aad, packed)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	out.Closer = f
	return out, nil
}

// readCache reads what openFile does.
func readCache(r io.ReaderAt, size int64, key, aad []byte, packed int) (*cacheFile, error) {
	cipher, err := newFileCipher(key)
	if err != nil {
		return nil, err
	}
	from, counts, err := readFooter(r, size, cipher.aead, aad)
	if err != nil {
		return nil, err
	}
	people := 0
	for _, n := range counts {
		if n < 1 || n > cachePiece {
			return nil, fmt.Errorf("%w: people in a piece", errCache)
		}
		people += n
	}
	if int64(people)*int64(packed) > size {
		return nil, fmt.Errorf("%w: it ends early", errCache)
	}
	out := &cacheFile{r: r, aead: cipher.aead, packed: packed, known: newSerials(people)}
	at, segment := int64(len(cacheMagic)), uint64(0)
	for _, n := range counts {
		ids := len(Serial{}) * n
		if at+sealedSize(ids)+sealedSize(packed*n) > from {
			return nil, fmt.Errorf("%w: it ends early", errCache)
		}
		p := cachedPiece{serials: make([]Serial, n), at: at + sealedSize(ids), segment: segment + count(ids)}
		plain := make([]byte, ids)
		if err := out.read(plain, at, segment); err != nil {
			return nil, err
		}
		for k := range p.serials {
			p.serials[k] = Serial(plain[k*len(Serial{}):])
			if !out.known.add(p.serials[k]) {
				return nil, fmt.Errorf("%w: somebody is in it twice", errCache)
			}
		}
		out.pieces = append(out.pieces, p)
		at, segment = p.at+sealedSize(packed*n), p.segment+count(packed*n)
	}
	if at != from {
		return nil, fmt.Errorf("%w: its pieces", errCache)
	}
	return out, nil
}

// readFooter gives where the footer begins, and what it says: how many people
// each piece has.
func readFooter(r io.ReaderAt, size int64, aead cipher.AEAD, aad []byte) (from int64, counts []int, err error) {
	magic, last := make([]byte, len(cacheMagic)), make([]byte, 4)
	if size < int64(len(magic)+len(last)) {
		return 0, nil, fmt.Errorf("%w: it ends early", errCache)
	}
	if _, err := r.ReadAt(magic, 0); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errCache, err)
	}
	if string(magic) != cacheMagic {
		return 0, nil, fmt.Errorf("%w: another version, or no such file", errCache)
	}
	if _, err := r.ReadAt(last, size-int64(len(last))); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errCache, err)
	}
	n := int64(binary.BigEndian.Uint32(last))
	if from = size - int64(len(last)) - n; n > cacheFooter || from < int64(len(magic)) {
		return 0, nil, fmt.Errorf("%w: length of its footer", errCache)
	}
	sealed := make([]byte, n)
	if _, err := r.ReadAt(sealed, from); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errCache, err)
	}
	footer, err := aead.Open(nil, footerNonce(), sealed, aad)
	if err != nil || len(footer)%4 != 0 {
		return 0, nil, fmt.Errorf("%w: not of this issuer, matcher and key", errCache)
	}
	for b := footer; len(b) > 0; b = b[4:] {
		counts = append(counts, int(binary.BigEndian.Uint32(b)))
	}
	return from, counts, nil
}

// read opens a run of segments into to.
func (c *cacheFile) read(to []byte, at int64, segment uint64) error {
	sealed := make([]byte, min(len(to), cacheSegment)+cacheTag)
	file := fileCipher{aead: c.aead, next: segment}
	return segments(len(to), func(from, end int) error {
		b := sealed[:end-from+cacheTag]
		if _, err := c.r.ReadAt(b, at); err != nil {
			return fmt.Errorf("%w: %w", errCache, err)
		}
		at += int64(len(b))
		if _, err := c.aead.Open(to[from:from:end], file.nonce(), b, nil); err != nil {
			return fmt.Errorf("%w: a piece was changed", errCache)
		}
		return nil
	})
}

func (c *cacheFile) people() (n int) {
	for _, p := range c.pieces {
		n += len(p.serials)
	}
	return n
}

func (c *cacheFile) has(s Serial) bool { return c.known.has(s) }

// serials is a set of them. Each stands near where its first bits point to: rows
// come in the order of their serials, so looking them up walks through memory
// instead of jumping about in it, which for a million takes several times as long.
// Serials are random bits of the issuer's own, so nobody can crowd them.
type serials struct {
	slots []Serial // zero: free
	shift int
	zero  bool // the serial that is zero is in it
}

// newSerials makes a set with room for n.
func newSerials(n int) serials {
	size := bits.Len(uint(2 * max(n, 1))) // at most half full
	return serials{slots: make([]Serial, 1<<size), shift: 64 - size}
}

// find gives where s stands or belongs.
func (t *serials) find(s Serial) *Serial {
	at := binary.BigEndian.Uint64(s[:]) >> t.shift
	for t.slots[at] != s && t.slots[at] != (Serial{}) {
		at = (at + 1) % uint64(len(t.slots))
	}
	return &t.slots[at]
}

// add says whether s is new.
func (t *serials) add(s Serial) bool {
	if s == (Serial{}) {
		was := t.zero
		t.zero = true
		return !was
	}
	p := t.find(s)
	if *p == s {
		return false
	}
	*p = s
	return true
}

func (t *serials) has(s Serial) bool {
	if s == (Serial{}) {
		return t.zero
	}
	return *t.find(s) == s
}

// unpack opens everything into a matcher, on all processors.
func (c *cacheFile) unpack(ctx context.Context, m Packer, in *atomic.Int64) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range c.pieces {
		group.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			err := m.Unpack(p.serials, func(into []byte) error {
				if len(into) != len(p.serials)*c.packed {
					return fmt.Errorf("%w: bytes of a person", errCache)
				}
				return c.read(into, p.at, p.segment)
			})
			if err == nil {
				in.Add(int64(len(p.serials)))
			}
			return err
		})
	}
	return group.Wait()
}

// cached gives the gallery cache, if there is one that can be used.
func (i *Issuer) cached(ctx context.Context) *cacheFile {
	m, ok := i.cfg.Matcher.(Packer)
	if i.cache == nil || !ok {
		return nil
	}
	f, err := i.openCache(ctx, cacheAAD(i.cfg.Name, m.Layout()), m.PackedSize())
	if err != nil && ctx.Err() == nil {
		i.cfg.Logf("issuer: the gallery cache is not used: %v", err)
	}
	return f
}

func (i *Issuer) openCache(ctx context.Context, aad []byte, packed int) (*cacheFile, error) {
	if _, err := os.Stat(i.cache.path); err != nil {
		return nil, gone(err)
	}
	sealed, err := i.cfg.Store.CacheKey(ctx)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		return nil, errors.Join(fmt.Errorf("%w: its key is destroyed", errCache), i.cache.drop())
	}
	key, err := open(i.seal.template, sealed, aad)
	if err != nil || len(key) != cacheKey {
		return nil, fmt.Errorf("%w: not of this issuer, matcher and key", errCache)
	}
	defer clear(key)
	return i.cache.openFile(key, aad, packed)
}
