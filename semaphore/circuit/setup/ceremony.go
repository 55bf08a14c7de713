package setup

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/groth16/bn254/mpcsetup"
	cs "github.com/consensys/gnark/constraint/bn254"
)

var (
	// ErrSystem: a constraint system that this ceremony is not for.
	ErrSystem = errors.New("setup: unsupported constraint system")
	// ErrContribution: a contribution that does not follow from those before it.
	ErrContribution = errors.New("setup: bad contribution")
	// ErrBeacon: a beacon too short to hold any surprise.
	ErrBeacon = errors.New("setup: a beacon has at least 16 bytes")
)

// MinBeacon is the least length of a beacon in bytes.
const MinBeacon = 16

// Ceremony is phase 2 of the Groth16 set-up of one constraint system (eprint
// 2017/1050). It holds no secret and does not change: the transcript is in the
// caller's hands, as the contributions in their order. It may be used from many
// goroutines.
type Ceremony struct {
	Chain
	commons mpcsetup.SrsCommons
	evals   mpcsetup.Phase2Evaluations
}

// Power gives the power of the file that a ceremony of this system reads.
func Power(system *cs.R1CS) int {
	return max(1, bits.Len(uint(system.GetNbConstraints()-1)))
}

// NewCeremony computes where phase 2 starts. There are no secrets in it:
// everybody gets the same from the same powers and the same system.
func NewCeremony(system *cs.R1CS, powers *Powers) (*Ceremony, error) {
	if len(system.CommitmentInfo.CommitmentIndexes()) != 0 {
		return nil, fmt.Errorf("%w: it uses commitments", ErrSystem)
	}
	n := 1 << Power(system)
	if n > len(powers.tau2) {
		return nil, fmt.Errorf("%w: Groth16 needs %d, there are %d", ErrTooSmall, n, len(powers.tau2))
	}
	c := new(Ceremony)
	// Copies: gnark keeps parts of them in the keys.
	c.commons.G1.Tau = slices.Clone(powers.tau1[:2*n-1])
	c.commons.G1.AlphaTau = slices.Clone(powers.alpha1[:n])
	c.commons.G1.BetaTau = slices.Clone(powers.beta1[:n])
	c.commons.G2.Tau = slices.Clone(powers.tau2[:n])
	c.commons.G2.Beta = powers.beta2
	var first mpcsetup.Phase2
	c.evals = first.Initialize(system, &c.commons)
	start, err := serialise(&first)
	if err != nil {
		return nil, err
	}
	c.Chain = Chain{start}
	return c, nil
}

// Seal verifies the transcript, adds the beacon and gives the keys. It draws no
// randomness: the same input gives the same keys. A transcript without
// contributions is refused, as everybody would know its secret.
func (c *Ceremony) Seal(transcript [][]byte, beacon []byte) (*groth16.ProvingKey, *groth16.VerifyingKey, error) {
	if len(beacon) < MinBeacon {
		return nil, nil, ErrBeacon
	}
	if len(transcript) == 0 {
		return nil, nil, ErrNoContribution
	}
	last, err := c.follow(transcript)
	if err != nil {
		return nil, nil, err
	}
	evals := c.evals
	evals.G1.VKK = slices.Clone(evals.G1.VKK) // shared with the verifying key
	pk, vk := last.Seal(&c.commons, &evals, beacon)
	return pk.(*groth16.ProvingKey), vk.(*groth16.VerifyingKey), nil
}
