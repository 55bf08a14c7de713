package tally_test

import (
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

func storedHashes(n int64, record []byte, hashes setlog.Hashes) ([]tlog.Hash, error) {
	return tlog.StoredHashes(n, record, hashes)
}

func sign(t *testing.T, signer string, size int64, hashes setlog.Hashes) []byte {
	t.Helper()
	s := must(note.NewSigner(signer))(t)
	return must(setlog.Checkpoint{Origin: s.Name(), Size: size, Hash: must(tlog.TreeHash(size, hashes))(t)}.Sign(s))(t)
}
