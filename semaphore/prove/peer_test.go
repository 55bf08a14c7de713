package prove

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// TestOfficialPeer: the official package verifies our proofs, and ours
// verifies one that the official package makes in this run.
func TestOfficialPeer(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	artifact(t, 10, "wasm")
	type made struct {
		Key      string   `json:"key"`
		Members  []string `json:"members"`
		Position int      `json:"position"`
		Message  string   `json:"message"`
		Scope    string   `json:"scope"`
		Depth    int      `json:"depth"`
		Wasm     string   `json:"wasm"`
		ZKey     string   `json:"zkey"`
	}
	var in struct {
		Proofs []*semaphore.Proof `json:"proofs"`
		Make   made               `json:"make"`
	}
	for _, depth := range []int{1, 10, 20} {
		proof, err := member(t, "a person", 1, 2).prove(load(t, depth))
		if err != nil {
			t.Fatal(err)
		}
		in.Proofs = append(in.Proofs, proof)
	}
	forged := *in.Proofs[0]
	forged.Message[31] ^= 1
	in.Proofs = append(in.Proofs, &forged)

	s := member(t, "another person", 4, 7)
	dir, err := filepath.Abs(artifactDir)
	if err != nil {
		t.Fatal(err)
	}
	in.Make = made{
		Key: "another person", Position: 4, Depth: 10,
		Message: s.message.String(), Scope: s.scope.String(),
		Wasm: filepath.Join(dir, "semaphore-10.wasm"), ZKey: filepath.Join(dir, "semaphore-10.zkey"),
	}
	for i := range 7 {
		leaf := semaphore.Element{31: byte(i), 1: 1}
		if i == 4 {
			leaf = s.id.Commitment()
		}
		in.Make.Members = append(in.Make.Members, leaf.String())
	}
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/peer.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, script, filepath.Join(dir, "../../.."))
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var out struct {
		Verdicts []bool          `json:"verdicts"`
		Proof    semaphore.Proof `json:"proof"`
	}
	if err := json.Unmarshal(stdout, &out); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	for i, ok := range out.Verdicts {
		if want := i < len(in.Proofs)-1; ok != want {
			t.Errorf("official verdict on proof %d is %v", i, ok)
		}
	}
	if len(out.Verdicts) != len(in.Proofs) {
		t.Errorf("%d verdicts", len(out.Verdicts))
	}

	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(&out.Proof); err != nil {
		t.Errorf("the official proof: %v", err)
	}
	ours, err := s.prove(load(t, 10))
	if err != nil {
		t.Fatal(err)
	}
	if out.Proof.Nullifier != ours.Nullifier || out.Proof.MerkleTreeRoot != ours.MerkleTreeRoot ||
		out.Proof.Message != ours.Message || out.Proof.Scope != ours.Scope {
		t.Error("the official proof states something else than ours")
	}
}
