package circuit

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
)

// secretBits is the length of l, the order of Base8.
const secretBits = 251

// PublicKey gives secret * Base8 and constrains the secret to be below l: there
// is no witness for any other.
//
// The secret has exactly one decomposition into 251 bits, since 2^251 is below
// the field's modulus, and the bits are compared with l - 1.
func PublicKey(api frontend.API, secret frontend.Variable) (x, y frontend.Variable, err error) {
	comparer, ok := api.(interface {
		// MustBeLessOrEqCst makes every bit of a boolean, too.
		MustBeLessOrEqCst(a []frontend.Variable, bound *big.Int, forDebug frontend.Variable)
	})
	if !ok {
		return nil, nil, fmt.Errorf("%w: no comparison with a constant", ErrBuilder)
	}
	b := bits.ToBinary(api, secret, bits.WithNbDigits(secretBits), bits.WithUnconstrainedOutputs())
	bound := babyjub.Order()
	comparer.MustBeLessOrEqCst(append([]frontend.Variable(nil), b...), bound.Sub(bound, big.NewInt(1)), secret)
	x, y = mulBase8(api, b)
	return x, y, nil
}

// mulBase8 multiplies Base8 by 251 boolean wires, lowest first.
//
// The lowest 248 bits are 124 windows of two, and window i adds the point
// (k+2) * 4^i * Base8 for its digit k, in Montgomery coordinates: three
// constraints an addition, and formulas that are wrong if the two points have
// the same u, that is, if they are equal or opposite. They never are, whatever
// the bits: before window i the sum is m * Base8 with
// 0 < m <= 5 * (4^i - 1) / 3, the point added is n * Base8 with
// 2 * 4^i <= n <= 5 * 4^i, hence m < n, and m + n < 20/3 * 4^123 < l.
//
// The top three bits pick a multiple of 4^124 * Base8 from which all the twos
// have been subtracted. That last addition may meet any two points, and is done
// with the complete law of the Edwards form.
func mulBase8(api frontend.API, b []frontend.Variable) (x, y frontend.Variable) {
	t := fixedBase()
	sum := pick2(api, b[0], b[1], &t.windows[0])
	for i := 1; i < windows; i++ {
		sum = addMontgomery(api, sum, pick2(api, b[2*i], b[2*i+1], &t.windows[i]))
	}
	last := pick3(api, b[2*windows], b[2*windows+1], b[2*windows+2], &t.last)
	sum = addEdwards(api, toEdwards(api, sum), last)
	return sum.x, sum.y
}

// pair are the two coordinates of a point, in either form.
type pair struct{ x, y frontend.Variable }

// pick2 selects one of four constant points. Over the product of the bits every
// table is linear.
func pick2(api frontend.API, b0, b1 frontend.Variable, t *[4]constants) pair {
	p := api.Mul(b0, b1)
	v := []frontend.Variable{b0, b1, p}
	return pair{spread(api, v, t[0].x, t[1].x, t[2].x, t[3].x), spread(api, v, t[0].y, t[1].y, t[2].y, t[3].y)}
}

// pick3 selects one of eight.
func pick3(api frontend.API, b0, b1, b2 frontend.Variable, t *[8]constants) pair {
	p := api.Mul(b0, b1)
	v := []frontend.Variable{b0, b1, p}
	coordinate := func(of func(constants) *big.Int) frontend.Variable {
		var low, step [4]*big.Int
		for i := range low {
			low[i] = of(t[i])
			step[i] = new(big.Int).Sub(of(t[i+4]), low[i])
		}
		return api.Add(
			spread(api, v, low[0], low[1], low[2], low[3]),
			api.Mul(b2, spread(api, v, step[0], step[1], step[2], step[3])))
	}
	return pair{
		coordinate(func(c constants) *big.Int { return c.x }),
		coordinate(func(c constants) *big.Int { return c.y }),
	}
}

// spread is the number t0..t3 that the two bits name, given v = b0, b1, b0*b1.
func spread(api frontend.API, v []frontend.Variable, t0, t1, t2, t3 *big.Int) frontend.Variable {
	d1, d2 := new(big.Int).Sub(t1, t0), new(big.Int).Sub(t2, t0)
	d3 := new(big.Int).Sub(t3, t2)
	d3.Sub(d3, d1)
	return api.Add(api.Mul(v[0], d1), api.Mul(v[1], d2), api.Mul(v[2], d3), t0)
}

// addMontgomery adds two points of different u on v^2 = u^3 + A*u^2 + u.
func addMontgomery(api frontend.API, p, q pair) pair {
	slope := api.DivUnchecked(api.Sub(q.y, p.y), api.Sub(q.x, p.x))
	u := api.Sub(api.Mul(slope, slope), montgomeryA, p.x, q.x)
	return pair{u, api.Sub(api.Mul(slope, api.Sub(p.x, u)), p.y)}
}

// toEdwards leaves the Montgomery form. v = 0 is the point of order two, which
// the sum never is, and u = -1 is on no point of the curve: neither divisor
// vanishes.
func toEdwards(api frontend.API, p pair) pair {
	return pair{
		api.DivUnchecked(p.x, p.y),
		api.DivUnchecked(api.Sub(p.x, 1), api.Add(p.x, 1)),
	}
}

// addEdwards is the addition law of a*x^2 + y^2 = 1 + d*x^2*y^2. It is complete,
// as a is a square and d is not: neither divisor vanishes for points of the
// curve.
func addEdwards(api frontend.API, p, q pair) pair {
	beta, gamma := api.Mul(p.x, q.y), api.Mul(p.y, q.x)
	// (y1 - a*x1) * (x2 + y2) = y1*y2 - a*x1*x2 + y1*x2 - a*x1*y2
	cross := api.Mul(api.Sub(p.y, api.Mul(p.x, coeffA)), api.Add(q.x, q.y))
	tau := api.Mul(api.Mul(beta, gamma), coeffD)
	return pair{
		api.DivUnchecked(api.Add(beta, gamma), api.Add(1, tau)),
		api.DivUnchecked(api.Sub(api.Add(cross, api.Mul(beta, coeffA)), gamma), api.Sub(1, tau)),
	}
}
