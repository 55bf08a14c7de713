//go:build amd64 && !purego

package pairing8

import "github.com/consensys/gnark-crypto/ecc/bn254"

// constants stand in all lanes.
type constants struct {
	enter, leave E2 // 2^264 and 2^256, which turn one Montgomery form into the other
	one          E2
	threeB       E2 // three times the coefficient 3/(9+u) of the twist
	psiX, psiY   E2 // of the endomorphism (x, y) -> (psiX*conj(x), psiY*conj(y))
}

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
	return k
}
