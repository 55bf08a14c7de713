package verifiertest

import (
	"bufio"
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/perhuman/perhuman/semaphore"
)

// The tests draw their challenges from a seeded source, so the same proofs are
// asked for in every run. proofs.txt holds them: real proofs under the official
// key, a line each. One that is missing is made on the spot; with
// PERHUMAN_PROOFS=<file> it is appended to that file too, which is how
// proofs.txt came to be:
//
//	PERHUMAN_PROOFS=$PWD/verifier/verifiertest/proofs.txt go test -p 1 ./verifier/... ./sdk ./sdk/ginhuman
//
//go:embed proofs.txt
var proofs string

const poolEnv = "PERHUMAN_PROOFS"

// wish is what a proof is asked for.
type wish struct {
	person         int
	message, scope semaphore.Uint256
}

// pool reads proofs.txt: a person and a packed proof a line. Those of another
// set are left out.
func pool(root semaphore.Element) (map[wish]*semaphore.Proof, error) {
	out := map[wish]*semaphore.Proof{}
	lines := bufio.NewScanner(strings.NewReader(proofs))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 2 {
			return nil, fmt.Errorf("proofs.txt: %q", lines.Text())
		}
		person, err := strconv.Atoi(words[0])
		if err != nil {
			return nil, fmt.Errorf("proofs.txt: %w", err)
		}
		p, err := semaphore.ParsePacked(words[1])
		if err != nil {
			return nil, fmt.Errorf("proofs.txt: %w", err)
		}
		if p.MerkleTreeRoot == root {
			out[wish{person, p.Message, p.Scope}] = p
		}
	}
	return out, lines.Err()
}

// keep appends a proof to the file that the environment names, if it does.
func keep(w wish, p *semaphore.Proof) error {
	path := os.Getenv(poolEnv)
	if path == "" {
		return nil
	}
	packed, err := p.Packed()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, w.person, packed); err != nil {
		return err
	}
	return f.Close()
}
