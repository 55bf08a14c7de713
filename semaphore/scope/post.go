package scope

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a post.
const (
	MaxAuthor = 255     // bytes
	MaxText   = 1 << 20 // bytes
	MaxMedia  = 1024
)

// Post is something a person publishes at a relying party. Created is in
// seconds since 1970; Media holds a SHA-256 digest for each attached file.
type Post struct {
	RP      string
	Author  string
	Created uint64
	Text    string
	Media   []Digest
}

// Canonical gives the bytes that content of KindPost is bound to:
// lp(rp) || lp(author) || u64(created) || u32(len) || text || u16(n) || n digests.
// Author and text must be UTF-8 in NFC without NUL; it is an error, not a
// silent change, if they are not.
func (p Post) Canonical() ([]byte, error) {
	if err := ValidateRP(p.RP); err != nil {
		return nil, err
	}
	for _, s := range []string{p.Author, p.Text} {
		if !utf8.ValidString(s) || !norm.NFC.IsNormalString(s) || strings.ContainsRune(s, 0) {
			return nil, fmt.Errorf("%w: text is UTF-8 in NFC", ErrPost)
		}
	}
	if p.Author == "" || len(p.Author) > MaxAuthor || len(p.Text) > MaxText || len(p.Media) > MaxMedia {
		return nil, fmt.Errorf("%w: author 1..%d bytes, text up to %d, media up to %d", ErrPost, MaxAuthor, MaxText, MaxMedia)
	}
	b := appendLP(nil, p.RP)
	b = appendLP(b, p.Author)
	b = binary.BigEndian.AppendUint64(b, p.Created)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Text)))
	b = append(b, p.Text...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Media)))
	for _, m := range p.Media {
		b = append(b, m[:]...)
	}
	return b, nil
}

// Digest is the content digest of the post.
func (p Post) Digest() (Digest, error) {
	b, err := p.Canonical()
	if err != nil {
		return Digest{}, err
	}
	return Content(KindPost, b)
}

// ParsePost reads canonical bytes and refuses all others.
func ParsePost(b []byte) (Post, error) {
	r := reader{b: b}
	var p Post
	p.RP = string(r.take(int(r.u16())))
	p.Author = string(r.take(int(r.u16())))
	p.Created = r.u64()
	p.Text = string(r.take(int(r.u32())))
	n := int(r.u16())
	if r.bad || len(r.b) != 32*n {
		return Post{}, fmt.Errorf("%w: wrong length", ErrPost)
	}
	for ; n > 0; n-- {
		p.Media = append(p.Media, Digest(r.take(32)))
	}
	if _, err := p.Canonical(); err != nil {
		return Post{}, err
	}
	return p, nil
}

// reader cuts fields off the front; past the end it turns bad and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}
