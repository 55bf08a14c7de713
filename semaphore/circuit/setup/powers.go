package setup

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/mpcsetup"
)

var (
	// ErrPoint: a point off its curve, outside its group or at infinity.
	ErrPoint = errors.New("setup: bad point")
	// ErrPowers: points that are no powers of one tau.
	ErrPowers = errors.New("setup: not a structured reference string")
	// ErrNoContribution: a secret that everybody knows.
	ErrNoContribution = errors.New("setup: nobody contributed")
	// ErrTooSmall: fewer powers than the constraint system needs.
	ErrTooSmall = errors.New("setup: too few powers of tau")
)

// Powers are the result of a powers-of-tau ceremony, for N = 2^power: what
// phase 1 of Groth16 gives, and more than PLONK needs. Only ReadPtau makes
// them, so they are always checked.
type Powers struct {
	tau1   []bn254.G1Affine // [tau^i]1, 2N-1 of them
	tau2   []bn254.G2Affine // [tau^i]2, N
	alpha1 []bn254.G1Affine // [alpha * tau^i]1, N
	beta1  []bn254.G1Affine // [beta * tau^i]1, N
	beta2  bn254.G2Affine   // [beta]2
}

// Power is the binary logarithm of N.
func (p *Powers) Power() int { return bits.Len(uint(len(p.tau2))) - 1 }

// check looks at every point alone and at all of them together.
func (p *Powers) check() error {
	for name, list := range map[string][]bn254.G1Affine{"tau": p.tau1, "alpha": p.alpha1, "beta": p.beta1} {
		for i := range list {
			// The order of G1 is prime and its cofactor 1: on the curve is in
			// the group.
			if list[i].IsInfinity() || !list[i].IsOnCurve() {
				return fmt.Errorf("%w: %s in G1, number %d", ErrPoint, name, i)
			}
		}
	}
	for i := range p.tau2 {
		if badG2(&p.tau2[i]) {
			return fmt.Errorf("%w: tau in G2, number %d", ErrPoint, i)
		}
	}
	if badG2(&p.beta2) {
		return fmt.Errorf("%w: beta in G2", ErrPoint)
	}
	_, _, g1, g2 := bn254.Generators()
	if p.tau1[0] != g1 || p.tau2[0] != g2 {
		return fmt.Errorf("%w: the generators are others", ErrPowers)
	}
	if p.tau1[1] == g1 || p.alpha1[0] == g1 || p.beta1[0] == g1 {
		return ErrNoContribution
	}
	if err := mpcsetup.SameRatioMany(p.tau1, p.tau2, p.alpha1, p.beta1); err != nil {
		return fmt.Errorf("%w: %w", ErrPowers, err)
	}
	var minus bn254.G1Affine
	minus.Neg(&g1)
	same, err := bn254.PairingCheck([]bn254.G1Affine{p.beta1[0], minus}, []bn254.G2Affine{g2, p.beta2})
	if err != nil || !same {
		return fmt.Errorf("%w: two betas", ErrPowers)
	}
	return nil
}

func badG2(p *bn254.G2Affine) bool {
	return p.IsInfinity() || !p.IsOnCurve() || !p.IsInSubGroup()
}
