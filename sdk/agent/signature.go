package agent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// The profile of RFC 9421 that requests are signed under: these components in
// this order, Ed25519, one signature. A request without a body carries the
// digest of the empty one, so that nobody has to decide whether it has a body.
const (
	label     = "perhuman"
	tag       = "perhuman-agent"
	algorithm = "ed25519"

	// HeaderGrant names the grant: base64url of its digest.
	HeaderGrant = "Perhuman-Grant"

	headerInput  = "Signature-Input"
	headerSig    = "Signature"
	headerDigest = "Content-Digest" // RFC 9530

	maxLife = 5 * time.Minute // between created and expires
	skew    = 30 * time.Second
)

func covered() []string {
	return []string{"@method", "@authority", "@path", "@query", "content-digest", "perhuman-grant"}
}

// Sign signs a request for a grant with the agent's key. body is what the
// request carries; it is neither read nor replaced. The signature is good for a
// minute, once.
func Sign(r *http.Request, body []byte, grant scope.Digest, key ed25519.PrivateKey, now time.Time, rand io.Reader) error {
	var nonce [16]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return fmt.Errorf("agent: nonce: %w", err)
	}
	r.Header.Set(headerDigest, contentDigest(body))
	r.Header.Set(HeaderGrant, scope.EncodeToken(grant[:]))
	params := httpsfv.NewParams()
	params.Add("created", now.Unix())
	params.Add("expires", now.Add(time.Minute).Unix())
	params.Add("nonce", scope.EncodeToken(nonce[:]))
	params.Add("keyid", keyID(key.Public().(ed25519.PublicKey)))
	params.Add("alg", algorithm)
	params.Add("tag", tag)
	list := httpsfv.InnerList{Params: params}
	for _, name := range covered() {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	text, err := httpsfv.Marshal(list)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	base, err := signatureBase(r, covered(), text)
	if err != nil {
		return err
	}
	r.Header.Set(headerInput, label+"="+text)
	r.Header.Set(headerSig, label+"=:"+base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(base)))+":")
	return nil
}

// keyID names a key without being it.
func keyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return scope.EncodeToken(sum[:16])
}

func contentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// signatureBase makes the bytes that are signed (RFC 9421 section 2.5).
func signatureBase(r *http.Request, components []string, params string) (string, error) {
	var out strings.Builder
	for _, name := range components {
		var value string
		switch name {
		case "@method":
			value = r.Method
		case "@authority":
			value = authority(r)
		case "@path":
			if value = r.URL.EscapedPath(); value == "" {
				value = "/"
			}
		case "@query":
			value = "?" + r.URL.RawQuery
		default:
			lines := r.Header.Values(name)
			if len(lines) == 0 {
				return "", fmt.Errorf("agent: %s is missing", name)
			}
			trimmed := make([]string, len(lines))
			for i, line := range lines {
				trimmed[i] = strings.TrimSpace(line)
			}
			value = strings.Join(trimmed, ", ")
		}
		fmt.Fprintf(&out, "%q: %s\n", name, value)
	}
	return out.String() + `"@signature-params": ` + params, nil
}

// authority is the host that a request is for, without the scheme's own port.
func authority(r *http.Request) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

// signed is what a request says about its signature, read and not yet believed.
type signed struct {
	grant   scope.Digest
	keyID   string
	nonce   string
	expires time.Time
	base    string
	sig     []byte
}

// refused makes the one error of a signature that is not as it must be.
func refused(format string, args ...any) error {
	return api.Errorf(api.SignatureInvalid, format, args...)
}

// parse reads a request's signature strictly: one, of the profile, in time, over
// this body.
func parse(r *http.Request, body []byte, now time.Time) (signed, error) {
	var s signed
	if len(r.Header.Values(HeaderGrant)) != 1 || len(r.Header.Values(headerDigest)) != 1 || len(r.Header.Values(headerInput)) != 1 || len(r.Header.Values(headerSig)) != 1 {
		return s, refused("%s, %s, %s and %s are needed, once each", HeaderGrant, headerDigest, headerInput, headerSig)
	}
	id, err := scope.DecodeToken(r.Header.Get(HeaderGrant))
	if err != nil || len(id) != len(s.grant) {
		return s, refused("%s is base64url of 32 bytes", HeaderGrant)
	}
	copy(s.grant[:], id)
	if r.Header.Get(headerDigest) != contentDigest(body) {
		return s, refused("the body is not the one whose digest is there")
	}
	inputs, err := httpsfv.UnmarshalDictionary(r.Header.Values(headerInput))
	if err != nil || len(inputs.Names()) != 1 {
		return s, refused("%s has one member", headerInput)
	}
	member, _ := inputs.Get(label)
	list, ok := member.(httpsfv.InnerList)
	if !ok || len(list.Items) != len(covered()) {
		return s, refused("%s is called %q and covers %q", headerInput, label, covered())
	}
	for i, want := range covered() {
		if list.Items[i].Value != want || len(list.Items[i].Params.Names()) != 0 {
			return s, refused("%s covers %q", headerInput, covered())
		}
	}
	if err := s.params(list.Params, now); err != nil {
		return s, err
	}
	text, err := httpsfv.Marshal(list)
	if err != nil || label+"="+text != r.Header.Get(headerInput) {
		return s, refused("%s is not in its one form", headerInput)
	}
	signatures, err := httpsfv.UnmarshalDictionary(r.Header.Values(headerSig))
	if err != nil || len(signatures.Names()) != 1 {
		return s, refused("%s has one member", headerSig)
	}
	member, _ = signatures.Get(label)
	if item, ok := member.(httpsfv.Item); ok && len(item.Params.Names()) == 0 {
		s.sig, _ = item.Value.([]byte)
	}
	if len(s.sig) != ed25519.SignatureSize {
		return s, refused("%s holds 64 bytes", headerSig)
	}
	s.base, err = signatureBase(r, covered(), text)
	return s, err
}

// params reads the parameters of the signature: these six, in any order.
func (s *signed) params(p *httpsfv.Params, now time.Time) error {
	if len(p.Names()) != 6 {
		return refused("parameters are created, expires, nonce, keyid, alg and tag")
	}
	text := func(name string) string {
		v, _ := p.Get(name)
		t, _ := v.(string)
		return t
	}
	when := func(name string) int64 {
		v, _ := p.Get(name)
		n, _ := v.(int64)
		return n
	}
	if text("alg") != algorithm || text("tag") != tag {
		return refused("alg is %q and tag %q", algorithm, tag)
	}
	s.keyID, s.nonce = text("keyid"), text("nonce")
	if raw, err := scope.DecodeToken(s.nonce); err != nil || len(raw) < 16 || len(raw) > 64 || s.keyID == "" {
		return refused("nonce is base64url of 16 to 64 bytes, keyid names the key")
	}
	created, expires := time.Unix(when("created"), 0), time.Unix(when("expires"), 0)
	if !expires.After(created) || expires.Sub(created) > maxLife {
		return refused("a signature lives for up to %v", maxLife)
	}
	if now.Add(skew).Before(created) || !now.Before(expires) {
		return refused("the signature is not of now")
	}
	s.expires = expires
	return nil
}
