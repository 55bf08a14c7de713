package issuer

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// cacheFile is a gallery cache whose footer was opened.
type cacheFile struct {
	file   *os.File
	aead   cipher.AEAD
	packed int // bytes of a person
	pieces []cachedPiece
	known  map[Serial]struct{}
}

type cachedPiece struct {
	serials []Serial
	at      int64  // of its packed bytes
	segment uint64 // the first of them
}

// openFile reads the footer and the serials; nil if there is no file.
func (c *galleryCache) openFile(seal cipher.AEAD, aad []byte, packed int) (_ *cacheFile, err error) {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	from, size, err := footerAt(f)
	if err != nil {
		return nil, err
	}
	magic, sealed := make([]byte, len(cacheMagic)), make([]byte, size-4-from)
	if _, err := f.ReadAt(magic, 0); err != nil {
		return nil, err
	}
	if _, err := f.ReadAt(sealed, from); err != nil {
		return nil, err
	}
	if string(magic) != cacheMagic {
		return nil, fmt.Errorf("%w: another version, or no such file", errCache)
	}
	footer, err := open(seal, sealed, aad)
	if err != nil {
		return nil, fmt.Errorf("%w: not of this issuer, matcher and key", errCache)
	}
	defer clear(footer)
	if len(footer) < 32 || len(footer)%4 != 0 {
		return nil, fmt.Errorf("%w: its footer", errCache)
	}
	key, err := newFileCipher(footer[:32])
	if err != nil {
		return nil, err
	}
	out := &cacheFile{file: f, aead: key.aead, packed: packed, known: map[Serial]struct{}{}}
	at, segment := int64(len(cacheMagic)), uint64(0)
	for b := footer[32:]; len(b) > 0; b = b[4:] {
		people := int(binary.BigEndian.Uint32(b))
		if people < 1 || people > cachePiece {
			return nil, fmt.Errorf("%w: people in a piece", errCache)
		}
		ids := len(Serial{}) * people
		if at+sealedSize(ids)+sealedSize(packed*people) > from {
			return nil, fmt.Errorf("%w: it ends early", errCache)
		}
		p := cachedPiece{serials: make([]Serial, people), at: at + sealedSize(ids), segment: segment + count(ids)}
		plain := make([]byte, ids)
		if err := out.read(plain, at, segment); err != nil {
			return nil, err
		}
		for n := range p.serials {
			p.serials[n] = Serial(plain[n*len(Serial{}):])
			out.known[p.serials[n]] = struct{}{}
		}
		out.pieces = append(out.pieces, p)
		at, segment = p.at+sealedSize(packed*people), p.segment+count(packed*people)
	}
	if at != from || len(out.known) != out.people() {
		return nil, fmt.Errorf("%w: its pieces", errCache)
	}
	return out, nil
}

// count is the number of segments of a run.
func count(size int) uint64 { return uint64((size + cacheSegment - 1) / cacheSegment) }

// read opens a run of segments into to.
func (c *cacheFile) read(to []byte, at int64, segment uint64) error {
	sealed := make([]byte, min(len(to), cacheSegment)+cacheTag)
	file := fileCipher{aead: c.aead, next: segment}
	return segments(len(to), func(from, end int) error {
		b := sealed[:end-from+cacheTag]
		if _, err := c.file.ReadAt(b, at); err != nil {
			return err
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

func (c *cacheFile) has(s Serial) bool {
	_, ok := c.known[s]
	return ok
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
func (i *Issuer) cached() *cacheFile {
	m, ok := i.cfg.Matcher.(Packer)
	if i.cache == nil || !ok {
		return nil
	}
	f, err := i.cache.openFile(i.seal.template, cacheAAD(i.cfg.Name, m.Layout()), m.PackedSize())
	if err != nil {
		i.cfg.Logf("issuer: the gallery cache is not used: %v", err)
		return nil
	}
	return f
}
