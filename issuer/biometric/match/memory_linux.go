package match

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory gives zeroed words outside of the garbage collector's heap, and what
// wipes them and gives them back. The heap would grow to a multiple of a large
// set while it is opened; here templates take their own size, stay out of core
// dumps, and are wiped at a moment that is known.
func memory(words int) ([]uint64, func()) {
	b, err := unix.Mmap(-1, 0, 8*words, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // no more mappings: the heap may still have room
		w := make([]uint64, words)
		return w, func() { clear(w) }
	}
	_ = unix.Madvise(b, unix.MADV_DONTDUMP)
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), words), func() { // #nosec G103 -- b has 8*words bytes, from a page's start
		clear(b)
		_ = unix.Munmap(b)
	}
}
