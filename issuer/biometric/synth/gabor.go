package synth

import (
	"math"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// The texture grid. A kernel reaches 10 rows up and down; where it sticks out of
// the texture it is cut off.
const (
	radialRows  = 148
	angles      = 512
	radialReach = 10
	padding     = 32 // at least the angular reach of the widest kernel
)

// wavelet is one kernel of the filter bank, in texture points.
type wavelet struct {
	reach              int // along the angle, before stretching
	sigmaPhi, sigmaRho float64
	lambda             float64
	stretch            float64 // along the angle
}

// bank gives the two wavelets of open-iris, stretched along the angle (a texture
// here has 512 angles) so that codes have the degrees of freedom of real irises.
func bank() [iris.Wavelets]wavelet {
	return [iris.Wavelets]wavelet{
		{reach: 20, sigmaPhi: 7, sigmaRho: 6.13, lambda: 28, stretch: 1.45},
		{reach: 8, sigmaPhi: 2, sigmaRho: 5.86, lambda: 8, stretch: 1.6},
	}
}

// radial gives the kernel's factor along the radius, 2*radialReach+1 taps.
func (w wavelet) radial() []float64 {
	taps := make([]float64, 2*radialReach+1)
	for i := range taps {
		taps[i] = gauss(float64(i-radialReach), w.sigmaRho)
	}
	return taps
}

// angular gives the real and imaginary factor along the angle. The real one is
// DC-corrected: a multiple of the envelope is taken off so that it sums to 0,
// and a flat texture gives no response.
func (w wavelet) angular() (re, im []float32) {
	reach := int(float64(w.reach) * w.stretch)
	envelope, sum, dc := make([]float64, 2*reach+1), 0., 0.
	phase := func(i int) float64 { return 2 * math.Pi / w.lambda * float64(i-reach) / w.stretch }
	for i := range envelope {
		envelope[i] = gauss(float64(i-reach)/w.stretch, w.sigmaPhi)
		sum += envelope[i]
		dc += envelope[i] * math.Cos(phase(i))
	}
	for i, e := range envelope {
		re = append(re, float32(e*(math.Cos(phase(i))-dc/sum)))
		im = append(im, float32(e*math.Sin(phase(i))))
	}
	return re, im
}

func gauss(x, sigma float64) float64 { return math.Exp(-x * x / (2 * sigma * sigma)) }

// responses are the complex filter responses of one eye: row, column, wavelet.
type responses struct {
	cols   int
	re, im []float32
}

func newResponses(cols int) responses {
	n := iris.Rows * cols * iris.Wavelets
	return responses{cols: cols, re: make([]float32, n), im: make([]float32, n)}
}

// at gives the index of one response.
func (r responses) at(row, col, w int) int { return (row*r.cols+col)*iris.Wavelets + w }

// filter samples one row of one wavelet: line is the field after the radial
// half, with padding points of its periodic continuation on either side.
func (r responses) filter(line, kre, kim []float32, row, w int) {
	reach := len(kre) / 2
	kim = kim[:len(kre)]
	// Two columns at a time: four independent sums keep the adders busy.
	for col := 0; col+1 < r.cols; col += 2 {
		a := line[padding+center(col, r.cols)-reach:][:len(kre)]
		b := line[padding+center(col+1, r.cols)-reach:][:len(kre)]
		var ar, ai, br, bi float32
		for k, kr := range kre {
			ki := kim[k]
			ar += float32(kr * a[k])
			ai += float32(ki * a[k])
			br += float32(kr * b[k])
			bi += float32(ki * b[k])
		}
		i, j := r.at(row, col, w), r.at(row, col+1, w)
		r.re[i], r.im[i], r.re[j], r.im[j] = ar, ai, br, bi
	}
}

// center gives the texture angle of a column.
func center(col, cols int) int { return (2*col*angles + cols) / (2 * cols) % angles }

// rowCenter gives the texture row of a code row: as in open-iris, the rows are
// spread over the inner 15/16 of the texture.
func rowCenter(row int) int { return (2*row*radialRows + 16) / (2 * 16) }
