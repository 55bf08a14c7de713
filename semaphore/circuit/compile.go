package circuit

import (
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/consensys/gnark/frontend/cs/scs"
	"github.com/consensys/gnark/logger"
)

// R1CS compiles the statement of one depth for Groth16.
func R1CS(depth int) (*cs.R1CS, error) {
	out, err := compile(depth, r1cs.NewBuilder)
	if err != nil {
		return nil, err
	}
	return out.(*cs.R1CS), nil
}

// SCS compiles the statement of one depth for PLONK.
func SCS(depth int) (*cs.SparseR1CS, error) {
	out, err := compile(depth, scs.NewBuilder)
	if err != nil {
		return nil, err
	}
	return out.(*cs.SparseR1CS), nil
}

func compile(depth int, builder frontend.NewBuilder) (any, error) {
	Silence()
	c, err := New(depth)
	if err != nil {
		return nil, err
	}
	out, err := frontend.Compile(ecc.BN254.ScalarField(), builder, c)
	if err != nil {
		return nil, fmt.Errorf("circuit: %w", err)
	}
	return out, nil
}

// Silence turns off gnark's logger, which writes lines to standard output on
// every compilation, proof and verification. R1CS and SCS call it; a program
// that only verifies with stored keys calls it itself, before it starts other
// goroutines. The logger is one per process and belongs to gnark: a program
// that wants its lines sets it again afterwards, once.
func Silence() { silence() }

var silence = sync.OnceFunc(logger.Disable)
