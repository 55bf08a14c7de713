// Package depth20 holds the official proving key of Semaphore v4 for Merkle
// depth 20, as @zk-kit/semaphore-artifacts 4.13.0 publishes it. It is a package
// of its own so that only programs that make proofs carry the key; a program
// that gets the file from elsewhere reads it into prove.New, which checks the
// same pin.
package depth20

import (
	_ "embed"
	"strings"
)

// SHA256 is the pin of the key, in hex (spec proving.md, "Pins").
const SHA256 = "33f9a067a80c7daf90e085449073613a9559a1904dd40aeb6d603afb7988c2cc"

//go:embed semaphore-20.zkey
var zkey string

// ZKey gives a copy of the key's bytes.
func ZKey() []byte { return []byte(zkey) }

// NewReader reads the key without copying it first.
func NewReader() *strings.Reader { return strings.NewReader(zkey) }
