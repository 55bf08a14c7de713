package mpc

// Epoch names a generation of shares: those of different epochs do not combine.
// The first is the zero value.
type Epoch struct {
	Number uint64
	// Name is random: two refreshes that were begun from one epoch have different
	// ones.
	Name [16]byte
}
