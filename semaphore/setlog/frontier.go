package setlog

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier hashes a log as it is read from the start, keeping only the perfect
// subtrees along its right edge: the tree's hash at every size for 32 bytes a
// level, where Append needs all stored hashes. The zero value is the empty log.
type frontier struct {
	n     int64
	right []tlog.Hash // largest subtree first
}

func (f *frontier) add(record []byte) {
	var b [1 + RecordSize]byte // RFC 6962: a leaf is hashed behind a zero byte
	f.right = append(f.right, sha256.Sum256(append(b[:1], record...)))
	for i := f.n; i&1 == 1; i >>= 1 {
		top := len(f.right) - 1
		f.right[top-1] = tlog.NodeHash(f.right[top-1], f.right[top])
		f.right = f.right[:top]
	}
	f.n++
}

func (f *frontier) hash() tlog.Hash {
	if f.n == 0 {
		return sha256.Sum256(nil)
	}
	h := f.right[len(f.right)-1]
	for i := len(f.right) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.right[i], h)
	}
	return h
}
