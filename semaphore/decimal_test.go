package semaphore

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// parseBig is the reading that math/big does.
func parseBig(s string) (u Uint256, err error) {
	if s == "" || len(s) > 78 || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return u, ErrNotCanonical
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n.BitLen() > 256 {
		return u, ErrRange
	}
	n.FillBytes(u[:])
	return u, nil
}

func checkDecimal(t *testing.T, s string) {
	t.Helper()
	want, wantErr := parseBig(s)
	for _, got := range []func() (Uint256, error){
		func() (Uint256, error) { return parseDecimal(s) }, func() (Uint256, error) { return parseDecimal([]byte(s)) },
	} {
		u, err := got()
		if u != want || !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %x, %v; math/big: %x, %v", s, u, err, want, wantErr)
		}
	}
	if wantErr == nil && string(appendDecimal(nil, want)) != s {
		t.Fatalf("%x is written as %s, not %s", want, appendDecimal(nil, want), s)
	}
}

// Every power of two and of ten, one less and one more, and numbers of every
// length, against math/big.
func TestDecimal(t *testing.T) {
	one := big.NewInt(1)
	for _, base := range []int64{2, 10} {
		for n := one; n.BitLen() < 270; n = new(big.Int).Mul(n, big.NewInt(base)) {
			for _, m := range []*big.Int{n, new(big.Int).Sub(n, one), new(big.Int).Add(n, one)} {
				checkDecimal(t, m.String())
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for length := range 81 {
		for range 50 {
			digits := make([]byte, length)
			for i := range digits {
				digits[i] = '0' + byte(r.IntN(10))
			}
			checkDecimal(t, string(digits))
			if length > 0 {
				digits[r.IntN(length)] = " +-.ex/:aZ\x00\xff"[r.IntN(12)]
				checkDecimal(t, string(digits))
			}
		}
	}
	if got := testing.AllocsPerRun(10, func() { _, _ = parseDecimal(strings.Repeat("9", 77)) }); got != 1 { // Repeat's own
		t.Errorf("%v allocations", got)
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639935")
	f.Add("115792089237316195423570985008687907853269984665640564039457584007913129639936")
	f.Add("00")
	f.Fuzz(checkDecimal)
}

func ExampleUint256_String() {
	fmt.Println(Uint256{31: 42})
	// Output: 42
}
