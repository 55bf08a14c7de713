package party

import (
	"fmt"
	"io"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// Fill writes a template into a capture request, as a device does: split into
// three, each share to be sealed to one party. A group whose rule is exact has
// larger shares.
func (g Group) Fill(rand io.Reader, t match.Template, q *capture.CaptureRequest) error {
	payloads, err := g.Split(rand, t)
	if err != nil {
		return err
	}
	q.Modality, q.Template, q.Payloads = t.Modality(), t.Algorithm(), payloads
	if pair, ok := t.Iris(); ok {
		q.Quality.MaskLeft, q.Quality.MaskRight = uint32(pair.Left.MaskBits()), uint32(pair.Right.MaskBits()) // #nosec G115 -- thousands
	}
	return nil
}

// Split gives the payloads [party][eye] of a template. Any two parties' are
// needed to learn anything of it.
func (g Group) Split(rand io.Reader, t match.Template) ([][][]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	out := make([][][]byte, 3)
	if v, ok := t.Face(); ok && g.Compare == Face {
		shares, err := dot.SplitFace[uint32](rand, v)
		if err != nil {
			return nil, fmt.Errorf("party: %w", err)
		}
		for i, s := range shares {
			b, err := s.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("party: %w", err)
			}
			out[i] = [][]byte{b}
		}
		return out, nil
	}
	pair, ok := t.Iris()
	if !ok || g.Compare == Face {
		return nil, fmt.Errorf("%w: compares %s, not %s", ErrGroup, g.Compare, t.Modality())
	}
	shape := dot.Shape{Columns: match.DefaultColumns, Exact: g.Compare == IrisExact}
	for _, eye := range []iris.Template{pair.Left, pair.Right} {
		shares, err := dot.Split(rand, shape, eye)
		if err != nil {
			return nil, fmt.Errorf("party: %w", err)
		}
		for i, s := range shares {
			b, err := s.MarshalBinary()
			s.Wipe()
			if err != nil {
				return nil, fmt.Errorf("party: %w", err)
			}
			out[i] = append(out[i], b)
		}
	}
	return out, nil
}
