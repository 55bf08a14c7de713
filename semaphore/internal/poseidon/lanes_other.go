//go:build !amd64 || purego

package poseidon

import "github.com/consensys/gnark-crypto/ecc/bn254/fr"

// vectors: hashing side by side is for amd64 only.
func vectors() bool { return false }

func hashLanes(_, _, _ []fr.Element) { panic("poseidon: no vectors") }
