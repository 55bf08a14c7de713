package poseidon

import (
	"math/big"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"
	"pgregory.net/rapid"
)

// edges are values that arithmetic gets wrong first.
func edges() []fr.Element {
	var zero, one, minus, r2 fr.Element
	one.SetOne()
	minus.Neg(&one)
	r2.SetBigInt(new(big.Int).Lsh(big.NewInt(1), 253))
	return []fr.Element{zero, one, minus, r2}
}

func pairs(n int) (left, right []fr.Element) {
	l, r := make(fr.Vector, n), make(fr.Vector, n)
	l.MustSetRandom()
	r.MustSetRandom()
	e := edges()
	for i := range min(n, len(e)*len(e)) {
		l[i], r[i] = e[i/len(e)], e[i%len(e)]
	}
	return l, r
}

// bulk is HashPairs with inputs left alone.
func bulk(hash func(dst, l, r fr.Vector), left, right []fr.Element) []fr.Element {
	dst := make(fr.Vector, len(left))
	hash(dst, append(fr.Vector(nil), left...), append(fr.Vector(nil), right...))
	return dst
}

func all(dst, l, r fr.Vector) { HashPairs(dst, l, r) }

// TestHashPairsEqualsHash2 covers every length around the vector sizes.
func TestHashPairsEqualsHash2(t *testing.T) {
	left, right := pairs(2*BulkSize + 17)
	want := make([]fr.Element, len(left))
	for i := range want {
		want[i] = Hash2(&left[i], &right[i])
	}
	check := func(name string, got, want []fr.Element) {
		t.Helper()
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s of %d: pair %d differs", name, len(want), i)
			}
		}
	}
	for n := range len(left) + 1 {
		check("HashPairs", bulk(all, left[:n], right[:n]), want[:n])
	}
	if !vectors() {
		return
	}
	for n := range laneCount + 1 {
		check("lanes", bulk(func(dst, l, r fr.Vector) { hashLanes(dst, l, r) }, left[n:2*n], right[n:2*n]), want[n:2*n])
	}
}

func TestHashPairsEqualsIden3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "n")
		left, right := make([]fr.Element, n), make([]fr.Element, n)
		for i := range n {
			left[i], right[i] = elem(t, "left"), elem(t, "right")
		}
		for i, got := range bulk(all, left, right) {
			want, err := iden3.Hash([]*big.Int{left[i].BigInt(new(big.Int)), right[i].BigInt(new(big.Int))})
			if err != nil {
				t.Fatal(err)
			}
			if got.BigInt(new(big.Int)).Cmp(want) != 0 {
				t.Fatalf("pair %d of %d: %s, want %s", i, n, got.String(), want)
			}
		}
	})
}

// TestManyRandomPairs compares three implementations on many inputs; three
// million of them under PERHUMAN_LONG=1.
func TestManyRandomPairs(t *testing.T) {
	rounds := 20
	if long() {
		rounds = 3_000_000 / BulkSize
	}
	var in [2]*big.Int
	for range rounds {
		left, right := pairs(BulkSize)
		got := bulk(all, left, right)
		for i := range got {
			if got[i] != Hash2(&left[i], &right[i]) {
				t.Fatalf("scalar and bulk differ on %s, %s", left[i].String(), right[i].String())
			}
			in[0], in[1] = left[i].BigInt(new(big.Int)), right[i].BigInt(new(big.Int))
			want, err := iden3.Hash(in[:])
			if err != nil {
				t.Fatal(err)
			}
			if got[i].BigInt(new(big.Int)).Cmp(want) != 0 {
				t.Fatalf("iden3 differs on %s, %s", left[i].String(), right[i].String())
			}
		}
	}
}

func TestHashPairsPanicsOnLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("unequal lengths accepted")
		}
	}()
	HashPairs(make([]fr.Element, 2), make([]fr.Element, 2), make([]fr.Element, 1))
}

func TestHashPairsDoesNotAllocate(t *testing.T) {
	left, right := pairs(BulkSize + 3)
	dst := make([]fr.Element, len(left))
	HashPairs(dst, left, right)
	if n := testing.AllocsPerRun(5, func() { HashPairs(dst, left, right) }); n != 0 {
		t.Errorf("HashPairs allocates %v times", n)
	}
}

func BenchmarkHashPairs(b *testing.B) {
	left, right := pairs(BulkSize)
	dst := make([]fr.Element, len(left))
	for b.Loop() {
		HashPairs(dst, left, right)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/BulkSize, "ns/pair")
}

func long() bool { return os.Getenv("PERHUMAN_LONG") == "1" }
