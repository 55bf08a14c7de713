package circuit

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/frontend"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// Poseidon is the hash of one to sixteen wires with the parameters of circomlib
// and iden3: 240 constraints in an R1CS for two inputs.
//
// It follows the sparse form of package poseidon. Where a round adds constants
// behind the S-boxes, they are pushed through the matrix that follows: a sum
// carries one constant at no cost in either kind of constraint system.
func Poseidon(api frontend.API, in ...frontend.Variable) (frontend.Variable, error) {
	t := len(in) + 1
	p, err := poseidon.Constants(t)
	if err != nil {
		return nil, fmt.Errorf("circuit: %w", err)
	}
	c := p.C
	take := func(n int) []fr.Element {
		out := c[:n]
		c = c[n:]
		return out
	}
	first := take(t)
	state := make([]frontend.Variable, t)
	state[0] = number(&first[0])
	for i, v := range in {
		state[i+1] = api.Add(v, number(&first[i+1]))
	}
	full := func(k []fr.Element, columns [][]fr.Element) {
		for i := range state {
			state[i] = pow5(api, state[i])
		}
		next := make([]frontend.Variable, t)
		row := make([]fr.Element, t)
		for i := range next {
			for j := range row {
				row[j] = columns[j][i]
			}
			next[i] = combine(api, row, state, k)
		}
		state = next
	}
	half := p.Full / 2
	for range half - 1 {
		full(take(t), p.M)
	}
	full(take(t), p.P)
	var one [1]fr.Element
	one[0].SetOne()
	for i := range p.Partial {
		s := p.S[(2*t-1)*i : (2*t-1)*(i+1)]
		k := take(1)
		state[0] = pow5(api, state[0])
		head := combine(api, s[:t], state, k)
		for j := 1; j < t; j++ {
			state[j] = combine(api, []fr.Element{s[t+j-1], one[0]}, []frontend.Variable{state[0], state[j]}, k)
		}
		state[0] = head
	}
	for range half - 1 {
		full(take(t), p.M)
	}
	full(nil, p.M)
	return state[0], nil
}

func pow5(api frontend.API, x frontend.Variable) frontend.Variable {
	y := api.Mul(x, x)
	y = api.Mul(y, y)
	return api.Mul(y, x)
}

// combine gives the sum of row[j] * (v[j] + k[j]), where k may be shorter.
func combine(api frontend.API, row []fr.Element, v []frontend.Variable, k []fr.Element) frontend.Variable {
	var constant, x fr.Element
	for j := range k {
		constant.Add(&constant, x.Mul(&row[j], &k[j]))
	}
	terms := make([]frontend.Variable, len(v), len(v)+1)
	for j := range v {
		terms[j] = api.Mul(number(&row[j]), v[j])
	}
	terms = append(terms, number(&constant))
	return api.Add(terms[0], terms[1], terms[2:]...)
}

// number is a constant as the frontends like it.
func number(e *fr.Element) *big.Int { return e.BigInt(new(big.Int)) }
