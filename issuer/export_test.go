package issuer

import "crypto/rand"

// SealIntake seals a template and its links into an intake as an issuer with
// this operator's secret does: what builds large galleries for the benches.
func SealIntake(operator []byte, in *Intake, kept []byte) error {
	s, err := newSealer(operator, rand.Reader)
	if err != nil {
		return err
	}
	return s.sealIntake(in, kept)
}
