//go:build amd64 && !purego

package pairing8

import (
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// constants stand in all lanes.
type constants struct {
	enter, leave E2 // 2^264 and 2^256, which turn one Montgomery form into the other
	one          E2
	threeB       E2 // three times the coefficient 3/(9+u) of the twist
	psiX, psiY   E2 // of the endomorphism (x, y) -> (psiX*conj(x), psiY*conj(y))
	places       places
	frobenius    [3]E2  // w^i is multiplied by lane i, for p, p^2 and p^3
	seed         []int8 // digits of x, lowest first: 0 or odd and below 8
}

// curveSeed is the x that p and r are polynomials of.
const curveSeed = 4965661367192848881

func newConstants() *constants {
	k := new(constants)
	k.enter.power(264)
	k.leave.power(256)
	var one, x bn254.E2
	one.SetOne()
	k.one.set(&one, k)
	x.MulBybTwistCurveCoeff(&one)
	var three bn254.E2
	three.Double(&x)
	three.Add(&three, &x)
	k.threeB.set(&three, k)
	k.psiX.set(x.MulByNonResidue1Power2(&one), k)
	k.psiY.set(x.MulByNonResidue1Power3(&one), k)
	k.places = newPlaces()
	for n, power := range [3]func(z, x *bn254.E12) *bn254.E12{
		(*bn254.E12).Frobenius, (*bn254.E12).FrobeniusSquare, (*bn254.E12).FrobeniusCube,
	} {
		var z bn254.E12
		for _, c := range [6]*bn254.E2{&z.C0.B0, &z.C1.B0, &z.C0.B1, &z.C1.B1, &z.C0.B2, &z.C1.B2} {
			c.SetOne()
		}
		power(&z, &z)
		k.frobenius[n].setE12(&z, k)
	}
	k.seed = digits(big.NewInt(curveSeed))
	return k
}

// digits writes n with digits that are 0 or odd and below 8 in absolute value.
func digits(n *big.Int) (out []int8) {
	n = new(big.Int).Set(n)
	for n.Sign() > 0 {
		d := int8(0)
		if n.Bit(0) == 1 {
			d = int8(new(big.Int).And(n, big.NewInt(15)).Int64())
			if d > 8 {
				d -= 16
			}
			n.Sub(n, big.NewInt(int64(d)))
		}
		out = append(out, d)
		n.Rsh(n, 1)
	}
	return out
}
