package mpc

import (
	"context"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// The squared lengths that face.Vector.Check accepts: .5 to 3 of the network's
// units.
const (
	minSquared = face.Scale * face.Scale / 4
	maxSquared = face.Scale * face.Scale * 9
)

// CheckFaces tells for each face whether the three parties' shares are of a
// vector as a device should send it: each number from -128 to 127, and as long
// as face.Vector.Check demands. Number is used once; the same at all three.
func (s *Session) CheckFaces(ctx context.Context, number uint64, plan [32]byte, faces []dot.FaceShare[uint32]) (valid []bool, err error) {
	if len(faces) == 0 {
		return nil, nil
	}
	var lines []line
	for i := range faces {
		if faces[i].Party() != s.party {
			return nil, fmt.Errorf("%w: faces of different parties", ErrShape)
		}
		lines = append(lines, line{wide: [][]uint32{faces[i].Words()}})
	}
	return s.checkInputs(ctx, number, plan, "face", lines, func(r *run) ([]bool, error) { return r.facesInRange(faces) })
}

// facesInRange opens for each face whether all numbers are as they should be. In
// shared numbers u = v + 128, the violations are bit 8 or more of any u, and bit
// 31 of the squared length less the least, or of the most less it. If all u are
// in range, the squared length is below 2^21 and nothing wraps.
func (r *run) facesInRange(faces []dot.FaceShare[uint32]) ([]bool, error) {
	const numbers = face.Dimensions / 64 // words of a face, and one for its length
	n := len(faces)
	r.work.room(32, (numbers+1)*n)
	cut := slicer{r: r, dst: r.work.x}
	for i := range faces {
		u, squared, err := faces[i].Additive()
		if err != nil {
			return nil, fmt.Errorf("mpc: %w", err)
		}
		ends := [2]uint32{squared, -squared}
		if r.party == 0 {
			for k := range u {
				u[k] += 128
			}
			ends[0] -= minSquared
			ends[1] += maxSquared
		}
		cutWords(&cut, u, func(w int) int { return w*n + i })
		cutWords(&cut, ends[:], func(int) int { return numbers*n + i })
		clear(u)
	}
	v, err := r.sharedBits()
	if err != nil {
		return nil, err
	}
	none := make([]uint64, numbers*n)
	for k := range 31 {
		if k < 8 { // of the numbers these bits are free
			v[k].part(0, numbers*n).keep(none)
		}
		v[k].part(numbers*n, n).keep(none[:n]) // of the lengths only the sign counts
	}
	return r.none(v, n)
}
