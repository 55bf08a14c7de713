package setup

import (
	"fmt"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	"github.com/consensys/gnark/backend/plonk"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// PowerPLONK gives the power of the file that SRS reads for this system: 2^p
// powers have 2^(p+1) - 1 of G1, so the domain's own logarithm is enough.
func PowerPLONK(system *cs.SparseR1CS) int {
	_, domain := plonk.SRSSize(system)
	return max(2, bits.Len(uint(domain))-1)
}

// SRS cuts the KZG reference string of one constraint system, in the two bases
// that plonk.Setup takes. It needs N + 3 powers in G1, where N is the number of
// constraints and public inputs rounded up to a power of two.
func SRS(powers *Powers, system *cs.SparseR1CS) (canonical, lagrange *kzg.SRS, err error) {
	size, domain := plonk.SRSSize(system)
	if size > len(powers.tau1) {
		return nil, nil, fmt.Errorf("%w: PLONK needs %d, there are %d", ErrTooSmall, size, len(powers.tau1))
	}
	vk := kzg.VerifyingKey{G1: powers.tau1[0], G2: [2]bn254.G2Affine{powers.tau2[0], powers.tau2[1]}}
	for i := range vk.Lines {
		vk.Lines[i] = bn254.PrecomputeLines(vk.G2[i])
	}
	canonical, lagrange = &kzg.SRS{Vk: vk}, &kzg.SRS{Vk: vk}
	canonical.Pk.G1 = append([]bn254.G1Affine(nil), powers.tau1[:size]...)
	lagrange.Pk.G1, err = kzg.ToLagrangeG1(powers.tau1[:domain])
	if err != nil {
		return nil, nil, fmt.Errorf("setup: %w", err)
	}
	return canonical, lagrange, nil
}
