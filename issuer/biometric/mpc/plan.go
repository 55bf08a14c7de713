package mpc

import (
	"crypto/sha256"
	"encoding/binary"
)

// digest is what a query's frames carry eight bytes of: two parties that are
// about to compute different things stop at the first frame.
func (j Job) digest(what string, number uint64) [32]byte {
	h := sha256.New()
	h.Write([]byte(what))
	var b []byte
	b = binary.LittleEndian.AppendUint64(b, number)
	b = append(b, j.Plan[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(j.Queries)) // #nosec G115 -- not negative
	b = binary.LittleEndian.AppendUint64(b, uint64(j.People))  // #nosec G115 -- not negative
	b = append(b, byte(j.Adder), j.kind())
	if j.Against == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
	}
	h.Write(b)
	for _, words := range j.Against {
		b = b[:0]
		for _, w := range words {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}
