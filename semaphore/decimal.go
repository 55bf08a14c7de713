package semaphore

import "math/bits"

// Numbers travel as decimal text, thirteen of them in a proof: 256 bits are
// read and written here in steps of 19 digits, which is what 64 bits hold.

const (
	chunkDigits = 19
	chunkBase   = 1e19 // 10^19 < 2^64
	maxDigits   = 78   // 2^256 has 78
)

// parseDecimal reads canonical decimal below 2^256: digits only, no leading
// zero.
func parseDecimal[T string | []byte](s T) (u Uint256, err error) {
	if len(s) == 0 || len(s) > maxDigits || len(s) > 1 && s[0] == '0' {
		return u, ErrNotCanonical
	}
	var n [4]uint64 // little-endian
	for at := 0; at < len(s); {
		end := min(at+(len(s)-at-1)%chunkDigits+1, len(s)) // the first chunk is the short one
		var chunk, scale uint64 = 0, 1
		for ; at < end; at++ {
			d := s[at] - '0'
			if d > 9 {
				return u, ErrNotCanonical
			}
			chunk, scale = chunk*10+uint64(d), scale*10
		}
		carry := chunk
		for i, limb := range n { // n = n * scale + chunk
			hi, lo := bits.Mul64(limb, scale)
			var c uint64
			n[i], c = bits.Add64(lo, carry, 0)
			carry = hi + c // no overflow: limb*scale + carry < 2^128
		}
		if carry != 0 {
			for ; at < len(s); at++ { // what is no number at all is not out of range
				if s[at]-'0' > 9 {
					return u, ErrNotCanonical
				}
			}
			return u, ErrRange
		}
	}
	for i, limb := range n {
		for b := range 8 {
			u[31-8*i-b] = byte(limb >> (8 * b))
		}
	}
	return u, nil
}

// appendDecimal writes canonical decimal.
func appendDecimal(dst []byte, u [32]byte) []byte {
	var n [4]uint64 // big-endian
	for i := range n {
		for _, b := range u[8*i : 8*i+8] {
			n[i] = n[i]<<8 | uint64(b)
		}
	}
	var text [5 * chunkDigits]byte
	at := len(text)
	for n != [4]uint64{} {
		var rest uint64
		for i := range n {
			n[i], rest = bits.Div64(rest, n[i], chunkBase)
		}
		for range chunkDigits {
			at--
			text[at] = '0' + byte(rest%10)
			rest /= 10
		}
	}
	for at < len(text)-1 && text[at] == '0' {
		at++
	}
	if at == len(text) {
		return append(dst, '0')
	}
	return append(dst, text[at:]...)
}
