package babyjub

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	iden3 "github.com/iden3/go-iden3-crypto/babyjub"
	"pgregory.net/rapid"
)

func scalar(t *rapid.T, label string) [32]byte {
	return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
}

func theirs(p Point) *iden3.Point {
	return &iden3.Point{X: p.X.BigInt(new(big.Int)), Y: p.Y.BigInt(new(big.Int))}
}

func same(p Point, q *iden3.Point) bool {
	return p.X.BigInt(new(big.Int)).Cmp(q.X) == 0 && p.Y.BigInt(new(big.Int)).Cmp(q.Y) == 0
}

// full gives a point of order 8*l.
func full(t testing.TB) Point {
	for y := uint64(2); ; y++ {
		var in [32]byte
		in[0] = byte(y)
		p, err := Decompress(in)
		if err != nil {
			continue
		}
		half := new(big.Int).Lsh(Order(), 2)
		k := [32]byte(half.FillBytes(make([]byte, 32))) // 4*l
		if !ScalarMul(p, &k).Equal(Identity()) {
			return p
		}
	}
}

func TestArithmeticEqualsIden3(t *testing.T) {
	g := full(t)
	rapid.Check(t, func(t *rapid.T) {
		k, m := scalar(t, "k"), scalar(t, "m")
		base := Base8()
		if rapid.Bool().Draw(t, "full order") {
			base = g
		}
		p, q := ScalarMul(base, &k), ScalarMul(base, &m)
		want := iden3.NewPoint().Mul(new(big.Int).SetBytes(k[:]), theirs(base))
		if !same(p, want) {
			t.Fatalf("k*P = %v, want %v", p, want)
		}
		sum := iden3.NewPointProjective().Add(theirs(p).Projective(), theirs(q).Projective()).Affine()
		if !same(Add(p, q), sum) {
			t.Fatal("sum differs")
		}
		if !p.OnCurve() || !Add(p, q).OnCurve() {
			t.Fatal("left the curve")
		}
		if got, want := p.InSubgroup(), theirs(p).InSubGroup(); got != want {
			t.Fatalf("InSubgroup = %v, want %v", got, want)
		}
		c := p.Compress()
		if c != [32]byte(theirs(p).Compress()) {
			t.Fatal("compressed form differs")
		}
		back, err := Decompress(c)
		if err != nil || !back.Equal(p) {
			t.Fatalf("Decompress: %v %v", back, err)
		}
	})
}

func TestEdges(t *testing.T) {
	zero := [32]byte{}
	if !ScalarMul(Base8(), &zero).Equal(Identity()) {
		t.Error("0*P is not the neutral point")
	}
	l := [32]byte(Order().FillBytes(make([]byte, 32)))
	if !ScalarMul(Base8(), &l).Equal(Identity()) {
		t.Error("l*Base8 is not the neutral point")
	}
	if !Base8().InSubgroup() || Base8().SmallOrder() {
		t.Error("Base8")
	}
	var low Point // (0, -1), order 2
	low.Y.SetOne().Neg(&low.Y)
	for _, p := range []Point{Identity(), low} {
		if !p.OnCurve() || !p.SmallOrder() {
			t.Errorf("%v should have small order", p)
		}
	}
	if low.InSubgroup() || full(t).InSubgroup() || full(t).SmallOrder() {
		t.Error("subgroup check")
	}
	if (Point{}).OnCurve() {
		t.Error("(0,0) is not on the curve")
	}
	if !Add(Base8(), Identity()).Equal(Base8()) {
		t.Error("P + 0")
	}
}

func TestDecompressIsStrict(t *testing.T) {
	r := fr.Modulus()
	le := func(n *big.Int, sign byte) (out [32]byte) {
		for i, b := range n.FillBytes(make([]byte, 32)) {
			out[31-i] = b
		}
		out[31] |= sign
		return out
	}
	for name, in := range map[string][32]byte{
		"y = r":              le(r, 0),
		"y = r+1":            le(new(big.Int).Add(r, big.NewInt(1)), 0),
		"x = 0 with a sign":  le(big.NewInt(1), 0x80),
		"x = 0 with a sign2": le(new(big.Int).Sub(r, big.NewInt(1)), 0x80),
	} {
		if _, err := Decompress(in); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	refused := 0
	for y := int64(2); y < 60; y++ {
		if _, err := Decompress(le(big.NewInt(y), 0)); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("every y is on the curve?")
	}
}

func FuzzDecompress(f *testing.F) {
	c := Base8().Compress()
	f.Add(c[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 32 {
			return
		}
		p, err := Decompress([32]byte(b))
		if err != nil {
			return
		}
		if !p.OnCurve() {
			t.Fatal("not on the curve")
		}
		if p.Compress() != [32]byte(b) {
			t.Fatal("two encodings of one point")
		}
	})
}

func BenchmarkScalarMul(b *testing.B) {
	k := [32]byte{31: 1, 0: 5}
	for b.Loop() {
		ScalarMul(Base8(), &k)
	}
}

func TestScalarArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := scalar(t, "x"), scalar(t, "y")
		l := Order()
		z := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "z"))
		z.Mod(z, l)
		big32 := func(n *big.Int) [32]byte { return [32]byte(n.FillBytes(make([]byte, 32))) }

		bx, by := new(big.Int).SetBytes(x[:]), new(big.Int).SetBytes(y[:])
		want := new(big.Int).Mul(bx, by)
		want.Add(want, z).Mod(want, l)
		if got := MulAdd(ScalarBE(x), ScalarBE(y), ScalarBE(big32(z))).Bytes(); got != big32(want) {
			t.Fatalf("MulAdd: %x, want %x", got, want)
		}
		want.Rsh(bx, 3).Mod(want, l)
		if got := ScalarBE(x).Eighth().Bytes(); got != big32(want) {
			t.Fatalf("Eighth: %x, want %x", got, want)
		}
		if got := ScalarBE(x).Reduced(); got != (bx.Cmp(l) < 0) {
			t.Fatalf("Reduced(%x) = %v", x, got)
		}
		wide := [64]byte(append(x[:], y[:]...))
		rev := make([]byte, 64)
		for i, b := range wide {
			rev[63-i] = b
		}
		want.SetBytes(rev).Mod(want, l)
		if got := ReduceWide(&wide).Bytes(); got != big32(want) {
			t.Fatalf("ReduceWide: %x, want %x", got, want)
		}
	})
	ones := Scalar{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	if ones.Reduced() || !(Scalar{}).Reduced() || orderWords().Reduced() {
		t.Error("Reduced at the edges")
	}
}

func TestSmallOrderPoints(t *testing.T) {
	seen := map[Point]bool{}
	for _, p := range SmallOrderPoints() {
		if !p.OnCurve() || !p.SmallOrder() || p.InSubgroup() != p.Equal(Identity()) {
			t.Errorf("%v", p)
		}
		seen[p] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d points, want 8", len(seen))
	}
}
