package synth

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Angular is the correlation of neighbouring texture points along the angle,
// Radial along the radius. Radial .99 gives codes the degrees of freedom of real
// irises (about 245); .98 gives about 350.
const (
	Angular = .9
	Radial  = .99
)

// lines is how many values the radial half of the bank takes from one angle of
// the texture: each sampled row through each wavelet.
const lines = iris.Rows * iris.Wavelets

// sampler makes textures and filters them.
//
// A texture is separable noise: white noise, AR(1) down the radius, then
// circular AR(1) around the angle. The kernels are separable too, and the
// filters along the two axes commute. So the radial AR and the radial half of
// the kernels act on each angle alone, and turn 148 independent values into 32
// Gaussian ones with a covariance that is the same everywhere: the sampler
// draws those 32 directly, by the Cholesky factor of that covariance. The law
// is exactly that of filtering the whole field; TestFieldIsTheField checks it.
type sampler struct {
	cols     int
	cholesky [lines][]float32 // row i has i+1 entries
	re, im   [iris.Wavelets][]float32
}

func newSampler(cols int, radial float64) *sampler {
	s := &sampler{cols: cols}
	for w, k := range bank() {
		s.re[w], s.im[w] = k.angular()
	}
	c := cholesky(covariance(radial))
	for i := range c {
		for j := 0; j <= i; j++ {
			s.cholesky[i] = append(s.cholesky[i], float32(c[i][j]))
		}
	}
	return s
}

// samplers keeps one sampler per shape: they are read-only tables.
var samplers = map[int]func() *sampler{
	200: sync.OnceValue(func() *sampler { return newSampler(200, Radial) }),
	256: sync.OnceValue(func() *sampler { return newSampler(256, Radial) }),
}

// covariance gives the covariance of the radially filtered values of one angle,
// row*Wavelets + wavelet, each scaled to variance 1.
func covariance(radial float64) (c [lines][lines]float64) {
	var taps [lines][radialRows]float64
	for w, k := range bank() {
		for row := range iris.Rows {
			for i, g := range k.radial() {
				if y := rowCenter(row) + i - radialReach; y >= 0 && y < radialRows {
					taps[row*iris.Wavelets+w][y] = g
				}
			}
		}
	}
	for i := range lines {
		// t = (covariance of the column) * taps[i].
		var t [radialRows]float64
		for y := range t {
			for x, g := range taps[i] {
				if g != 0 {
					t[y] += g * math.Pow(radial, math.Abs(float64(x-y)))
				}
			}
		}
		for j := range lines {
			for y, g := range taps[j] {
				c[i][j] += g * t[y]
			}
		}
	}
	var scale [lines]float64
	for i := range scale {
		scale[i] = 1 / math.Sqrt(c[i][i])
	}
	for i := range lines {
		for j := range lines {
			c[i][j] *= scale[i] * scale[j]
		}
	}
	return c
}

// cholesky gives the lower triangle l with l * transpose(l) = c. The two
// wavelets see nearly the same radius, so c is near singular; a pivot that
// rounding has pushed to nothing becomes a small one.
func cholesky(c [lines][lines]float64) (l [lines][lines]float64) {
	for i := range lines {
		for j := 0; j <= i; j++ {
			sum := c[i][j]
			for k := range j {
				sum -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(max(sum, 1e-12))
			} else {
				l[i][j] = sum / l[j][j]
			}
		}
	}
	return l
}

// texture draws a fresh texture and gives its responses.
func (s *sampler) texture(r *rand.Rand) responses {
	const width = angles + 2*padding
	field := make([]float32, lines*width)
	var z [lines]float32
	for x := range angles {
		for i := range z {
			z[i] = float32(r.NormFloat64())
		}
		for i := range z {
			sum := float32(0)
			for j, l := range s.cholesky[i] {
				sum += float32(l * z[j])
			}
			field[i*width+padding+x] = sum
		}
	}
	out := newResponses(s.cols)
	for row := range iris.Rows {
		for w := range iris.Wavelets {
			i := row*iris.Wavelets + w
			line := field[i*width : (i+1)*width]
			circular(line[padding : padding+angles])
			copy(line[:padding], line[angles:angles+padding])
			copy(line[padding+angles:], line[padding:2*padding])
			out.filter(line, s.re[w], s.im[w], row, w)
		}
	}
	return out
}

// circular turns white noise of variance 1 into a stationary circular AR(1)
// process of about variance 1, in place: x[i] = Angular*x[i-1] + e[i] with x[-1]
// = x[n-1].
func circular(e []float32) {
	// x[n-1] = sum over k of Angular^k * e[n-1-k] / (1 - Angular^n); terms past
	// 200 points are below a float32's precision.
	last := 0.
	for k := min(len(e), 200) - 1; k >= 0; k-- {
		last = Angular*last + float64(e[len(e)-1-k])
	}
	scale := float32(math.Sqrt(1 - Angular*Angular))
	x := float32(last)
	for i := range e {
		x = float32(Angular*x) + e[i]
		e[i] = scale * x
	}
}
