package semaphore

import "testing"

// For the tests in package semaphore_test, which may import the prover.

var (
	Missing = missing
	Remade  = rerandomise
)

// PlainVerifier is one that works as on a processor without the vector
// instructions.
func PlainVerifier() (*Verifier, error) { return newVerifier(true) }

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

// OfficialProofs are those of the official packages for a depth.
func OfficialProofs(t testing.TB, depth int) (out []*Proof) {
	for _, c := range official(t).Proofs {
		if c.Depth != depth {
			continue
		}
		p, err := ParseProof(c.Proof)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
