//go:build ignore

// Command wasmprover is prover for js/wasm: perhumanProve(n) gives a Promise of
// a proof, as JSON. Its arguments are a secret in base64url and a file with the
// set in the official export.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall/js"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "wasmprover:", err)
		os.Exit(1)
	}
}

func run() error {
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
	path, err := set.Proof(set.IndexOf(id.Commitment()))
	if err != nil {
		return err
	}
	js.Global().Set("perhumanProve", js.FuncOf(func(_ js.Value, args []js.Value) any {
		proof, err := p.Prove(context.Background(), id, path, semaphore.Uint256{1, byte(args[0].Int())}, semaphore.Uint256{2})
		if err != nil {
			return err.Error()
		}
		text, err := json.Marshal(proof)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}))
	select {}
}
