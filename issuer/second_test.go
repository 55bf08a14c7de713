package issuer

import (
	"math/big"
	"testing"

	"github.com/iden3/go-iden3-crypto/babyjub"
	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/semaphore"
)

// Our multiplications with go-iden3-crypto's addition are its own Mul, on the
// whole curve and for every scalar.
func TestSecondMultiplies(t *testing.T) {
	order2 := &babyjub.Point{X: big.NewInt(0), Y: new(big.Int).Sub(constantsQ(t), big.NewInt(1))}
	rapid.Check(t, func(t *rapid.T) {
		k := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "k"))
		p := babyjub.NewPoint().Mul(new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "p")), babyjub.B8)
		if rapid.Bool().Draw(t, "outside the subgroup") {
			p = babyjub.NewPointProjective().Add(p.Projective(), order2.Projective()).Affine()
		}
		if got, want := powersOf(p).times(k), babyjub.NewPoint().Mul(k, p).Projective(); !equal(got, want) {
			t.Fatalf("%v * %v", k, p)
		}
		if !equal(timesBase(k), babyjub.NewPoint().Mul(k, babyjub.B8).Projective()) {
			t.Fatalf("%v * base", k)
		}
		var key semaphore.PublicKey
		p.X.FillBytes(key.X[:])
		p.Y.FillBytes(key.Y[:])
		neutral := p.X.Sign() == 0 && p.Y.Cmp(big.NewInt(1)) == 0
		if _, err := newSecondKey(key); (err == nil) != (p.InSubGroup() && !neutral) {
			t.Fatalf("key %v: %v", p, err)
		}
	})
	for _, k := range []*big.Int{new(big.Int), big.NewInt(1), babyjub.SubOrder, babyjub.Order} {
		if !equal(timesBase(k), babyjub.NewPoint().Mul(k, babyjub.B8).Projective()) {
			t.Errorf("%v * base", k)
		}
	}
}

// The second opinion on signatures is VerifyPoseidon's.
func TestSecondVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := semaphore.IdentityFromKey(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key"))
		var msg semaphore.Element
		copy(msg[1:], rapid.SliceOfN(rapid.Byte(), 31, 31).Draw(t, "message"))
		packed, err := id.Sign(msg).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if at := rapid.IntRange(-40, 63).Draw(t, "changed byte"); at >= 0 {
			packed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		k, err := newSecondKey(id.PublicKey())
		if err != nil || k.commitment != id.Commitment() {
			t.Fatal(err)
		}
		want := false
		if sig, err := new(babyjub.Signature).Decompress([64]byte(packed)); err == nil && sig.S.Cmp(babyjub.SubOrder) < 0 {
			theirs := babyjub.PublicKey(k.point)
			want = theirs.VerifyPoseidon(new(big.Int).SetBytes(msg[:]), sig)
		}
		hints := []*semaphore.Signature{nil, {}}
		if sig, err := semaphore.ParseSignature(packed); err == nil {
			hints = append(hints, &sig)
		}
		for _, hint := range hints {
			if got := k.verify(msg, packed, hint); got != want {
				t.Fatalf("%v, VerifyPoseidon says %v", got, want)
			}
		}
	})
}

func BenchmarkSecondOpinion(b *testing.B) {
	nonce := Nonce{1}
	id := semaphore.IdentityFromKey([]byte("k"))
	_, _, packed := signed(b, id, nonce, "n")
	sig, err := semaphore.ParseSignature(packed)
	if err != nil {
		b.Fatal(err)
	}
	any := func(c semaphore.Element) semaphore.Element { return c }
	b.Run("theirs", func(b *testing.B) {
		for b.Loop() {
			second(id.PublicKey(), packed, &sig, any)
		}
	})
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			first(id.PublicKey(), sig, nil, any)
		}
	})
}
