// Command slim makes a Go program for WebAssembly smaller to download; see
// package internal/slim.
//
//	slim FILE NEWFILE
package main

import (
	"fmt"
	"os"

	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/slim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("FILE NEWFILE expected")
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	if b, err = slim.Wasm(b); err != nil {
		return err
	}
	return os.WriteFile(args[1], b, 0o644) // #nosec G306 -- a program that a web server hands out
}
