//go:build !linux

package match

// memory gives zeroed words and what wipes them.
func memory(words int) ([]uint64, func()) {
	w := make([]uint64, words)
	return w, func() { clear(w) }
}
