package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Refusals of receipts.
var (
	// ErrReceipt: not a receipt in its one form, or not signed by this issuer.
	ErrReceipt = errors.New("issuer: not a valid intake receipt")
	// ErrOpening: salt and body do not open the receipt's biometric commitment.
	ErrOpening = errors.New("issuer: salt and capture body do not open the biometric commitment")
)

const (
	receiptPrefix = "perhuman/intake/1 "
	maxReceipt    = 4 << 10
)

// Receipt is the issuer's signed word that it took an enrolment in. It is a
// signed note (C2SP signed-note) whose text has exactly these lines; bytes are
// base64url without padding, numbers canonical decimal:
//
//	perhuman/intake/1 <issuer name>
//	<id, 16 bytes>
//	<session nonce, 32 bytes>
//	<identity commitment>
//	<biometric commitment, 32 bytes>
//	<SHA-256 of the capture envelope's body, 32 bytes>
//	<day of intake, days since 1970>
//	<received, unix seconds>
//
// The salt of the biometric commitment is not in it: OpenReceipt asks the wallet
// for it.
type Receipt struct {
	Issuer     string
	ID         ID
	Session    Nonce
	Commitment semaphore.Element
	Biometric  [32]byte
	BodyHash   [32]byte
	Day        uint32
	Received   uint64
}

func (r Receipt) text() string {
	b64 := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{
		receiptPrefix + r.Issuer, b64(r.ID[:]), b64(r.Session[:]), r.Commitment.String(),
		b64(r.Biometric[:]), b64(r.BodyHash[:]),
		strconv.FormatUint(uint64(r.Day), 10), strconv.FormatUint(r.Received, 10), "",
	}, "\n")
}

// Sign gives the signed note; the signer bears the issuer's name.
func (r Receipt) Sign(signer note.Signer) ([]byte, error) {
	if signer.Name() != r.Issuer {
		return nil, fmt.Errorf("%w: signer is %q", ErrReceipt, signer.Name())
	}
	signed, err := note.Sign(&note.Note{Text: r.text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("issuer: sign receipt: %w", err)
	}
	return signed, nil
}

// ParseReceipt reads a receipt's text without checking who signed it.
func ParseReceipt(signed []byte) (Receipt, error) {
	if len(signed) > maxReceipt {
		return Receipt{}, fmt.Errorf("%w: too long", ErrReceipt)
	}
	n, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) || n != nil {
		return Receipt{}, fmt.Errorf("%w: not a signed note", ErrReceipt)
	}
	return parseReceiptText(unverified.Note.Text)
}

// VerifyReceipt reads a receipt and checks the issuer's signature. It must be
// the only signature, and the note in its one encoding.
func VerifyReceipt(signed []byte, v note.Verifier) (Receipt, error) {
	if len(signed) > maxReceipt {
		return Receipt{}, fmt.Errorf("%w: too long", ErrReceipt)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Receipt{}, fmt.Errorf("%w: signature", ErrReceipt)
	}
	r, err := parseReceiptText(n.Text)
	if err != nil {
		return Receipt{}, err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	want := n.Text + "\n\u2014 " + n.Sigs[0].Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	if err != nil || string(signed) != want || r.Issuer != v.Name() {
		return Receipt{}, fmt.Errorf("%w: form", ErrReceipt)
	}
	return r, nil
}

// OpenReceipt shows that the capture envelope with this body is the one that
// earned the membership: salt comes from the wallet (scope.Salt), body from
// whoever kept it.
func OpenReceipt(r Receipt, salt [32]byte, body []byte) error {
	hash := sha256.Sum256(body)
	want := scope.BiometricCommitment(salt, r.BodyHash)
	same := subtle.ConstantTimeCompare(hash[:], r.BodyHash[:]) & subtle.ConstantTimeCompare(want[:], r.Biometric[:])
	if same != 1 {
		return ErrOpening
	}
	return nil
}

func parseReceiptText(text string) (Receipt, error) {
	bad := func(what string) (Receipt, error) { return Receipt{}, fmt.Errorf("%w: %s", ErrReceipt, what) }
	lines := strings.Split(text, "\n")
	if len(lines) != 9 || lines[8] != "" {
		return bad("want eight lines")
	}
	name, ok := strings.CutPrefix(lines[0], receiptPrefix)
	if !ok {
		return bad("first line")
	}
	r := Receipt{Issuer: name}
	for i, to := range map[int][]byte{1: r.ID[:], 2: r.Session[:], 4: r.Biometric[:], 5: r.BodyHash[:]} {
		b, err := scope.DecodeToken(lines[i])
		if err != nil || copy(to, b) != len(b) || len(b) != len(to) {
			return bad("bytes")
		}
	}
	var err error
	if r.Commitment, err = semaphore.ParseElement(lines[3]); err != nil {
		return bad("commitment")
	}
	day, err := strconv.ParseUint(lines[6], 10, 32)
	if err != nil {
		return bad("day")
	}
	r.Day = uint32(day)
	if r.Received, err = strconv.ParseUint(lines[7], 10, 64); err != nil {
		return bad("received")
	}
	if r.text() != text {
		return bad("form")
	}
	return r, nil
}
