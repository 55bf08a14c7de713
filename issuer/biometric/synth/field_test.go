package synth

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// wholeField draws a texture point by point, as biometrics.md section 2 says
// it, and filters it with whole two-dimensional kernels at the given places.
func wholeField(r *rand.Rand, places [][3]int) [][2]float64 {
	var field [radialRows][angles]float64
	for y := range field {
		noise := make([]float32, angles)
		for x := range noise {
			noise[x] = float32(r.NormFloat64())
		}
		circular(noise)
		for x, e := range noise {
			if y == 0 {
				field[y][x] = float64(e)
			} else {
				field[y][x] = Radial*field[y-1][x] + math.Sqrt(1-Radial*Radial)*float64(e)
			}
		}
	}
	out := make([][2]float64, len(places))
	for i, p := range places {
		k := bank()[p[2]]
		rho := k.radial()
		kre, kim := k.angular()
		for dy, g := range rho {
			y := rowCenter(p[0]) + dy - radialReach
			if y < 0 || y >= radialRows {
				continue
			}
			for dx := range kre {
				x := (center(p[1], 200) + dx - len(kre)/2 + angles) % angles
				out[i][0] += g * float64(kre[dx]) * field[y][x]
				out[i][1] += g * float64(kim[dx]) * field[y][x]
			}
		}
	}
	return out
}

// The sampler's shortcut has the law of the whole field: the correlations of
// responses at places that differ by row, column and wavelet agree.
func TestFieldIsTheField(t *testing.T) {
	places := [][3]int{{5, 20, 0}, {5, 20, 1}, {6, 20, 0}, {8, 20, 0}, {5, 21, 0}, {5, 24, 0}, {6, 21, 1}, {5, 21, 1}, {0, 20, 0}, {15, 20, 0}, {15, 20, 1}}
	const n = 3000
	r := rand.New(rand.NewPCG(1, 2))
	s := samplers[200]()
	direct, whole := make([][]float64, 2*len(places)), make([][]float64, 2*len(places))
	for range n / 8 {
		texture := s.texture(r)
		// The field is the same all round: eight places a texture.
		for turn := 0; turn < 200; turn += 25 {
			for i, p := range places {
				at := texture.at(p[0], (p[1]+turn)%200, p[2])
				direct[2*i] = append(direct[2*i], float64(texture.re[at]))
				direct[2*i+1] = append(direct[2*i+1], float64(texture.im[at]))
			}
		}
	}
	for range n / 8 {
		var turned [][3]int
		for turn := 0; turn < 200; turn += 25 {
			for _, p := range places {
				turned = append(turned, [3]int{p[0], (p[1] + turn) % 200, p[2]})
			}
		}
		for i, v := range wholeField(r, turned) {
			whole[2*(i%len(places))] = append(whole[2*(i%len(places))], v[0])
			whole[2*(i%len(places))+1] = append(whole[2*(i%len(places))+1], v[1])
		}
	}
	worst := 0.
	for i := range direct {
		for j := range i {
			a, b := correlation(direct[i], direct[j]), correlation(whole[i], whole[j])
			worst = max(worst, math.Abs(a-b))
		}
	}
	// 231 differences of two estimates with a deviation of about .02 each.
	if worst > .11 {
		t.Errorf("correlations differ by up to %.3f", worst)
	}
	t.Logf("correlations differ by up to %.3f", worst)
}

func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

func TestCircular(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	lags := []int{0, 1, 2, 5, 10, angles - 1, angles - 3}
	sum := make([]float64, len(lags))
	const n = 1500
	for range n {
		e := make([]float32, angles)
		for i := range e {
			e[i] = float32(r.NormFloat64())
		}
		circular(e)
		for k, lag := range lags {
			for i := range e {
				sum[k] += float64(e[i]) * float64(e[(i+lag)%angles])
			}
		}
	}
	for k, lag := range lags {
		got, want := sum[k]/n/angles, math.Pow(Angular, float64(min(lag, angles-lag)))
		if math.Abs(got-want) > .015 {
			t.Errorf("lag %d: covariance %.3f, want %.3f", lag, got, want)
		}
	}
}

// A flat texture gives no response, and a kernel's reach fits the padding.
func TestKernels(t *testing.T) {
	for w, k := range bank() {
		re, im := k.angular()
		var a, b, size float64
		for i := range re {
			a += float64(re[i])
			b += float64(im[i])
			size += math.Abs(float64(re[i]))
		}
		if math.Abs(a) > 1e-5*size || math.Abs(b) > 1e-5*size {
			t.Errorf("wavelet %d: sums %v, %v of %v", w, a, b, size)
		}
		if len(re)/2 > padding || len(re)%2 != 1 {
			t.Errorf("wavelet %d: %d taps", w, len(re))
		}
	}
	if rowCenter(0) != 0 || rowCenter(iris.Rows-1) >= radialRows {
		t.Error("rows leave the texture")
	}
	for _, cols := range []int{200, 256} {
		if center(0, cols) != 0 || center(cols-1, cols) != angles-(angles+cols/2)/cols {
			t.Errorf("%d columns: %d .. %d", cols, center(0, cols), center(cols-1, cols))
		}
	}
	c := covariance(Radial)
	l := cholesky(c)
	for i := range lines {
		for j := range lines {
			got := 0.
			for k := range lines {
				got += l[i][k] * l[j][k]
			}
			if math.Abs(got-c[i][j]) > 1e-9 {
				t.Fatalf("factor of the covariance is wrong at %d, %d: %v, %v", i, j, got, c[i][j])
			}
		}
	}
}
