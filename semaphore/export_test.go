package semaphore

import "testing"

// For the tests in package semaphore_test, which may import the prover.

var (
	Missing = missing
	Remade  = rerandomise
)

// GnarkVerifier gives gnark's verdict on a proof whose form is right.
func GnarkVerifier(t testing.TB) func(*Proof) error {
	keys := gnarkKeys(t)
	return func(p *Proof) error {
		s, err := newStatement(p)
		if err != nil {
			return err
		}
		return gnarkVerify(keys, &s)
	}
}

// Spoilt makes a good proof bad: what it states, or where B is.
func Spoilt(t testing.TB, p *Proof, outside bool) *Proof {
	way := 0
	if outside {
		way = 3
	}
	q, _ := spoil(t, p, way)
	return q
}
