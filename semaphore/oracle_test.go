package semaphore

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/logger"
)

// gnarkKeys are the same keys in gnark, the oracle.
func gnarkKeys(t testing.TB) []*groth16bn254.VerifyingKey {
	t.Helper()
	logger.Disable()
	out := make([]*groth16bn254.VerifyingKey, MaxDepth)
	for i, k := range verifier(t).keys {
		vk := new(groth16bn254.VerifyingKey)
		vk.G1.Alpha = k.alpha
		vk.G1.K = append([]bn254.G1Affine(nil), k.ic[:]...)
		vk.G2.Beta, vk.G2.Gamma, vk.G2.Delta = k.beta, k.gamma, k.delta
		if err := vk.Precompute(); err != nil {
			t.Fatal(err)
		}
		out[i] = vk
	}
	return out
}

// gnarkVerify answers for what the equation alone decides.
func gnarkVerify(keys []*groth16bn254.VerifyingKey, s *statement) error {
	proof := &groth16bn254.Proof{Ar: s.a, Bs: s.b, Krs: s.groth16.c}
	return groth16bn254.Verify(proof, keys[s.depth-1], fr.Vector(s.inputs[:]))
}
