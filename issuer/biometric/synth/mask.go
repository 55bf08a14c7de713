package synth

import (
	"math"
	"math/rand/v2"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// weakest is the share of responses that a capture masks because their signs
// are the first to flip.
const weakest = .1

// occlude gives the usable responses: not among the weakest, not under an
// eyelid, not in the reflection.
func occlude(s responses, r *rand.Rand) []bool {
	usable := strong(s)
	// An eyelid covers the outer rows, as deep as a Gaussian of the angle: the
	// upper one deep and wide, the lower one shallow.
	cols := float64(s.cols)
	eyelid(s, usable, cols*.25, 3+5*r.Float64(), cols*(.07+.05*r.Float64()))
	eyelid(s, usable, cols*.75, 4*r.Float64(), cols*(.05+.05*r.Float64()))
	// The lamp's reflection, near the pupil.
	top, left := r.IntN(4), r.IntN(s.cols)
	for row := top; row < top+2+r.IntN(3); row++ {
		for col := left; col < left+s.cols/32; col++ {
			for w := range iris.Wavelets {
				usable[s.at(row, col%s.cols, w)] = false
			}
		}
	}
	return usable
}

func eyelid(s responses, usable []bool, center, depth, width float64) {
	for col := range s.cols {
		rows := int(math.Round(depth * gauss(float64(col)-center, width)))
		for row := iris.Rows - rows; row < iris.Rows; row++ {
			for w := range iris.Wavelets {
				usable[s.at(row, col, w)] = false
			}
		}
	}
}

// strong reports the responses that are not among the weakest: the strength of
// one is the lesser of its real and imaginary part, each in units of that
// part's root mean square over the code.
func strong(s responses) []bool {
	var sum [iris.Wavelets][2]float64
	for i, x := range s.re {
		sum[i%iris.Wavelets][0] += float64(x * x)
		sum[i%iris.Wavelets][1] += float64(s.im[i] * s.im[i])
	}
	// A histogram finds the cut; the weakest tenth ends near .064.
	const bins, top = 4096, .25
	n := float64(len(s.re) / iris.Wavelets)
	var scale [iris.Wavelets][2]float32
	for w := range scale {
		for part := range scale[w] {
			scale[w][part] = float32(bins / top / math.Sqrt(sum[w][part]/n))
		}
	}
	var count [bins]int
	strength := make([]float32, len(s.re))
	for i, x := range s.re {
		k := &scale[i%iris.Wavelets]
		strength[i] = min(abs(x)*k[0], abs(s.im[i])*k[1])
		if bin := int(strength[i]); bin < bins {
			count[bin]++
		}
	}
	want, cut := int(weakest*float64(len(s.re))), 0
	for seen := 0; cut < bins && seen < want; cut++ {
		seen += count[cut]
	}
	usable := make([]bool, len(s.re))
	for i, v := range strength {
		usable[i] = v >= float32(cut)
	}
	return usable
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
