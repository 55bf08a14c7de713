package dot

import (
	"syscall"
	"unsafe"
)

const largePage = 2 << 20

// largePages asks the system for large pages under memory that is walked again
// and again: an entry takes ten small ones, and finding each costs more than its
// part of the work. It is a request: without it everything is only slower.
func largePages(words []uint16) {
	if len(words) == 0 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 2*len(words)) // #nosec G103 -- the same memory
	skip := -uintptr(unsafe.Pointer(&b[0])) & (largePage - 1)           // #nosec G103 -- an address to align
	if whole := (uintptr(len(b)) - min(skip, uintptr(len(b)))) &^ (largePage - 1); whole > 0 {
		_ = syscall.Madvise(b[skip:skip+whole], syscall.MADV_HUGEPAGE)
	}
}
