package circuit

import (
	"errors"
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/constraint/solver"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/perhuman/perhuman/semaphore"
)

// Every input wrong, one at a time. What the statement leaves free stays
// satisfied: the message (which proofs bind as a public input, see
// TestProofsBindPublicInputs) and what lies above the path's length.
func TestEveryInputWrong(t *testing.T) {
	const depth = 4
	s := compiledAt(t, depth)
	for _, c := range []struct {
		name   string
		change func(c *Circuit)
		free   bool
	}{
		{"nothing", func(*Circuit) {}, true},
		{"root", func(c *Circuit) { c.Root = plus(c.Root, 1) }, false},
		{"root 0", func(c *Circuit) { c.Root = 0 }, false},
		{"nullifier", func(c *Circuit) { c.Nullifier = plus(c.Nullifier, 1) }, false},
		{"nullifier 0", func(c *Circuit) { c.Nullifier = 0 }, false},
		{"scope", func(c *Circuit) { c.Scope = plus(c.Scope, 1) }, false},
		{"message", func(c *Circuit) { c.Message = plus(c.Message, 1) }, true},
		{"secret", func(c *Circuit) { c.Secret = plus(c.Secret, 1) }, false},
		{"secret 0", func(c *Circuit) { c.Secret = 0 }, false},
		{"negated secret", func(c *Circuit) { c.Secret = minus(c.Secret) }, false},
		{"length + 1", func(c *Circuit) { c.Length = plus(c.Length, 1) }, false},
		{"length - 1", func(c *Circuit) { c.Length = plus(c.Length, -1) }, false},
		{"length 0", func(c *Circuit) { c.Length = 0 }, false},
		{"length above the depth", func(c *Circuit) { c.Length = depth + 1 }, false},
		{"length above the depth and root 0", func(c *Circuit) { c.Length, c.Root = depth+1, 0 }, true},
		{"index bit 0", func(c *Circuit) { c.Index = uint64(0) }, false},
		{"index bit 1", func(c *Circuit) { c.Index = uint64(3) }, false},
		{"index bit 2", func(c *Circuit) { c.Index = uint64(5) }, false},
		{"index bit above the length", func(c *Circuit) { c.Index = uint64(9) }, true},
		{"index above the depth", func(c *Circuit) { c.Index = uint64(17) }, false},
		{"index of r + 1 - 16", func(c *Circuit) { c.Index = -15 }, false},
		{"sibling 0", func(c *Circuit) { c.Siblings[0] = plus(c.Siblings[0], 1) }, false},
		{"sibling 1", func(c *Circuit) { c.Siblings[1] = plus(c.Siblings[1], 1) }, false},
		{"sibling 2", func(c *Circuit) { c.Siblings[2] = plus(c.Siblings[2], 1) }, false},
		{"siblings swapped", func(c *Circuit) { c.Siblings[0], c.Siblings[1] = c.Siblings[1], c.Siblings[0] }, false},
		{"sibling above the length", func(c *Circuit) { c.Siblings[3] = 12345 }, true},
	} {
		a := assigned(t, depth)
		c.change(a)
		if got := holds(t, s, a); got != c.free {
			t.Errorf("%s: satisfied = %v", c.name, got)
		}
	}
}

func value(v frontend.Variable) (e fr.Element) {
	if _, err := e.SetInterface(v); err != nil {
		panic(err)
	}
	return e
}

func plus(v frontend.Variable, n int64) frontend.Variable {
	a, b := value(v), value(n)
	a.Add(&a, &b)
	return a
}

func minus(v frontend.Variable) frontend.Variable {
	a := value(v)
	a.Neg(&a)
	return a
}

// gate is one constraint of either form over the values of all wires.
type gate struct {
	wires []int
	holds func(w fr.Vector) bool
}

// TestEveryWireWrong changes each wire of a full solution, inputs, outputs and
// intermediate values, and leaves the others: a constraint must break. The one
// exception is the inverse inside the zero test that found the length, which
// may be anything when its operand is 0.
func TestEveryWireWrong(t *testing.T) {
	const depth = 2
	s := compiledAt(t, depth)
	id, path := twoLevels(t)
	a, err := Assign(depth, id, path, semaphore.Uint256{1}, semaphore.Uint256{2})
	if err != nil {
		t.Fatal(err)
	}
	for name, system := range map[string]func(testing.TB, systems, *Circuit) ([]gate, fr.Vector, int){"R1CS": r1csGates, "SCS": scsGates} {
		gates, w, first := system(t, s, a)
		using := make([][]int, len(w))
		for i, g := range gates {
			if !g.holds(w) {
				t.Fatalf("%s: gate %d does not hold to start with", name, i)
			}
			for _, wire := range g.wires {
				using[wire] = append(using[wire], i)
			}
		}
		free := 0
		for wire := first; wire < len(w); wire++ {
			right := w[wire]
			broken := func(wrong fr.Element) bool {
				w[wire] = wrong
				defer func() { w[wire] = right }()
				for _, i := range using[wire] {
					if !gates[i].holds(w) {
						return true
					}
				}
				return false
			}
			var up, double, flipped fr.Element
			one := fr.One()
			up.Add(&right, &one)
			double.Double(&right).Add(&double, &up)
			flipped.Sub(&one, &right)
			for _, wrong := range []fr.Element{up, double, flipped} {
				if wrong != right && !broken(wrong) {
					free++
					break
				}
			}
		}
		if free != 1 {
			t.Errorf("%s: %d wires can be changed alone, want 1", name, free)
		}
	}
}

func r1csGates(t testing.TB, s systems, a *Circuit) ([]gate, fr.Vector, int) {
	t.Helper()
	solution, err := s.r1cs.Solve(full(t, a))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(w fr.Vector, terms constraint.LinearExpression) (out fr.Element) {
		for _, term := range terms {
			var x fr.Element
			out.Add(&out, x.Mul(&s.r1cs.Coefficients[term.CID], &w[term.VID]))
		}
		return out
	}
	var gates []gate
	for _, c := range s.r1cs.GetR1Cs() {
		g := gate{holds: func(w fr.Vector) bool {
			l, r, o := sum(w, c.L), sum(w, c.R), sum(w, c.O)
			l.Mul(&l, &r)
			return l == o
		}}
		for _, terms := range []constraint.LinearExpression{c.L, c.R, c.O} {
			for _, term := range terms {
				g.wires = append(g.wires, int(term.VID))
			}
		}
		gates = append(gates, g)
	}
	return gates, solution.(*cs.R1CSSolution).W, 1 // wire 0 is the constant 1
}

func scsGates(t testing.TB, s systems, a *Circuit) ([]gate, fr.Vector, int) {
	t.Helper()
	solved, err := s.scs.Solve(full(t, a))
	if err != nil {
		t.Fatal(err)
	}
	solution := solved.(*cs.SparseR1CSSolution)
	public, secret, internal := len(s.scs.Public), len(s.scs.Secret), s.scs.NbInternalVariables
	w := make(fr.Vector, public+secret+internal)
	copy(w, solution.L[:public])
	var gates []gate
	for i, c := range s.scs.GetSparseR1Cs() {
		w[c.XA], w[c.XB], w[c.XC] = solution.L[public+i], solution.R[public+i], solution.O[public+i]
		k := s.scs.Coefficients
		gates = append(gates, gate{
			wires: []int{int(c.XA), int(c.XB), int(c.XC)},
			holds: func(w fr.Vector) bool {
				var sum, x fr.Element
				sum.Mul(&k[c.QL], &w[c.XA])
				sum.Add(&sum, x.Mul(&k[c.QR], &w[c.XB]))
				sum.Add(&sum, x.Mul(&k[c.QO], &w[c.XC]))
				sum.Add(&sum, &k[c.QC])
				x.Mul(&w[c.XA], &w[c.XB])
				sum.Add(&sum, x.Mul(&x, &k[c.QM]))
				return sum.IsZero()
			},
		})
	}
	return gates, w, 0
}

// twoLevels is a member whose path uses every level of depth 2.
func twoLevels(t testing.TB) (*semaphore.Identity, semaphore.MerkleProof) {
	t.Helper()
	id := semaphore.IdentityFromKey([]byte("another person"))
	g, err := semaphore.NewGroup(semaphore.Element{31: 1}, id.Commitment(), semaphore.Element{31: 3}, semaphore.Element{31: 4})
	if err != nil {
		t.Fatal(err)
	}
	path, err := g.Proof(1)
	if err != nil {
		t.Fatal(err)
	}
	return id, path
}

// A prover is free in what it answers to hints. Lies must not pass: digits that
// are no bits but sum up to the right number, and inverses that are none.
func TestLyingHints(t *testing.T) {
	s := compiledAt(t, 4)
	toBits := bits.GetHints()
	lies := map[string]solver.Option{
		"inverse": solver.OverrideHint(solver.GetHintID(solver.InvZeroHint), func(_ *big.Int, in, out []*big.Int) error {
			out[0].SetUint64(0)
			return nil
		}),
	}
	for _, hint := range toBits {
		if solver.GetHintName(hint) != "github.com/consensys/gnark/std/math/bits.nBits" {
			continue
		}
		lies["digits"] = solver.OverrideHint(solver.GetHintID(hint), func(_ *big.Int, in, out []*big.Int) error {
			carry := false
			for i := range out {
				out[i].SetUint64(uint64(in[0].Bit(i)))
				// The first 1 above a 0 becomes a 2 one digit lower.
				if i > 0 && !carry && in[0].Bit(i) == 1 && in[0].Bit(i-1) == 0 {
					out[i-1].SetUint64(2)
					out[i].SetUint64(0)
					carry = true
				}
			}
			return nil
		})
	}
	if len(lies) != 2 {
		t.Fatal("gnark renamed its hint; find it again")
	}
	a := full(t, assigned(t, 4))
	for name, lie := range lies {
		for _, system := range s.each() {
			if system.IsSolved(a) != nil {
				t.Fatal("the truth does not pass")
			}
			if system.IsSolved(a, lie) == nil {
				t.Errorf("%T: lies about %s pass", system, name)
			}
		}
	}
}

func TestAssignRefuses(t *testing.T) {
	id, path := member(t)
	for name, c := range map[string]struct {
		depth  int
		id     *semaphore.Identity
		change func(p *semaphore.MerkleProof)
		want   error
	}{
		"depth 0":          {0, id, nil, semaphore.ErrDepth},
		"depth 33":         {33, id, nil, semaphore.ErrDepth},
		"path too long":    {2, id, nil, semaphore.ErrPath},
		"root 0":           {4, id, func(p *semaphore.MerkleProof) { p.Root = semaphore.Element{} }, semaphore.ErrZeroRoot},
		"another root":     {4, id, func(p *semaphore.MerkleProof) { p.Root[31] ^= 1 }, semaphore.ErrPath},
		"another sibling":  {4, id, func(p *semaphore.MerkleProof) { p.Siblings[1][31] ^= 1 }, semaphore.ErrPath},
		"sibling above r":  {4, id, func(p *semaphore.MerkleProof) { p.Siblings[1][0] = 0xff }, semaphore.ErrRange},
		"another index":    {4, id, func(p *semaphore.MerkleProof) { p.Index ^= 2 }, semaphore.ErrPath},
		"index above":      {4, id, func(p *semaphore.MerkleProof) { p.Index |= 8 }, semaphore.ErrPath},
		"group of one":     {4, id, func(p *semaphore.MerkleProof) { *p = semaphore.MerkleProof{Root: p.Leaf, Leaf: p.Leaf} }, semaphore.ErrPath},
		"another identity": {4, semaphore.IdentityFromKey([]byte("x")), nil, ErrLeaf},
		"no identity":      {4, nil, nil, ErrLeaf},
	} {
		p := path
		p.Siblings = append([]semaphore.Element(nil), path.Siblings...)
		if c.change != nil {
			c.change(&p)
		}
		_, err := Assign(c.depth, c.id, p, semaphore.Uint256{}, semaphore.Uint256{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := Witness(c.depth, c.id, p, semaphore.Uint256{}, semaphore.Uint256{}); !errors.Is(err, c.want) {
			t.Errorf("%s: Witness: %v", name, err)
		}
	}
	if _, err := PublicWitness(semaphore.Element{}, semaphore.Element{}, semaphore.Uint256{}, semaphore.Uint256{}); !errors.Is(err, semaphore.ErrZeroRoot) {
		t.Errorf("root 0: %v", err)
	}
}
