package synth

import (
	"math"
	"math/rand/v2"

	"github.com/perhuman/perhuman/issuer/biometric/face"
)

// How face vectors are spread: people around a common mean, with a spectrum that
// falls as descriptors' does, so that few directions carry most of the
// difference between people; captures around their person in all directions.
const (
	faceMean   = .8 // length of the common mean of the unit vectors before they are normalised
	faceSpread = .55
	faceNoise  = .24 // median length of a capture's own part
	faceVaries = .25 // spread of its logarithm
	faceDecay  = 12. // dimensions after which a direction's variance has fallen by e
)

// Face gives a fresh face vector of the person.
func (q *Person) Face(r *rand.Rand) face.Vector {
	own := q.of.stream("face", q.n, 0)
	x := direction(q.of.stream("face mean", 0, 0), 1e9)
	person, noise := direction(own, faceDecay), direction(r, 1e9)
	strength := faceNoise * math.Exp(faceVaries*r.NormFloat64())
	sum := 0.
	for i := range x {
		x[i] = faceMean*x[i] + faceSpread*person[i]
		sum += x[i] * x[i]
	}
	length := math.Sqrt(sum)
	sum = 0
	for i := range x {
		x[i] = x[i]/length + strength*noise[i]
		sum += x[i] * x[i]
	}
	length = math.Sqrt(sum)
	for i := range x {
		x[i] /= length
	}
	v, err := face.FromFloats(x)
	if err != nil {
		panic("synth: own face refused: " + err.Error()) // a unit vector passes
	}
	return v
}

// SampleFace gives the person's k-th face vector, always the same for the same k.
func (q *Person) SampleFace(k uint64) face.Vector { return q.Face(q.of.stream("face capture", q.n, k)) }

// direction gives a random vector of expected length 1 whose variance falls by
// e every decay dimensions.
func direction(r *rand.Rand, decay float64) []float64 {
	x, total := make([]float64, face.Dimensions), 0.
	for i := range x {
		v := math.Exp(-float64(i) / decay)
		total += v
		x[i] = math.Sqrt(v) * r.NormFloat64()
	}
	for i := range x {
		x[i] /= math.Sqrt(total)
	}
	return x
}
