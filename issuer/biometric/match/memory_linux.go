package match

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20 // what the kernel puts under a mapping at once, if it can

// memory gives zeroed words outside of the garbage collector's heap, and what
// wipes them and gives them back. The heap would grow to a multiple of a large
// set while it is opened; here templates take their own size, stay out of core
// dumps, and are wiped at a moment that is known.
func memory(words int) ([]uint64, func()) {
	size := 8 * words
	if size >= hugePage {
		size = (size + hugePage - 1) &^ (hugePage - 1)
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // no more mappings: the heap may still have room
		w := make([]uint64, words)
		return w, func() { clear(w) }
	}
	_ = unix.Madvise(b, unix.MADV_DONTDUMP)
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)                                // a large set is a million small pages otherwise, each a fault
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), words), func() { // #nosec G103 -- b has at least 8*words bytes, from a page's start
		clear(b)
		_ = unix.Munmap(b)
	}
}
