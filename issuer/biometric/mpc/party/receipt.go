package party

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

const (
	receiptDomain = "perhuman/party-receipt/1"
	receiptBody   = len(receiptDomain) + 32 + 1 + 16 + 8 + 8
	// ReceiptSize is how long a receipt is, in bytes.
	ReceiptSize = receiptBody + ed25519.SignatureSize
)

// Receipt is a party's word that it overwrote its shares of a person. Its bytes
// are the domain "perhuman/party-receipt/1", the group's digest, u8 party, the
// serial, u64 place, u64 unix time, big-endian, and an Ed25519 signature over all
// of it.
type Receipt struct {
	Party  int
	Serial mpc.Serial
	Place  int
	At     uint64 // unix seconds
}

func (r Receipt) body(digest [32]byte) []byte {
	b := append(make([]byte, 0, ReceiptSize), receiptDomain...)
	b = append(b, digest[:]...)
	b = append(b, byte(r.Party)) // #nosec G115 -- 0, 1 or 2
	b = append(b, r.Serial[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Place)) // #nosec G115 -- not negative
	return binary.BigEndian.AppendUint64(b, r.At)
}

func (r Receipt) sign(key ed25519.PrivateKey, digest [32]byte) []byte {
	b := r.body(digest)
	return append(b, ed25519.Sign(key, b)...)
}

// CheckReceipt reads a receipt and checks that a party of the group signed it.
func CheckReceipt(b []byte, g Group) (Receipt, error) {
	read, err := g.read()
	if err != nil {
		return Receipt{}, err
	}
	if len(b) != ReceiptSize {
		return Receipt{}, fmt.Errorf("%w: %d bytes, not %d", ErrReceipt, len(b), ReceiptSize)
	}
	at := b[len(receiptDomain)+32:]
	r := Receipt{Party: int(at[0]), Serial: mpc.Serial(at[1:17]), At: binary.BigEndian.Uint64(at[25:])}
	place := binary.BigEndian.Uint64(at[17:])
	if r.Party >= len(read.receipts) || place >= 1<<40 {
		return Receipt{}, fmt.Errorf("%w: party or place", ErrReceipt)
	}
	r.Place = int(place)
	if string(r.body(read.digest)) != string(b[:receiptBody]) || !ed25519.Verify(read.receipts[r.Party], b[:receiptBody], b[receiptBody:]) {
		return Receipt{}, fmt.Errorf("%w: not signed by party %d of this group", ErrReceipt, r.Party)
	}
	return r, nil
}
