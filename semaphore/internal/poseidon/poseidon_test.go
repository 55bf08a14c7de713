package poseidon

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"
	"pgregory.net/rapid"
)

func elem(t *rapid.T, label string) fr.Element {
	b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label)
	var e fr.Element
	switch b[0] % 16 {
	case 0: // zero
	case 1:
		e.SetOne().Neg(&e)
	default:
		e.SetBytes(b)
	}
	return e
}

func TestHashEqualsIden3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 16).Draw(t, "n")
		in := make([]fr.Element, n)
		ref := make([]*big.Int, n)
		for i := range in {
			in[i] = elem(t, "in")
			ref[i] = in[i].BigInt(new(big.Int))
		}
		got, err := Hash(in...)
		if err != nil {
			t.Fatal(err)
		}
		want, err := iden3.Hash(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got.BigInt(new(big.Int)).Cmp(want) != 0 {
			t.Fatalf("n=%d: %s, want %s", n, got.String(), want)
		}
	})
}

// TestSparseEqualsPlain runs the permutation as the paper writes it against
// the factored one, every width.
func TestSparseEqualsPlain(t *testing.T) {
	for width := MinWidth; width <= MaxWidth; width++ {
		p, err := Plain(width)
		if err != nil {
			t.Fatal(err)
		}
		state := make([]fr.Element, width)
		in := make([]fr.Element, width-1)
		for i := range in {
			in[i].SetUint64(uint64(7*i + width))
			state[i+1] = in[i]
		}
		for r := range p.Full + p.Partial {
			for i := range state {
				state[i].Add(&state[i], &p.RoundConstants[r*width+i])
				if i == 0 || r < p.Full/2 || r >= p.Full/2+p.Partial {
					pow5(&state[i])
				}
			}
			state = apply(p.MDS, state)
		}
		got, err := Hash(in...)
		if err != nil {
			t.Fatal(err)
		}
		if got != state[0] {
			t.Errorf("width %d: sparse %s, plain %s", width, got.String(), state[0].String())
		}
	}
}

// TestConstantsEqualIden3 compares every constant of every width with the
// table in the source of the independent implementation: intermediate states,
// which a witness holds, are then equal too.
func TestConstantsEqualIden3(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/iden3/go-iden3-crypto").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	file := filepath.Join(strings.TrimSpace(string(out)), "poseidon", "constants.go")
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]*ast.CompositeLit{}
	ast.Inspect(f, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, ok := kv.Key.(*ast.Ident)
		lit, isLit := kv.Value.(*ast.CompositeLit)
		if ok && isLit {
			tables[key.Name] = lit
		}
		return true
	})
	for _, name := range []string{"C", "S", "M", "P"} {
		if tables[name] == nil || len(tables[name].Elts) != MaxWidth-MinWidth+1 {
			t.Fatalf("table %s not found in %s", name, file)
		}
	}
	compared := 0
	for width := MinWidth; width <= MaxWidth; width++ {
		p, err := Constants(width)
		if err != nil {
			t.Fatal(err)
		}
		for name, ours := range map[string][]fr.Element{
			"C": p.C, "S": p.S, "M": flat(p.M), "P": flat(p.P),
		} {
			theirs := numbers(t, tables[name].Elts[width-MinWidth])
			if len(theirs) != len(ours) {
				t.Fatalf("width %d %s: %d constants, want %d", width, name, len(ours), len(theirs))
			}
			for i := range ours {
				if ours[i] != theirs[i] {
					t.Fatalf("width %d %s[%d] differs", width, name, i)
				}
				compared++
			}
		}
	}
	t.Logf("%d constants equal", compared)
}

func flat(m [][]fr.Element) (out []fr.Element) {
	for _, row := range m {
		out = append(out, row...)
	}
	return out
}

func numbers(t *testing.T, n ast.Node) (out []fr.Element) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			b, ok := new(big.Int).SetString(s, 16)
			if !ok {
				t.Fatalf("not a number: %q", s)
			}
			var e fr.Element
			out = append(out, *e.SetBigInt(b))
		}
		return true
	})
	return out
}

func TestHashRefusesWidths(t *testing.T) {
	for _, n := range []int{0, 17, 40} {
		if _, err := Hash(make([]fr.Element, n)...); err == nil {
			t.Errorf("%d inputs accepted", n)
		}
	}
	for _, w := range []int{-1, 0, 1, 18} {
		if _, err := Constants(w); err == nil {
			t.Errorf("width %d accepted", w)
		}
		if _, err := Plain(w); err == nil {
			t.Errorf("plain width %d accepted", w)
		}
	}
}

func TestHash2DoesNotAllocate(t *testing.T) {
	var a, b fr.Element
	a.SetUint64(1)
	Hash2(&a, &b)
	if n := testing.AllocsPerRun(20, func() { a = Hash2(&a, &b) }); n != 0 {
		t.Errorf("Hash2 allocates %v times", n)
	}
}

func BenchmarkHash2(b *testing.B) {
	var x, y fr.Element
	for b.Loop() {
		x = Hash2(&x, &y)
	}
}

func BenchmarkIden3Hash2(b *testing.B) {
	in := []*big.Int{big.NewInt(1), big.NewInt(2)}
	for b.Loop() {
		if _, err := iden3.Hash(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveWidth3(b *testing.B) {
	for b.Loop() {
		factor(derivePlain(3))
	}
}
