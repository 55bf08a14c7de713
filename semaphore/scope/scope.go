package scope

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
)

// Compute gives the scope of one action at one relying party in one period and
// slot: 32 bytes, used as Semaphore's unhashed scope. The number of slots is
// not part of it, so raising a cap adds slots and refills none.
func Compute(rp, action string, p Period, slot uint32) (semaphore.Uint256, error) {
	if err := ValidateRP(rp); err != nil {
		return semaphore.Uint256{}, err
	}
	if err := ValidateAction(action); err != nil {
		return semaphore.Uint256{}, err
	}
	if p.Len == 0 && (p.Start != 0 || slot != 0) || p.Len != 0 && p.Start%p.Len != 0 {
		return semaphore.Uint256{}, fmt.Errorf("%w: period starts off its grid", ErrPolicy)
	}
	if slot >= MaxSlots {
		return semaphore.Uint256{}, fmt.Errorf("%w: %d", ErrSlot, slot)
	}
	b := append(make([]byte, 0, 512), domainScope...)
	b = appendLP(b, rp)
	b = appendLP(b, action)
	b = binary.BigEndian.AppendUint64(b, p.Start)
	b = binary.BigEndian.AppendUint64(b, p.Len)
	b = binary.BigEndian.AppendUint32(b, slot)
	return sha256.Sum256(b), nil
}

// Content kinds that the product itself uses; applications may use their own.
const (
	KindPost  = "post"
	KindKey   = "key"
	KindGrant = "grant"
	KindVote  = "vote"
	KindRaw   = "raw" // the exact body of a request
)

// Content binds bytes of a kind. A kind is 1..32 bytes of [a-z0-9._-].
func Content(kind string, b []byte) (Digest, error) {
	if !matches(kind, 32, "._-") {
		return Digest{}, fmt.Errorf("%w: %q", ErrKind, kind)
	}
	h := sha256.New()
	h.Write(appendLP([]byte(domainContent), kind))
	h.Write(b)
	return Digest(h.Sum(nil)), nil
}

// ChallengeDigest is the hash of a token's bytes, zeros for none.
func ChallengeDigest(token []byte) Digest {
	if len(token) == 0 {
		return Digest{}
	}
	return sha256.Sum256(token)
}

// Message is Semaphore's unhashed message for a content and a challenge; each
// may be zero.
func Message(content, challenge Digest) semaphore.Uint256 {
	b := append(make([]byte, 0, 96), domainMessage...)
	b = append(b, content[:]...)
	b = append(b, challenge[:]...)
	return sha256.Sum256(b)
}

// matches reports whether s has 1..limit bytes, all of them a-z, 0-9 or in
// extra.
func matches(s string, limit int, extra string) bool {
	if s == "" || len(s) > limit {
		return false
	}
next:
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		for j := 0; j < len(extra); j++ {
			if c == extra[j] {
				continue next
			}
		}
		return false
	}
	return true
}
