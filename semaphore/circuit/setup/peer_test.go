package setup

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	groth "github.com/consensys/gnark/backend/groth16"
	groth16 "github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/plonk"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/circuit"
)

const web = "../../../sdk/web"

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why + ", which is an error under CI=true")
	}
	t.Skip(why)
}

// script runs one of testdata's scripts over the pinned snarkjs.
func script(t testing.TB, answer any, stdin []byte, name string, args ...string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	packages, err := filepath.Abs(web)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(packages, "node_modules", "snarkjs", "package.json")); err != nil {
		missing(t, "snarkjs is not installed in sdk/web/node_modules: "+err.Error())
	}
	cmd := exec.Command(node, append([]string{filepath.Join("testdata", name), packages}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s: %v: %q", name, err, out)
	}
}

// snarkjsPtau makes a file with snarkjs and reads it.
func snarkjsPtau(t testing.TB, power int, verify string) *Powers {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.ptau")
	var said struct {
		Verified *bool  `json:"verified"`
		BLAKE2b  string `json:"blake2b"`
	}
	script(t, &said, nil, "ptau.mjs", strconv.Itoa(power), path, verify)
	if said.Verified != nil && !*said.Verified {
		t.Fatal("snarkjs refuses its own file")
	}
	pin, err := ParsePin(said.BLAKE2b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := ReadPtau(f, pin, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Power() != power {
		t.Fatalf("power %d, want %d", p.Power(), power)
	}
	// The same file before anybody contributed.
	blank, err := os.ReadFile(path + ".0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPtau(bytes.NewReader(blank), pinOf(t, blank), 1); err == nil {
		t.Error("an accumulator without contributions is accepted")
	}
	return p
}

// TestSnarkjsPeer: a powers-of-tau file that snarkjs makes becomes keys here,
// for Groth16 through two contributions and a beacon, and for PLONK; snarkjs
// verifies the Groth16 proof under the key, and only for its statement.
func TestSnarkjsPeer(t *testing.T) {
	p := snarkjsPtau(t, plonkPower, "")
	provePLONK(t, p)
	system := preimageR1CS(t)
	c, err := NewCeremony(system, p)
	if err != nil {
		t.Fatal(err)
	}
	pk, vk, err := c.Seal(contributions(t, c, 2), beacon)
	if err != nil {
		t.Fatal(err)
	}
	proof := proveGroth16(t, system, pk, vk).(*groth16.Proof)
	_, public, wrong := witnesses(t)
	type statement struct {
		Public []string `json:"public"`
		Proof  any      `json:"proof"`
	}
	numbers := func(v fr.Vector) (out []string) {
		for i := range v {
			out = append(out, v[i].String())
		}
		return out
	}
	js := map[string]any{
		"protocol": "groth16", "curve": "bn128",
		"pi_a": g1JSON(&proof.Ar), "pi_b": g2JSON(&proof.Bs), "pi_c": g1JSON(&proof.Krs),
	}
	var ic [][]string
	for i := range vk.G1.K {
		ic = append(ic, g1JSON(&vk.G1.K[i]))
	}
	stdin, err := json.Marshal(map[string]any{
		"vk": map[string]any{
			"protocol": "groth16", "curve": "bn128", "nPublic": len(vk.G1.K) - 1,
			"vk_alpha_1": g1JSON(&vk.G1.Alpha), "vk_beta_2": g2JSON(&vk.G2.Beta),
			"vk_gamma_2": g2JSON(&vk.G2.Gamma), "vk_delta_2": g2JSON(&vk.G2.Delta), "IC": ic,
		},
		"cases": []statement{{numbers(public.Vector().(fr.Vector)), js}, {numbers(wrong.Vector().(fr.Vector)), js}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []bool
	script(t, &verdicts, stdin, "verify.mjs")
	if len(verdicts) != 2 || !verdicts[0] || verdicts[1] {
		t.Errorf("snarkjs says %v", verdicts)
	}
}

func g1JSON(p *bn254.G1Affine) []string { return []string{p.X.String(), p.Y.String(), "1"} }

func g2JSON(p *bn254.G2Affine) [][]string {
	return [][]string{
		{p.X.A0.String(), p.X.A1.String()}, {p.Y.A0.String(), p.Y.A1.String()}, {"1", "0"},
	}
}

// TestStatementFromSnarkjs is the whole way for the Semaphore statement, at
// depth 1: snarkjs makes and verifies the powers, then both proof systems.
func TestStatementFromSnarkjs(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("PERHUMAN_LONG=1 makes 2^12 powers with snarkjs")
	}
	p := snarkjsPtau(t, 12, "verify")
	id := semaphore.IdentityFromKey([]byte("a person"))
	group, err := semaphore.NewGroup(id.Commitment(), semaphore.Element{31: 1})
	if err != nil {
		t.Fatal(err)
	}
	path, err := group.Proof(0)
	if err != nil {
		t.Fatal(err)
	}
	message, scope := semaphore.Uint256{31: 1}, semaphore.Uint256{31: 2}
	w, err := circuit.Witness(1, id, path, message, scope)
	if err != nil {
		t.Fatal(err)
	}
	public, err := circuit.PublicWitness(group.Root(), id.Nullifier(scope), message, scope)
	if err != nil {
		t.Fatal(err)
	}

	system, err := circuit.R1CS(1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCeremony(system, p)
	if err != nil {
		t.Fatal(err)
	}
	pk, vk, err := c.Seal(contributions(t, c, 2), beacon)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := groth.Prove(system, pk, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := groth.Verify(proof, vk, public); err != nil {
		t.Error(err)
	}

	sparse, err := circuit.SCS(1)
	if err != nil {
		t.Fatal(err)
	}
	canonical, lagrange, err := SRS(p, sparse)
	if err != nil {
		t.Fatal(err)
	}
	ppk, pvk, err := plonk.Setup(sparse, canonical, lagrange)
	if err != nil {
		t.Fatal(err)
	}
	pproof, err := plonk.Prove(sparse, ppk, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := plonk.Verify(pproof, pvk, public); err != nil {
		t.Error(err)
	}
}
