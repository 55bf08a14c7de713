package circuit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/consensys/gnark/constraint"

	"github.com/perhuman/perhuman/semaphore"
)

// TestConstraints freezes the size of the circuit of every depth, and the
// constraints themselves: a proving key belongs to exactly one system, so a
// digest that moves with an update of gnark or of this package means a new
// ceremony. PERHUMAN_UPDATE=1 writes the file again.
func TestConstraints(t *testing.T) {
	const file = "testdata/constraints.csv"
	header := []string{"depth", "r1cs", "r1cs_wires", "scs", "r1cs_sha256", "scs_sha256"}
	row := func(depth int) []string {
		s := compiledAt(t, depth)
		wires := s.r1cs.GetNbPublicVariables() + s.r1cs.GetNbSecretVariables() + s.r1cs.GetNbInternalVariables()
		return []string{
			strconv.Itoa(depth), strconv.Itoa(s.r1cs.GetNbConstraints()), strconv.Itoa(wires),
			strconv.Itoa(s.scs.GetNbConstraints()), digestR1CS(s), digestSCS(s),
		}
	}
	if os.Getenv("PERHUMAN_UPDATE") == "1" {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w := csv.NewWriter(f)
		rows := [][]string{header}
		for depth := 1; depth <= semaphore.MaxDepth; depth++ {
			rows = append(rows, row(depth))
		}
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != semaphore.MaxDepth+1 || fmt.Sprint(rows[0]) != fmt.Sprint(header) {
		t.Fatal("not the golden file")
	}
	short := map[int]bool{1: true, 2: true, 3: true, 10: true, 20: true, 32: true}
	for depth := 1; depth <= semaphore.MaxDepth; depth++ {
		if !short[depth] && os.Getenv("PERHUMAN_LONG") != "1" {
			continue
		}
		if got, want := fmt.Sprint(row(depth)), fmt.Sprint(rows[depth]); got != want {
			t.Errorf("depth %d:\n got %s\nwant %s", depth, got, want)
		}
	}
}

// digestR1CS and digestSCS hash the constraints in order, coefficients by value.
// gnark's own file format also carries what debuggers want.
func digestR1CS(s systems) string {
	var b []byte
	for _, c := range s.r1cs.GetR1Cs() {
		for _, terms := range []constraint.LinearExpression{c.L, c.R, c.O} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(terms)))
			for _, term := range terms {
				k := s.r1cs.Coefficients[term.CID].Bytes()
				b = append(binary.BigEndian.AppendUint32(b, term.VID), k[:]...)
			}
		}
	}
	return digest(b)
}

func digestSCS(s systems) string {
	var b []byte
	for _, c := range s.scs.GetSparseR1Cs() {
		for _, wire := range []uint32{c.XA, c.XB, c.XC} {
			b = binary.BigEndian.AppendUint32(b, wire)
		}
		for _, id := range []uint32{c.QL, c.QR, c.QO, c.QM, c.QC} {
			k := s.scs.Coefficients[id].Bytes()
			b = append(b, k[:]...)
		}
	}
	return digest(b)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
