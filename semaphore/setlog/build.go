package setlog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Hashes is a log's stored hashes in memory, in tlog's order. It reads like any
// other HashReader; a store that keeps them in a table numbers its rows by the
// same index.
type Hashes []tlog.Hash

var _ tlog.HashReader = Hashes(nil)

// ReadHashes implements tlog.HashReader.
func (s Hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(s)) {
			return nil, fmt.Errorf("%w: stored hash %d of %d", ErrProof, x, len(s))
		}
		out[i] = s[x]
	}
	return out, nil
}

// Overlay reads hashes at and after From out of New, and the others from Base:
// the log as it will be when New is stored.
type Overlay struct {
	Base tlog.HashReader
	From int64
	New  []tlog.Hash
}

// ReadHashes implements tlog.HashReader, asking Base at most once.
func (o Overlay) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var old []int64
	var at []int
	for i, x := range indexes {
		switch {
		case x < o.From:
			old, at = append(old, x), append(at, i)
		case x-o.From < int64(len(o.New)):
			out[i] = o.New[x-o.From]
		default:
			return nil, fmt.Errorf("%w: stored hash %d not there yet", ErrProof, x)
		}
	}
	if len(old) == 0 {
		return out, nil
	}
	read, err := o.Base.ReadHashes(old)
	if err != nil {
		return nil, err
	}
	if len(read) != len(old) {
		return nil, fmt.Errorf("%w: asked for %d hashes, got %d", ErrProof, len(old), len(read))
	}
	for i, h := range read {
		out[at[i]] = h
	}
	return out, nil
}

// Append computes what a batch adds to a log of the given size: the hashes to
// store from index tlog.StoredHashCount(size) on, and the tree afterwards. r
// reads the hashes stored so far; store the result in the same transaction as
// the entries. To prove entries before that commits, read through
// Overlay{r, tlog.StoredHashCount(size), hashes}.
func Append(size int64, entries []Entry, r tlog.HashReader) (hashes []tlog.Hash, tree tlog.Tree, err error) {
	if size < 0 || size+int64(len(entries)) > maxLog {
		return nil, tlog.Tree{}, fmt.Errorf("%w: log size %d", ErrProof, size)
	}
	from := tlog.StoredHashCount(size)
	for i, e := range entries {
		if err := e.Validate(); err != nil {
			return nil, tlog.Tree{}, fmt.Errorf("entry %d: %w", i, err)
		}
		more, err := tlog.StoredHashes(size+int64(i), e.Record(), Overlay{r, from, hashes})
		if err != nil {
			return nil, tlog.Tree{}, fmt.Errorf("setlog: hash entry %d: %w", i, err)
		}
		hashes = append(hashes, more...)
	}
	tree.N = size + int64(len(entries))
	if tree.Hash, err = tlog.TreeHash(tree.N, Overlay{r, from, hashes}); err != nil {
		return nil, tlog.Tree{}, fmt.Errorf("setlog: tree hash: %w", err)
	}
	return hashes, tree, nil
}
