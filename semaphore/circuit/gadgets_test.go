package circuit

import (
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// solved reports whether an assignment satisfies a test circuit in both forms.
type solved func(t testing.TB, assignment frontend.Circuit) bool

func compileBoth(t testing.TB, c frontend.Circuit) solved {
	t.Helper()
	Silence()
	field := ecc.BN254.ScalarField()
	a, err := frontend.Compile(field, r1cs.NewBuilder, c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := frontend.Compile(field, scs.NewBuilder, c)
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, assignment frontend.Circuit) bool {
		w, err := frontend.NewWitness(assignment, field)
		if err != nil {
			t.Fatal(err)
		}
		groth, plonk := a.IsSolved(w) == nil, b.IsSolved(w) == nil
		if groth != plonk {
			t.Fatalf("R1CS says %v, PLONK says %v", groth, plonk)
		}
		return groth
	}
}

type hashCircuit struct {
	In  []frontend.Variable
	Out frontend.Variable `gnark:",public"`
}

func (c *hashCircuit) Define(api frontend.API) error {
	out, err := Poseidon(api, c.In...)
	if err != nil {
		return err
	}
	api.AssertIsEqual(out, c.Out)
	return nil
}

func TestPoseidonEveryWidth(t *testing.T) {
	for n := 1; n <= 16; n++ {
		ok := compileBoth(t, &hashCircuit{In: make([]frontend.Variable, n)})
		native, wires := make([]fr.Element, n), make([]frontend.Variable, n)
		for _, minus := range []bool{false, true} {
			for i := range native {
				native[i].SetUint64(uint64(100*n + i))
				if minus {
					native[i].Neg(&native[i])
				}
				wires[i] = native[i]
			}
			want, err := poseidon.Hash(native...)
			if err != nil {
				t.Fatal(err)
			}
			if !ok(t, &hashCircuit{In: wires, Out: want}) {
				t.Errorf("%d inputs: digest refused", n)
			}
			one := fr.One()
			want.Add(&want, &one)
			if ok(t, &hashCircuit{In: wires, Out: want}) {
				t.Errorf("%d inputs: another digest accepted", n)
			}
		}
	}
	_, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &hashCircuit{In: make([]frontend.Variable, 17)})
	if !errors.Is(err, poseidon.ErrWidth) {
		t.Errorf("17 inputs: %v", err)
	}
}

type keyCircuit struct {
	Secret frontend.Variable
	X, Y   frontend.Variable `gnark:",public"`
}

func (c *keyCircuit) Define(api frontend.API) error {
	x, y, err := PublicKey(api, c.Secret)
	if err != nil {
		return err
	}
	api.AssertIsEqual(x, c.X)
	api.AssertIsEqual(y, c.Y)
	return nil
}

func TestPublicKey(t *testing.T) {
	ok := compileBoth(t, new(keyCircuit))
	l, one := babyjub.Order(), big.NewInt(1)
	check := func(t testing.TB, k *big.Int) {
		t.Helper()
		b := [32]byte(k.FillBytes(make([]byte, 32)))
		p := babyjub.ScalarMul(babyjub.Base8(), &b)
		inRange := k.Cmp(l) < 0
		if got := ok(t, &keyCircuit{k, p.X, p.Y}); got != inRange {
			t.Fatalf("secret %v: %v", k, got)
		}
		if !inRange {
			return
		}
		q := babyjub.Add(p, babyjub.Base8())
		minus := p
		minus.X.Neg(&minus.X)
		for _, wrong := range []babyjub.Point{q, {X: p.X, Y: q.Y}, {X: q.X, Y: p.Y}, minus} {
			if wrong != p && ok(t, &keyCircuit{k, wrong.X, wrong.Y}) {
				t.Fatalf("secret %v: a wrong point accepted", k)
			}
		}
	}
	for _, k := range []*big.Int{
		new(big.Int), one, big.NewInt(2), big.NewInt(3), big.NewInt(4),
		new(big.Int).Sub(l, one), l, new(big.Int).Add(l, one),
		new(big.Int).Rsh(l, 1),
		new(big.Int).Lsh(one, 2*windows), new(big.Int).Sub(new(big.Int).Lsh(one, 2*windows), one),
		new(big.Int).Sub(new(big.Int).Lsh(one, secretBits), one), new(big.Int).Lsh(one, secretBits),
		new(big.Int).Sub(fr.Modulus(), one),
	} {
		check(t, k)
	}
	// Every bit alone, and every bit cleared from l-1 (the comparison's paths).
	top := new(big.Int).Sub(l, one)
	for i := 0; i < secretBits; i += 5 {
		check(t, new(big.Int).Lsh(one, uint(i)))
		check(t, new(big.Int).Xor(top, new(big.Int).Lsh(one, uint(i))))
	}
	rapid.Check(t, func(r *rapid.T) {
		k := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 31, 31).Draw(r, "k"))
		b := [32]byte(k.FillBytes(make([]byte, 32)))
		p := babyjub.ScalarMul(babyjub.Base8(), &b)
		if !ok(t, &keyCircuit{k, p.X, p.Y}) {
			r.Fatalf("%v refused", k)
		}
	})
}

// The incomplete additions never meet two points with the same u: the bounds
// that mulBase8 states, in numbers.
func TestWindowsNeverCollide(t *testing.T) {
	l := babyjub.Order()
	power := big.NewInt(1)
	low, high := new(big.Int), new(big.Int) // the sum before window i
	for i := range windows {
		least, most := new(big.Int).Mul(power, big.NewInt(2)), new(big.Int).Mul(power, big.NewInt(5))
		if i > 0 && (low.Sign() <= 0 || high.Cmp(least) >= 0 || new(big.Int).Add(high, most).Cmp(l) >= 0) {
			t.Fatalf("window %d", i)
		}
		low.Add(low, least)
		high.Add(high, most)
		power.Lsh(power, 2)
	}
	if fr.Modulus().Cmp(new(big.Int).Lsh(big.NewInt(1), secretBits)) <= 0 || l.BitLen() != secretBits {
		t.Fatal("a secret would have two decompositions")
	}
}

type rootCircuit struct {
	Leaf, Length, Index frontend.Variable
	Siblings            []frontend.Variable
	Root                frontend.Variable `gnark:",public"`
}

func (c *rootCircuit) Define(api frontend.API) error {
	root, err := MerkleRoot(api, c.Leaf, c.Length, c.Index, c.Siblings)
	if err != nil {
		return err
	}
	api.AssertIsEqual(root, c.Root)
	return nil
}

// Every leaf of groups of 1 to 9, zero leaves of removed members included.
func TestMerkleRootEqualsGroup(t *testing.T) {
	const depth = 4
	ok := compileBoth(t, &rootCircuit{Siblings: make([]frontend.Variable, depth)})
	for size := 1; size <= 9; size++ {
		g := new(semaphore.Group)
		for i := range size {
			if err := g.Add(semaphore.Element{30: 1, 31: byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if size > 3 {
			if err := g.Remove(2); err != nil {
				t.Fatal(err)
			}
		}
		for i := range size {
			path, err := g.Proof(i)
			if err != nil {
				t.Fatal(err)
			}
			c := &rootCircuit{
				Leaf: element(path.Leaf), Length: len(path.Siblings), Index: path.Index, Root: element(path.Root),
				Siblings: make([]frontend.Variable, depth),
			}
			for j := range c.Siblings {
				c.Siblings[j] = 3
				if j < len(path.Siblings) {
					c.Siblings[j] = element(path.Siblings[j])
				}
			}
			if !ok(t, c) {
				t.Errorf("leaf %d of %d: no witness", i, size)
			}
			for _, length := range []any{len(path.Siblings) + 1, -1, depth + 1, fmt.Sprint(fr.Modulus().Sub(fr.Modulus(), big.NewInt(2)))} {
				c.Length = length
				if ok(t, c) {
					t.Errorf("leaf %d of %d: length %v has a witness", i, size, length)
				}
			}
		}
	}
	for _, depth := range []int{0, semaphore.MaxDepth + 1} {
		_, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &rootCircuit{Siblings: make([]frontend.Variable, depth)})
		if !errors.Is(err, semaphore.ErrDepth) {
			t.Errorf("%d siblings: %v", depth, err)
		}
	}
}
