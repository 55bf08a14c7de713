package scope

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
)

// Receipt is a relying party's word that it accepted a proof and counted it:
// without one, an offline reader cannot know when a proof was made or that it
// was within its cap. AcceptedAt is in seconds since 1970.
type Receipt struct {
	Scope      semaphore.Uint256
	Nullifier  semaphore.Element
	Message    semaphore.Uint256
	RootSeq    uint64
	AcceptedAt uint64
}

func (r Receipt) bytes() []byte {
	b := append(make([]byte, 0, 160), domainReceipt...)
	b = append(b, r.Scope[:]...)
	b = append(b, r.Nullifier[:]...)
	b = append(b, r.Message[:]...)
	b = binary.BigEndian.AppendUint64(b, r.RootSeq)
	return binary.BigEndian.AppendUint64(b, r.AcceptedAt)
}

// Sign gives the relying party's Ed25519 signature, 64 bytes.
func (r Receipt) Sign(key ed25519.PrivateKey) []byte { return ed25519.Sign(key, r.bytes()) }

// Verify checks a signature that Sign made.
func (r Receipt) Verify(pub ed25519.PublicKey, sig []byte) error {
	if len(pub) != ed25519.PublicKeySize || !ed25519.Verify(pub, r.bytes(), sig) {
		return fmt.Errorf("receipt: %w", ErrSignature)
	}
	return nil
}
