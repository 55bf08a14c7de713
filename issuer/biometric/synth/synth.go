package synth

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Noise is the median strength of a capture's own texture relative to the
// person's; NoiseSpread is the spread of its logarithm between captures. A
// capture is turned by up to MaxTurn columns, so that two of them differ by up
// to 14, and a score, which looks at 15 either way, can always find the turn.
const (
	Noise       = .35
	NoiseSpread = .35
	MaxTurn     = 7
)

// Population is an endless, seeded set of people. It is safe for concurrent use.
type Population struct {
	seed uint64
	cols int
}

// New gives the population of a seed with iris codes of 200 columns.
func New(seed uint64) *Population { return &Population{seed, 200} }

// NewColumns gives a population with codes of 200 or 256 columns.
func NewColumns(seed uint64, cols int) (*Population, error) {
	if _, ok := samplers[cols]; !ok {
		return nil, fmt.Errorf("synth: %w", iris.ErrColumns)
	}
	return &Population{seed, cols}, nil
}

// Person is one synthetic person. It is safe for concurrent use.
type Person struct {
	of *Population
	n  uint64

	eyes func() [2]responses // the person's own textures, made at first use
}

// Person gives person n. It costs nothing until the first capture.
func (p *Population) Person(n uint64) *Person {
	q := &Person{of: p, n: n}
	q.eyes = sync.OnceValue(func() [2]responses {
		s := samplers[p.cols]()
		return [2]responses{s.texture(p.stream("eye", n, 0)), s.texture(p.stream("eye", n, 1))}
	})
	return q
}

// stream gives the random numbers for one purpose.
func (p *Population) stream(purpose string, n, k uint64) *rand.Rand {
	b := []byte("perhuman/synth/1")
	for _, v := range []uint64{p.seed, n, k} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	h := sha256.Sum256(append(b, purpose...))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:]))) // #nosec G404 -- made-up people follow from a seed
}

// Number gives n.
func (q *Person) Number() uint64 { return q.n }

// Sample gives the person's k-th capture, always the same for the same k.
func (q *Person) Sample(k uint64) iris.Pair { return q.Capture(q.of.stream("capture", q.n, k)) }

// Capture gives a fresh capture of both eyes. Like a device, it takes the
// picture again until it passes the quality gate.
func (q *Person) Capture(r *rand.Rand) iris.Pair {
	for {
		turn := r.IntN(2*MaxTurn-1) - MaxTurn + 1 // the head tilts; each eye adds -1..1
		left, right := q.eye(r, 0, turn), q.eye(r, 1, turn)
		if p := (iris.Pair{Left: left, Right: right}); p.CheckQuality() == nil {
			return p
		}
	}
}

func (q *Person) eye(r *rand.Rand, eye, turn int) iris.Template {
	s := samplers[q.of.cols]()
	own, fresh := q.eyes()[eye], s.texture(r)
	strength := float32(Noise * math.Exp(NoiseSpread*r.NormFloat64()))
	for i := range fresh.re {
		fresh.re[i] = own.re[i] + float32(strength*fresh.re[i])
		fresh.im[i] = own.im[i] + float32(strength*fresh.im[i])
	}
	return encode(fresh, occlude(fresh, r)).Rotate(turn + r.IntN(3) - 1)
}

// encode writes the signs of the responses in flat order (package iris).
func encode(s responses, usable []bool) iris.Template {
	n := s.cols * iris.ColumnBits / 8
	code, mask := make([]byte, n), make([]byte, n)
	for i, ok := range usable {
		if s.re[i] > 0 {
			code[i/4] |= 0x80 >> (i % 4 * 2)
		}
		if s.im[i] > 0 {
			code[i/4] |= 0x40 >> (i % 4 * 2)
		}
		if ok {
			mask[i/4] |= 0xc0 >> (i % 4 * 2)
		}
	}
	t, err := iris.FromFlat(s.cols, code, mask)
	if err != nil {
		panic("synth: own code refused: " + err.Error()) // the shape comes from samplers
	}
	return t
}
