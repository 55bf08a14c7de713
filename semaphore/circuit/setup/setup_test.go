package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth "github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/plonk"
	"github.com/consensys/gnark/backend/witness"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"

	"github.com/perhuman/perhuman/semaphore/circuit"
	"github.com/perhuman/perhuman/semaphore/circuit/ptautest"
)

// preimage is a small statement: the digest of two secrets under a toy cipher.
type preimage struct {
	Digest frontend.Variable `gnark:",public"`
	A, B   frontend.Variable
}

const rounds = 16

func (c *preimage) Define(api frontend.API) error {
	cipher(api, c.Digest, c.A, c.B)
	return nil
}

// cipher is x <- (x + key + i)^5.
func cipher(api frontend.API, digest, x, key frontend.Variable) {
	for i := range rounds {
		y := api.Add(x, key, i)
		x = api.Mul(y, y)
		x = api.Mul(x, x)
		x = api.Mul(x, y)
	}
	api.AssertIsEqual(digest, x)
}

func digest(a, b uint64) fr.Element {
	x, key := fr.NewElement(a), fr.NewElement(b)
	for i := range rounds {
		k, y := fr.NewElement(uint64(i)), new(fr.Element)
		y.Add(&x, &key).Add(y, &k)
		x.Square(y)
		x.Square(&x)
		x.Mul(&x, y)
	}
	return x
}

const (
	grothPower = 6 // 49 constraints
	plonkPower = 7 // 65 gates and an input: 128 + 3 powers
)

func compile[T any](t testing.TB, b frontend.NewBuilder, c frontend.Circuit) T {
	t.Helper()
	circuit.Silence()
	out, err := frontend.Compile(ecc.BN254.ScalarField(), b, c)
	if err != nil {
		t.Fatal(err)
	}
	return out.(T)
}

func witnesses(t testing.TB) (full, public, wrong witness.Witness) {
	t.Helper()
	make := func(d fr.Element, opts ...frontend.WitnessOption) witness.Witness {
		w, err := frontend.NewWitness(&preimage{Digest: d, A: 3, B: 4}, ecc.BN254.ScalarField(), opts...)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	return make(digest(3, 4)), make(digest(3, 4), frontend.PublicOnly()), make(digest(4, 3), frontend.PublicOnly())
}

func pinOf(t testing.TB, file []byte) Pin {
	t.Helper()
	sum := sha256.Sum256(file)
	pin, err := ParsePin(hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

// goodFile has power 7.
var goodFile = sync.OnceValue(func() []byte { return ptautest.Ptau(plonkPower) })

func powers(t testing.TB, power int) *Powers {
	t.Helper()
	p, err := ReadPtau(bytes.NewReader(goodFile()), pinOf(t, goodFile()), power)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// proveGroth16 makes a proof with the keys and checks that it is good for its
// statement alone.
func proveGroth16(t testing.TB, system *cs.R1CS, pk groth.ProvingKey, vk groth.VerifyingKey) groth.Proof {
	t.Helper()
	full, public, wrong := witnesses(t)
	proof, err := groth.Prove(system, pk, full)
	if err != nil {
		t.Fatal(err)
	}
	if err := groth.Verify(proof, vk, public); err != nil {
		t.Fatal(err)
	}
	if groth.Verify(proof, vk, wrong) == nil {
		t.Fatal("verifies for another statement")
	}
	return proof
}

func provePLONK(t testing.TB, p *Powers) {
	t.Helper()
	system := compile[*cs.SparseR1CS](t, scs.NewBuilder, new(preimage))
	canonical, lagrange, err := SRS(p, system)
	if err != nil {
		t.Fatal(err)
	}
	pk, vk, err := plonk.Setup(system, canonical, lagrange)
	if err != nil {
		t.Fatal(err)
	}
	full, public, wrong := witnesses(t)
	proof, err := plonk.Prove(system, pk, full)
	if err != nil {
		t.Fatal(err)
	}
	if err := plonk.Verify(proof, vk, public); err != nil {
		t.Fatal(err)
	}
	if plonk.Verify(proof, vk, wrong) == nil {
		t.Fatal("verifies for another statement")
	}
}

func preimageR1CS(t testing.TB) *cs.R1CS {
	t.Helper()
	return compile[*cs.R1CS](t, r1cs.NewBuilder, new(preimage))
}

// contributions makes a transcript of n.
func contributions(t testing.TB, c *Ceremony, n int) [][]byte {
	t.Helper()
	var out [][]byte
	for range n {
		next, err := c.Contribute(out)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, next)
	}
	return out
}

var beacon = []byte("the draw of the day after tomorrow")

func TestPLONKFromPowers(t *testing.T) {
	provePLONK(t, powers(t, plonkPower))
	system := compile[*cs.SparseR1CS](t, scs.NewBuilder, new(preimage))
	if _, _, err := SRS(powers(t, plonkPower-1), system); !errors.Is(err, ErrTooSmall) {
		t.Errorf("2^6: %v", err)
	}
}
