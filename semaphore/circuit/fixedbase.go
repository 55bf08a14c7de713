package circuit

import (
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
)

// The curve, in Edwards and in Montgomery form: A = 2*(a+d)/(a-d), B = 1.
const (
	coeffA      = 168700
	coeffD      = 168696
	montgomeryA = 168698
)

// windows is the number of two-bit windows; three bits are left above them.
const windows = (secretBits - 3) / 2

// constants are the coordinates of a point that is known at compile time.
type constants struct{ x, y *big.Int }

type baseTable struct {
	windows [windows][4]constants // (k+2) * 4^i * Base8, Montgomery
	last    [8]constants          // (k * 4^windows - 2 * sum of 4^i) * Base8, Edwards
}

var fixedBase = sync.OnceValue(func() *baseTable {
	t := new(baseTable)
	base := babyjub.Base8()
	twos := babyjub.Identity()
	for i := range t.windows {
		p := babyjub.Add(base, base)
		twos = babyjub.Add(twos, p)
		for k := range t.windows[i] {
			t.windows[i][k] = montgomery(p)
			p = babyjub.Add(p, base)
		}
		base = babyjub.Add(base, base)
		base = babyjub.Add(base, base)
	}
	p := twos
	p.X.Neg(&p.X)
	for k := range t.last {
		t.last[k] = constants{number(&p.X), number(&p.Y)}
		p = babyjub.Add(p, base)
	}
	return t
})

// montgomery maps (x, y) to u = (1+y)/(1-y), v = u/x. Points of order l other
// than the neutral one have x != 0 and y != 1.
func montgomery(p babyjub.Point) constants {
	var u, v, one, minus fr.Element
	one.SetOne()
	minus.Sub(&one, &p.Y)
	u.Add(&one, &p.Y)
	u.Div(&u, &minus)
	v.Div(&u, &p.X)
	return constants{number(&u), number(&v)}
}
