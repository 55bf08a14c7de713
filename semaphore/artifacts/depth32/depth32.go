// Package depth32 holds the official proving key of Semaphore v4 for Merkle
// depth 32, as @zk-kit/semaphore-artifacts 4.13.0 publishes it. It is a package
// of its own so that only programs that make proofs carry the key; a program
// that gets the file from elsewhere reads it into prove.New, which checks the
// same pin.
package depth32

import (
	_ "embed"
	"strings"
)

// SHA256 is the pin of the key, in hex (spec proving.md, "Pins").
const SHA256 = "2e5f7a9f880c337134ee4c7fc4e53573813b4c9c6ae46221c0b56e7992304650"

//go:embed semaphore-32.zkey
var zkey string

// ZKey gives a copy of the key's bytes.
func ZKey() []byte { return []byte(zkey) }

// NewReader reads the key without copying it first.
func NewReader() *strings.Reader { return strings.NewReader(zkey) }
