package issuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Refusals of receipts.
var (
	// ErrReceipt: not a receipt in its one form, or not signed by this issuer.
	ErrReceipt = errors.New("issuer: not a valid intake receipt")
	// ErrOpening: salt and body do not open the receipt's biometric commitment.
	ErrOpening = errors.New("issuer: salt and capture body do not open the biometric commitment")
)

// maxReceipt bounds an intake receipt.
const maxReceipt = 4 << 10

// Receipt is the issuer's signed word that it took an enrolment in, a
// receipt.Intake: see there for its lines. The salt of the biometric commitment
// is not in it: OpenReceipt asks the wallet for it.
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

// Sign gives the signed note; the signer bears the issuer's name.
func (r Receipt) Sign(signer note.Signer) ([]byte, error) {
	signed, err := receipt.Receipt{
		Kind: receipt.Intake, Issuer: r.Issuer, ID: r.ID, Session: r.Session, Commitment: r.Commitment,
		Biometric: r.Biometric, BodyHash: r.BodyHash, Day: r.Day, At: r.Received,
	}.Sign(signer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	return signed, nil
}

// ParseReceipt reads a receipt's text without checking who signed it.
func ParseReceipt(signed []byte) (Receipt, error) {
	return intakeReceipt(signed, receipt.Parse)
}

// VerifyReceipt reads a receipt and checks the issuer's signature. It must be
// the only signature, and the note in its one encoding.
func VerifyReceipt(signed []byte, v note.Verifier) (Receipt, error) {
	return intakeReceipt(signed, func(b []byte) (receipt.Receipt, error) { return receipt.Verify(b, v) })
}

func intakeReceipt(signed []byte, read func([]byte) (receipt.Receipt, error)) (Receipt, error) {
	if len(signed) > maxReceipt {
		return Receipt{}, fmt.Errorf("%w: too long", ErrReceipt)
	}
	r, err := read(signed)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if r.Kind != receipt.Intake {
		return Receipt{}, fmt.Errorf("%w: it is of another kind", ErrReceipt)
	}
	return Receipt{
		Issuer: r.Issuer, ID: r.ID, Session: r.Session, Commitment: r.Commitment,
		Biometric: r.Biometric, BodyHash: r.BodyHash, Day: r.Day, Received: r.At,
	}, nil
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
