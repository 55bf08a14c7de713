package prove

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/logger"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts"
)

func TestMain(m *testing.M) {
	logger.Disable() // gnark logs every verification to standard output
	os.Exit(m.Run())
}

// gnarkVerify checks a proof with gnark's own verifier: an oracle that shares
// nothing with ours but the field arithmetic.
func gnarkVerify(t testing.TB, p *semaphore.Proof) error {
	t.Helper()
	var key struct {
		Alpha []string   `json:"vk_alpha_1"`
		Beta  [][]string `json:"vk_beta_2"`
		Gamma [][]string `json:"vk_gamma_2"`
		Delta [][]string `json:"vk_delta_2"`
		IC    [][]string `json:"IC"`
	}
	if err := json.Unmarshal(artifacts.VerifyingKeyJSON(p.MerkleTreeDepth), &key); err != nil {
		t.Fatal(err)
	}
	coordinate := func(e *fp.Element, s string) {
		if _, err := e.SetString(s); err != nil {
			t.Fatal(err)
		}
	}
	g1 := func(s []string) (q bn254.G1Affine) {
		coordinate(&q.X, s[0])
		coordinate(&q.Y, s[1])
		return q
	}
	g2 := func(s [][]string) (q bn254.G2Affine) {
		coordinate(&q.X.A0, s[0][0])
		coordinate(&q.X.A1, s[0][1])
		coordinate(&q.Y.A0, s[1][0])
		coordinate(&q.Y.A1, s[1][1])
		return q
	}
	var vk groth16bn254.VerifyingKey
	vk.G1.Alpha, vk.G2.Beta, vk.G2.Gamma, vk.G2.Delta = g1(key.Alpha), g2(key.Beta), g2(key.Gamma), g2(key.Delta)
	for _, s := range key.IC {
		vk.G1.K = append(vk.G1.K, g1(s))
	}
	if err := vk.Precompute(); err != nil {
		t.Fatal(err)
	}
	var proof groth16bn254.Proof
	for i, e := range []*fp.Element{
		&proof.Ar.X, &proof.Ar.Y,
		&proof.Bs.X.A1, &proof.Bs.X.A0, &proof.Bs.Y.A1, &proof.Bs.Y.A0,
		&proof.Krs.X, &proof.Krs.Y,
	} {
		if err := e.SetBytesCanonical(p.Points[i][:]); err != nil {
			t.Fatal(err)
		}
	}
	public := make(fr.Vector, publics)
	for i, e := range []semaphore.Element{p.MerkleTreeRoot, p.Nullifier, p.Message.Hash(), p.Scope.Hash()} {
		public[i] = element(e)
	}
	return groth16bn254.Verify(&proof, &vk, public)
}
