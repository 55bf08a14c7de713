package setlog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the key type of a witness (C2SP tlog-cosignature).
const algCosignature = 0x04

// cosignatureSize is a u64 time and an Ed25519 signature.
const cosignatureSize = 8 + ed25519.SignatureSize

// MaxWitnesses bounds a policy.
const MaxWitnesses = 64

// Witnesses is a policy: so many of these witnesses must have cosigned the
// checkpoint under a head before the head is believed. A witness signs only
// logs that extend what it has signed before, so a fork needs as many of them as
// the policy asks for, besides the issuer. A nil *Witnesses asks for nothing.
type Witnesses struct {
	quorum int
	keys   []witness
}

type witness struct {
	note.Verifier
	public string
}

// NewWitnesses makes a policy out of verifier keys "name+hash+key". A key of
// type 4 is a witness's (C2SP tlog-cosignature, signatures with their time), one
// of type 1 a plain note key. Two names for one key are refused, and so is a
// quorum that cannot be met.
func NewWitnesses(quorum int, vkeys []string) (*Witnesses, error) {
	if quorum < 1 || quorum > len(vkeys) || len(vkeys) > MaxWitnesses {
		return nil, fmt.Errorf("%w: %d of %d witnesses", ErrKey, quorum, len(vkeys))
	}
	w := &Witnesses{quorum: quorum}
	seen := map[string]bool{}
	for _, vkey := range vkeys {
		v, public, err := parseWitnessKey(vkey)
		if err != nil {
			return nil, err
		}
		if seen[string(public)] {
			return nil, fmt.Errorf("%w: one witness is listed twice", ErrKey)
		}
		seen[string(public)] = true
		w.keys = append(w.keys, witness{v, string(public)})
	}
	return w, nil
}

// Check reports whether enough witnesses have cosigned a signed checkpoint:
// nil or ErrWitnesses. A line that bears a witness's name and does not verify
// counts for nothing and spoils nothing. The issuer's signature is not looked at.
func (w *Witnesses) Check(signedCheckpoint []byte) error {
	if w == nil {
		return nil
	}
	n := 0
	for _, key := range w.keys {
		if opened, err := note.Open(signedCheckpoint, note.VerifierList(key)); err == nil && len(opened.Sigs) > 0 {
			n++
		}
	}
	if n < w.quorum {
		return fmt.Errorf("%w: %d of the %d wanted", ErrWitnesses, n, w.quorum)
	}
	return nil
}

// names reports whether an issuer's own key is among the witnesses.
func (w *Witnesses) names(issuer ed25519.PublicKey) bool {
	if w == nil {
		return false
	}
	for _, key := range w.keys {
		if key.public == string(issuer) {
			return true
		}
	}
	return false
}

func parseWitnessKey(vkey string) (note.Verifier, ed25519.PublicKey, error) {
	bad := func() (note.Verifier, ed25519.PublicKey, error) {
		return nil, nil, fmt.Errorf("%w: not a witness's verifier key", ErrKey)
	}
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || len(vkey) > MaxName+60 {
		return bad()
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return bad()
	}
	public := ed25519.PublicKey(key[1:])
	var v note.Verifier
	want := ""
	switch key[0] {
	case algEd25519:
		if v, err = note.NewVerifier(vkey); err == nil {
			want, err = note.NewEd25519VerifierKey(parts[0], public)
		}
	case algCosignature:
		v = cosigner{name: parts[0], hash: cosignerHash(parts[0], public), public: public}
		want, err = CosignerVKey(parts[0], public)
	}
	if err != nil || v == nil || want != vkey {
		return bad()
	}
	return v, public, nil
}

// CosignerVKey writes a witness's verifier key. A name holds neither spaces nor
// a plus.
func CosignerVKey(name string, public ed25519.PublicKey) (string, error) {
	if name == "" || len(name) > MaxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '+' || r > '~' }) {
		return "", fmt.Errorf("%w: name of a witness", ErrKey)
	}
	return fmt.Sprintf("%s+%08x+%s", name, cosignerHash(name, public),
		base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, public...))), nil
}

func cosignerHash(name string, public ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{algCosignature})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// cosigner verifies, and with a key makes, signatures of C2SP tlog-cosignature:
//
//	signature = u64 time || Ed25519("cosignature/v1\ntime <time>\n" || note text)
type cosigner struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
	key    ed25519.PrivateKey
	now    func() time.Time
}

var (
	_ note.Verifier = cosigner{}
	_ note.Signer   = cosigner{}
)

// NewCosigner gives the signer of a witness, which dates its signatures by now.
func NewCosigner(name string, key ed25519.PrivateKey, now func() time.Time) (note.Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: signing key", ErrKey)
	}
	if _, err := CosignerVKey(name, public); err != nil {
		return nil, err
	}
	return cosigner{name: name, hash: cosignerHash(name, public), public: public, key: key, now: now}, nil
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }

func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= maxUnix && ed25519.Verify(c.public, cosigned(at, text), sig[8:])
}

func (c cosigner) Sign(text []byte) ([]byte, error) {
	now := c.now().Unix()
	if now < 0 || now > maxUnix {
		return nil, fmt.Errorf("%w: time of a cosignature", ErrMalformed)
	}
	at := uint64(min(now, math.MaxInt64))
	return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(c.key, cosigned(at, text))...), nil
}

func cosigned(at uint64, text []byte) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), text...)
}
