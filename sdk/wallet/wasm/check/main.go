//go:build js && wasm

package main

import (
	"sync"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore"
)

func main() {
	c := &checker{verifier: sync.OnceValues(semaphore.NewVerifier)}
	js.Global().Set("perhumanCheck", bridge.Export(bridge.Plain, []string{"checkPost", "recount"}, []bridge.Method{c.checkPost, c.recount}))
	select {}
}

// checker holds the verifying keys once they are unpacked.
type checker struct {
	verifier func() (*semaphore.Verifier, error)
}
