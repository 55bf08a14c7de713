package capture

import (
	"crypto/sha256"
	"sync"
)

// Known remembers the certificates whose signatures were found good: a device
// sends the same chain with every capture. It holds nothing but hashes over key,
// content and signature, and says nothing about times, roles or revocation,
// which are looked at each time. It is safe for concurrent use.
type Known struct {
	mu   sync.Mutex
	most int
	good map[[32]byte]struct{}
}

// NewKnown remembers up to most certificates, and then begins anew.
func NewKnown(most int) *Known { return &Known{most: most, good: map[[32]byte]struct{}{}} }

// signed reports whether the signature of a certificate is good. A nil Known
// checks each time.
func (k *Known) signed(c *Certificate) bool {
	message := c.message()
	if k == nil {
		return c.Issuer.verify(message, c.Signature)
	}
	h := sha256.New()
	id := c.Issuer.ID()
	h.Write(id[:])
	h.Write(message)
	h.Write(c.Signature)
	sum := [32]byte(h.Sum(nil))
	k.mu.Lock()
	_, ok := k.good[sum]
	k.mu.Unlock()
	if ok {
		return true
	}
	if !c.Issuer.verify(message, c.Signature) {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.good) >= k.most {
		clear(k.good)
	}
	k.good[sum] = struct{}{}
	return true
}
