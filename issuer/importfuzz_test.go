package issuer

import (
	"strings"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// Whatever an import's file holds: what is taken is each once, in order of
// place, and can be a member's.
func FuzzReadRoll(f *testing.F) {
	for _, s := range []string{"", "1\n2\n# x\n\n2\n0\n", `["1","2",3]`, `[["5","0","7"],["8"]]`, "[[1],2]", "[", "0x00", "[[[1]]]", smallOrder[3], noSecret} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := readRoll(strings.NewReader(s))
		if err != nil {
			return
		}
		seen := map[semaphore.Element]bool{}
		for k, c := range r.members {
			if _, err := parseCommitment(c.String()); err != nil || seen[c] || k > 0 && r.at[k] <= r.at[k-1] {
				t.Fatalf("took %s at %d: %v", c, r.at[k], err)
			}
			seen[c] = true
		}
		if len(r.members) != len(r.at) || len(r.refused) > 0 && r.refused[0].Err == nil {
			t.Fatal("inconsistent")
		}
	})
}
