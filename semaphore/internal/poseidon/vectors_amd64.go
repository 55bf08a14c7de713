package poseidon

import "github.com/consensys/gnark-crypto/utils/cpu"

// vectors reports whether the vector operations of the field are faster than
// one element after the other.
func vectors() bool { return cpu.SupportAVX512IFMA }
