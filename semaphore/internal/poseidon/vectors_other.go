//go:build !amd64

package poseidon

// vectors: the field has vector operations on amd64 only.
func vectors() bool { return false }
