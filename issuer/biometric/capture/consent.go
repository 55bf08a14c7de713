package capture

import (
	"crypto/sha256"
	"fmt"
	"unicode/utf8"
)

// MaxConsent is the longest consent text in bytes.
const MaxConsent = 64 << 10

// ConsentHash binds a capture to the text the person agreed to: what is kept,
// for how long, how to delete it.
//
//	SHA-256("perhuman/consent/1" || lp(language) || u32 length || text)
//
// language is a BCP 47 tag; the text is UTF-8 and is hashed as shown, byte for
// byte.
func ConsentHash(language, text string) ([32]byte, error) {
	if language == "" || !plain(language, 35) {
		return [32]byte{}, fmt.Errorf("%w: consent language", ErrMalformed)
	}
	if text == "" || len(text) > MaxConsent || !utf8.ValidString(text) {
		return [32]byte{}, fmt.Errorf("%w: consent text", ErrMalformed)
	}
	w := &writer{b: []byte("perhuman/consent/1")}
	w.lp([]byte(language))
	w.field([]byte(text))
	return sha256.Sum256(w.b), nil
}
