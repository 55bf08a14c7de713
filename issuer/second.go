package issuer

import (
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/iden3/go-iden3-crypto/babyjub"
	"github.com/iden3/go-iden3-crypto/ff"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"
	"github.com/iden3/go-iden3-crypto/utils"

	"github.com/perhuman/perhuman/semaphore"
)

// The second opinion about keys and signatures: go-iden3-crypto's field, curve
// addition, point decoding and Poseidon. Only its scalar multiplication is not
// used: it doubles and adds bit by bit, three times for one possession, which
// made up most of an intake. Here the powers 16^i*A of a key are made once, with
// that library's addition, and serve both the subgroup check and the signature;
// multiples of the base point come from a table. A test holds every result
// against the library's own Mul, InSubGroup and VerifyPoseidon.

const (
	digitBits = 4
	digits    = 64 // of a 256-bit scalar
)

// digitsOf cuts a scalar below 2^256 into digits, the least significant first.
func digitsOf(k *big.Int) (d [digits]byte) {
	var b [32]byte
	k.FillBytes(b[:])
	for i := range d {
		d[i] = b[31-i/2] >> (digitBits * (i % 2)) & 15
	}
	return d
}

// powers are 16^i * P.
type powers [digits]*babyjub.PointProjective

func powersOf(p *babyjub.Point) *powers {
	var out powers
	out[0] = p.Projective()
	for i := 1; i < digits; i++ {
		q := babyjub.NewPointProjective().Add(out[i-1], out[i-1])
		for range digitBits - 1 {
			q.Add(q, q)
		}
		out[i] = q
	}
	return &out
}

// times gives k*P: powers with the same digit are added up first, and each sum
// then counts as often as its digit says (Yao, 1976). The time depends on k,
// which is public here.
func (p *powers) times(k *big.Int) *babyjub.PointProjective {
	var sums [1 << digitBits]*babyjub.PointProjective
	for i, d := range digitsOf(k) {
		switch {
		case d == 0:
		case sums[d] == nil:
			sums[d] = p[i]
		default:
			sums[d] = babyjub.NewPointProjective().Add(sums[d], p[i])
		}
	}
	running, total := babyjub.NewPointProjective(), babyjub.NewPointProjective()
	for d := len(sums) - 1; d > 0; d-- {
		if sums[d] != nil {
			running.Add(running, sums[d])
		}
		total.Add(total, running)
	}
	return total
}

// baseTable holds d*16^i*B8 for every digit d.
var baseTable = sync.OnceValue(func() *[digits][1 << digitBits]*babyjub.PointProjective {
	table := new([digits][1 << digitBits]*babyjub.PointProjective)
	for i, p := range powersOf(babyjub.B8) {
		table[i][0] = babyjub.NewPointProjective()
		for d := 1; d < 1<<digitBits; d++ {
			table[i][d] = babyjub.NewPointProjective().Add(table[i][d-1], p)
		}
	}
	return table
})

// timesBase gives k*B8.
func timesBase(k *big.Int) *babyjub.PointProjective {
	table := baseTable()
	total := babyjub.NewPointProjective()
	for i, d := range digitsOf(k) {
		if d != 0 {
			total.Add(total, table[i][d])
		}
	}
	return total
}

// equal compares projective points, neither of which has Z = 0: the addition
// law of this curve is complete.
func equal(a, b *babyjub.PointProjective) bool {
	cross := func(p, q *ff.Element) *ff.Element { return ff.NewElement().Mul(p, q) }
	return !a.Z.IsZero() && !b.Z.IsZero() &&
		cross(a.X, b.Z).Equal(cross(b.X, a.Z)) && cross(a.Y, b.Z).Equal(cross(b.Y, a.Z))
}

// secondKey is a public key that go-iden3-crypto accepted.
type secondKey struct {
	point      babyjub.Point
	powers     *powers
	commitment semaphore.Element
}

var errSecond = errors.New("issuer: refused by go-iden3-crypto")

// newSecondKey accepts points on the curve and in the subgroup of prime order,
// but for its neutral point. Coordinates are below the modulus.
func newSecondKey(key semaphore.PublicKey) (*secondKey, error) {
	k := &secondKey{point: babyjub.Point{X: new(big.Int).SetBytes(key.X[:]), Y: new(big.Int).SetBytes(key.Y[:])}}
	if !k.point.InCurve() {
		return nil, fmt.Errorf("%w: not on the curve", errSecond)
	}
	neutral := babyjub.NewPointProjective()
	k.powers = powersOf(&k.point)
	if equal(k.powers[0], neutral) || !equal(k.powers.times(babyjub.SubOrder), neutral) {
		return nil, fmt.Errorf("%w: not in the subgroup", errSecond)
	}
	hash, err := iden3.Hash([]*big.Int{k.point.X, k.point.Y})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSecond, err)
	}
	hash.FillBytes(k.commitment[:])
	return k, nil
}

// verify checks S*B8 = R8 + 8*hm*A. Canonical S is checked here because that
// library leaves it to its caller. hint is what our own code read out of the
// first half, if it could: finding x takes a square root, which costs as much as
// a multiplication, and checking it takes a look at the curve's equation.
func (k *secondKey) verify(msg semaphore.Element, packed []byte, hint *semaphore.Signature) bool {
	if len(packed) != semaphore.SignatureSize {
		return false
	}
	r8, err := secondPoint([32]byte(packed[:32]), hint)
	s := utils.SetBigIntFromLEBytes(new(big.Int), packed[32:])
	if err != nil || s.Cmp(babyjub.SubOrder) >= 0 {
		return false
	}
	hm, err := iden3.Hash([]*big.Int{r8.X, r8.Y, k.point.X, k.point.Y, new(big.Int).SetBytes(msg[:])})
	if err != nil {
		return false
	}
	right := k.powers.times(hm)
	for range 3 {
		right.Add(right, right)
	}
	right.Add(right, r8.Projective())
	return equal(timesBase(s), right)
}

// secondPoint reads a compressed point. A hint is taken if that library finds it
// on the curve and compresses it to the same bytes: then it is the one point
// that they stand for.
func secondPoint(packed [32]byte, hint *semaphore.Signature) (*babyjub.Point, error) {
	if hint != nil {
		p := &babyjub.Point{X: new(big.Int).SetBytes(hint.R8X[:]), Y: new(big.Int).SetBytes(hint.R8Y[:])}
		if p.InCurve() && p.Compress() == packed {
			return p, nil
		}
	}
	return babyjub.NewPoint().Decompress(packed)
}
