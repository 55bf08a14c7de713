//go:build ignore

// Command judge reads proofs, one a line, official JSON or the packed form in
// base64url, and answers each with "true", or "false" and the reason. It is the
// library's verdict for tests in other languages, with nothing around it.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

func main() {
	if err := judge(); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func judge() error {
	v, err := semaphore.NewVerifier()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		err := verdict(v, lines.Bytes())
		if err != nil {
			fmt.Printf("false %q\n", err)
		} else {
			fmt.Println("true")
		}
	}
	return lines.Err()
}

func verdict(v *semaphore.Verifier, line []byte) error {
	if len(line) > 0 && line[0] == '{' {
		p, err := semaphore.ParseProof(line)
		if err != nil {
			return err
		}
		return v.Verify(p)
	}
	packed, err := scope.DecodeToken(string(line))
	if err != nil {
		return err
	}
	var p semaphore.Proof
	if err := p.UnmarshalBinary(packed); err != nil {
		return err
	}
	return v.Verify(&p)
}
