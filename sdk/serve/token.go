package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
)

// Token is what an operator's routes ask for, as its hash.
type Token [32]byte

// NewToken hashes a token.
func NewToken(text string) Token { return sha256.Sum256([]byte(text)) }

// Check compares a request's one "Authorization: Bearer" header with the token,
// in constant time: credential_missing, credential_invalid.
func (t Token) Check(r *http.Request) error {
	h := r.Header.Values("Authorization")
	if len(h) != 1 {
		return api.Errorf(api.CredentialMissing, "")
	}
	scheme, token, _ := strings.Cut(h[0], " ")
	hash := sha256.Sum256([]byte(token))
	if right := subtle.ConstantTimeCompare(hash[:], t[:]) == 1; !right || !strings.EqualFold(scheme, "Bearer") {
		return api.Errorf(api.CredentialInvalid, "")
	}
	return nil
}

// SameOrigin refuses what a browser sends from another page with
// origin_not_allowed. A token alone keeps such pages out; this keeps them out if
// a token ever strays.
func SameOrigin(r *http.Request) error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return api.Errorf(api.OriginNotAllowed, "")
	}
	if origin := Origin(r); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return api.Errorf(api.OriginNotAllowed, "")
		}
	}
	return nil
}
