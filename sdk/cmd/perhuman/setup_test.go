package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/plonk"
	"github.com/consensys/gnark/backend/witness"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/circuit"
	"github.com/perhuman/perhuman/semaphore/circuit/ptautest"
)

// madePtau writes powers whose secrets everybody knows.
func madePtau(t *testing.T, dir string, power int) (path, pin string) {
	t.Helper()
	file := ptautest.Ptau(power)
	sum := sha256.Sum256(file)
	return write(t, dir, "made.ptau", file), hex.EncodeToString(sum[:])
}

func step(t *testing.T, want int, args ...string) string {
	t.Helper()
	code, out, errs := call(t, args...)
	if code != want {
		t.Fatalf("perhuman %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

// PLONK: check, make keys at depth 1, verify the set-up, prove with the keys.
func TestSetupPlonk(t *testing.T) {
	dir := t.TempDir()
	ptau, pin := madePtau(t, dir, 12)
	keys := filepath.Join(dir, "keys")
	if out := step(t, 0, "setup", "check", "-ptau", ptau, "-pin", pin); !strings.Contains(out, "2^12") {
		t.Error(out)
	}
	step(t, 1, "setup", "check", "-ptau", ptau, "-pin", strings.Repeat("0", 64))
	step(t, 2, "setup", "check", "-ptau", ptau)
	step(t, 2, "setup", "check", "-ptau", ptau+".not", "-pin", pin)
	step(t, 2, "setup", "check", "-ptau", ptau, "-pin", pin, "more")
	step(t, 2, "setup", "verify", "-ptau", ptau, "-pin", pin, "-depth", "1", dir)
	step(t, 2, "setup", "plonk", "-ptau", ptau, "-pin", pin, "-depth", "0", keys)
	step(t, 2, "setup", "plonk", "-ptau", ptau, "-pin", pin, "-depth", "2", keys) // needs 2^13
	step(t, 0, "setup", "plonk", "-ptau", ptau, "-pin", pin, "-depth", "1", keys)
	step(t, 2, "setup", "plonk", "-ptau", ptau, "-pin", pin, "-depth", "1", keys) // does not overwrite
	step(t, 0, "setup", "verify", "-ptau", ptau, "-pin", pin, "-depth", "1", keys)
	step(t, 2, "setup", "contribute", keys) // no ceremony here

	system, err := circuit.SCS(1)
	if err != nil {
		t.Fatal(err)
	}
	pk, vk := plonk.NewProvingKey(ecc.BN254), plonk.NewVerifyingKey(ecc.BN254)
	load(t, filepath.Join(keys, plonkPK), pk)
	load(t, filepath.Join(keys, plonkVK), vk)
	w, public := personal(t)
	proof, err := plonk.Prove(system, pk, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := plonk.Verify(proof, vk, public); err != nil {
		t.Error(err)
	}
}

// Groth16: a ceremony of two and a beacon at depth 1, as its people would do it.
func TestSetupGroth16(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("PERHUMAN_LONG=1 computes the start of a ceremony several times; package setup tests the rest")
	}
	dir := t.TempDir()
	ptau, pin := madePtau(t, dir, 12)
	d := filepath.Join(dir, "ceremony")
	from := []string{"-ptau", ptau, "-pin", pin, "-depth", "1"}
	with := func(verb string, more ...string) []string {
		return append(append([]string{"setup", verb}, from...), more...)
	}
	const beacon = "00112233445566778899aabbccddeeff"
	step(t, 0, with("start", d)...)
	step(t, 1, with("finish", "-beacon", beacon, d)...) // nobody contributed
	step(t, 0, "setup", "contribute", d)
	step(t, 0, "setup", "contribute", d)
	step(t, 2, with("finish", "-beacon", "0011", d)...)
	step(t, 2, with("finish", "-beacon", "no hex", d)...)
	step(t, 0, with("finish", "-beacon", beacon, d)...)
	step(t, 0, with("verify", d)...)

	system, err := circuit.R1CS(1)
	if err != nil {
		t.Fatal(err)
	}
	pk, vk := groth16.NewProvingKey(ecc.BN254), groth16.NewVerifyingKey(ecc.BN254)
	load(t, filepath.Join(d, grothPK), pk)
	load(t, filepath.Join(d, grothVK), vk)
	w, public := personal(t)
	proof, err := groth16.Prove(system, pk, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := groth16.Verify(proof, vk, public); err != nil {
		t.Error(err)
	}

	second := filepath.Join(d, "0002.phase2")
	kept, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, second)
	step(t, 1, with("verify", d)...)
	step(t, 1, "setup", "contribute", d)
	if err := os.WriteFile(second, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	step(t, 0, with("plonk", d)...) // beside the others
	step(t, 0, with("verify", d)...)
	spoil(t, filepath.Join(d, plonkPK))
	step(t, 1, with("verify", d)...)
	if err := os.Remove(filepath.Join(d, "0001.phase2")); err != nil {
		t.Fatal(err)
	}
	step(t, 2, "setup", "contribute", d) // a gap
}

// The user need not wait for a computation to end.
func TestAwait(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	block := make(chan struct{})
	defer close(block)
	if err := await(ctx, func() error { <-block; return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func load(t *testing.T, path string, key io.ReaderFrom) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := key.ReadFrom(bytes.NewReader(b)); err != nil || n != int64(len(b)) {
		t.Fatal(n, err)
	}
}

func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// personal is a member of a group of two, and the statement about it.
func personal(t *testing.T) (full, public witness.Witness) {
	t.Helper()
	id := semaphore.IdentityFromKey([]byte("a person"))
	g, err := semaphore.NewGroup(id.Commitment(), semaphore.Element{31: 1})
	if err != nil {
		t.Fatal(err)
	}
	path, err := g.Proof(0)
	if err != nil {
		t.Fatal(err)
	}
	message, scope := semaphore.Uint256{31: 1}, semaphore.Uint256{31: 2}
	if full, err = circuit.Witness(1, id, path, message, scope); err != nil {
		t.Fatal(err)
	}
	if public, err = circuit.PublicWitness(g.Root(), id.Nullifier(scope), message, scope); err != nil {
		t.Fatal(err)
	}
	return full, public
}
