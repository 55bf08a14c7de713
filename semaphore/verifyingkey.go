package semaphore

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"

	"github.com/perhuman/perhuman/semaphore/artifacts"
)

// ErrKey: verifying keys that are not what the ceremony must have made.
var ErrKey = errors.New("semaphore: bad verifying key")

// publicInputs are root, nullifier, hash of the message, hash of the scope.
const publicInputs = 4

// verifyingKey is one official key. Alpha, beta and gamma are the same for all
// depths.
type verifyingKey struct {
	alpha              bn254.G1Affine
	beta, gamma, delta bn254.G2Affine
	ic                 [publicInputs + 1]bn254.G1Affine
}

// parseKey reads snarkjs' JSON: affine coordinates followed by a 1, G2
// coordinates with the real part first. checkKeys checks the subgroup.
func parseKey(data []byte) (*verifyingKey, error) {
	var in struct {
		Protocol string       `json:"protocol"`
		Curve    string       `json:"curve"`
		NPublic  int          `json:"nPublic"`
		Alpha    [3]string    `json:"vk_alpha_1"`
		Beta     [3][2]string `json:"vk_beta_2"`
		Gamma    [3][2]string `json:"vk_gamma_2"`
		Delta    [3][2]string `json:"vk_delta_2"`
		IC       [][3]string  `json:"IC"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if in.Protocol != "groth16" || in.Curve != "bn128" || in.NPublic != publicInputs || len(in.IC) != publicInputs+1 {
		return nil, fmt.Errorf("%w: not a Groth16 key on bn128 with %d inputs", ErrKey, publicInputs)
	}
	k := new(verifyingKey)
	var errs [3 + 1 + publicInputs + 1]error
	k.alpha, errs[0] = keyG1(in.Alpha)
	k.beta, errs[1] = keyG2(in.Beta)
	k.gamma, errs[2] = keyG2(in.Gamma)
	k.delta, errs[3] = keyG2(in.Delta)
	for i := range in.IC {
		k.ic[i], errs[4+i] = keyG1(in.IC[i])
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return k, nil
}

func keyG1(in [3]string) (p bn254.G1Affine, err error) {
	x, errX := coordinate(in[0])
	y, errY := coordinate(in[1])
	p.X, p.Y = x, y
	if errX != nil || errY != nil || in[2] != "1" || p.IsInfinity() || !p.IsOnCurve() {
		return p, fmt.Errorf("%w: G1 point", ErrKey)
	}
	return p, nil
}

func keyG2(in [3][2]string) (p bn254.G2Affine, err error) {
	var errs [4]error
	p.X.A0, errs[0] = coordinate(in[0][0])
	p.X.A1, errs[1] = coordinate(in[0][1])
	p.Y.A0, errs[2] = coordinate(in[1][0])
	p.Y.A1, errs[3] = coordinate(in[1][1])
	if errors.Join(errs[:]...) != nil || in[2] != [2]string{"1", "0"} ||
		p.IsInfinity() || !p.IsOnCurve() {
		return p, fmt.Errorf("%w: G2 point", ErrKey)
	}
	return p, nil
}

func coordinate(s string) (e fp.Element, err error) {
	u, err := ParseUint256(s)
	if err == nil {
		err = e.SetBytesCanonical(u[:])
	}
	return e, err
}

// officialKeys gives the embedded keys of the depths 1 to 32, at index d-1.
func officialKeys() ([]*verifyingKey, error) {
	files, err := artifacts.VerifyingKeys()
	if err != nil {
		return nil, err
	}
	return parseKeys(files)
}

// parseKeys reads keys of one ceremony.
func parseKeys(files [][]byte) (keys []*verifyingKey, err error) {
	keys = make([]*verifyingKey, len(files))
	for i, data := range files {
		if keys[i], err = parseKey(data); err != nil {
			return nil, fmt.Errorf("depth %d: %w", i+1, err)
		}
	}
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	return keys, nil
}

// checkKeys asserts what must hold for keys of one ceremony: shared alpha,
// beta and gamma; deltas all distinct and none equal to gamma; G2 points in
// the subgroup. A delta equal to gamma is a key without a second phase, for
// which anybody can forge.
func checkKeys(keys []*verifyingKey) error {
	if !keys[0].beta.IsInSubGroup() || !keys[0].gamma.IsInSubGroup() {
		return fmt.Errorf("%w: first phase outside the subgroup", ErrKey)
	}
	deltas := make(map[bn254.G2Affine]bool, len(keys))
	for i, k := range keys {
		switch {
		case k.alpha != keys[0].alpha || k.beta != keys[0].beta || k.gamma != keys[0].gamma:
			return fmt.Errorf("%w: depth %d: another first phase", ErrKey, i+1)
		case k.delta == k.gamma:
			return fmt.Errorf("%w: depth %d: delta is gamma", ErrKey, i+1)
		case deltas[k.delta]:
			return fmt.Errorf("%w: depth %d: delta is not its own", ErrKey, i+1)
		case !k.delta.IsInSubGroup():
			return fmt.Errorf("%w: depth %d: delta is outside the subgroup", ErrKey, i+1)
		}
		deltas[k.delta] = true
	}
	return nil
}
