package semaphore

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// groth16 is a proof's points on their curves, infinity excluded. Whether B
// lies in the subgroup is a check of its own: it is the costly one, and a
// batch does it for many at once.
type groth16 struct {
	a, c bn254.G1Affine
	b    bn254.G2Affine
}

// points reads the eight coordinates: below q, on the curves, not infinity.
// (G1 has no cofactor, so A and C are in their subgroup.)
func (p *Proof) points() (g groth16, err error) {
	into := [8]*fp.Element{
		&g.a.X, &g.a.Y, &g.b.X.A1, &g.b.X.A0, &g.b.Y.A1, &g.b.Y.A0, &g.c.X, &g.c.Y,
	}
	for i, e := range into {
		if e.SetBytesCanonical(p.Points[i][:]) != nil {
			return g, fmt.Errorf("point coordinate %d: %w", i, ErrRange)
		}
	}
	switch {
	case g.a.IsInfinity() || g.b.IsInfinity() || g.c.IsInfinity():
		return g, fmt.Errorf("%w: infinity", ErrPoint)
	case !g.a.IsOnCurve():
		return g, fmt.Errorf("%w: A is not on the curve", ErrPoint)
	case !g.b.IsOnCurve():
		return g, fmt.Errorf("%w: B is not on the twist", ErrPoint)
	case !g.c.IsOnCurve():
		return g, fmt.Errorf("%w: C is not on the curve", ErrPoint)
	}
	return g, nil
}

func (g *groth16) subgroup() error {
	if !g.b.IsInSubGroup() {
		return fmt.Errorf("%w: B is outside the subgroup", ErrPoint)
	}
	return nil
}

// coordinates is the inverse of points.
func (g *groth16) coordinates() [8]Uint256 {
	return [8]Uint256{
		g.a.X.Bytes(), g.a.Y.Bytes(),
		g.b.X.A1.Bytes(), g.b.X.A0.Bytes(), g.b.Y.A1.Bytes(), g.b.Y.A0.Bytes(),
		g.c.X.Bytes(), g.c.Y.Bytes(),
	}
}
