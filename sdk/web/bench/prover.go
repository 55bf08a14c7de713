//go:build ignore

// Command prover proves once for every line that it reads and answers with the
// processor time that it took, in milliseconds, and the proof. Its arguments
// are a secret in base64url and a file with the set in the official export.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "prover:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return errors.New("prover SECRET SET")
	}
	secret, err := scope.DecodeToken(os.Args[1])
	if err != nil {
		return err
	}
	exported, err := os.ReadFile(os.Args[2])
	if err != nil {
		return err
	}
	set, err := semaphore.ParseGroup(exported)
	if err != nil {
		return err
	}
	p, err := prove.New(bytes.NewReader(depth20.ZKey()))
	if err != nil {
		return err
	}
	id := semaphore.IdentityFromKey(secret)
	lines := bufio.NewScanner(os.Stdin)
	for n := byte(0); lines.Scan(); n++ {
		begin := cpu()
		path, err := set.Proof(set.IndexOf(id.Commitment()))
		if err != nil {
			return err
		}
		proof, err := p.Prove(context.Background(), id, path, semaphore.Uint256{1, n}, semaphore.Uint256{2})
		if err != nil {
			return err
		}
		spent := cpu() - begin
		text, err := json.Marshal(proof)
		if err != nil {
			return err
		}
		fmt.Printf("%.3f %s\n", float64(spent.Microseconds())/1000, text)
	}
	return lines.Err()
}

// cpu is the processor time of this process, all threads.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
