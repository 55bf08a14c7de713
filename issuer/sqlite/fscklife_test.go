package sqlite

import (
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
)

// Planted damage to a recovery, a deletion and the chain of openings is found by
// a check that has no key.
func TestFsckNamesLife(t *testing.T) {
	const mayUpdate, mayDelete = `DROP TRIGGER openings_hold; `, `DROP TRIGGER openings_stay; `
	for name, tamper := range map[string]string{
		"recovery's intake":   `UPDATE recoveries SET commitment = old`,
		"recovery's old leaf": `UPDATE recoveries SET idx = idx + 1`,
		"recovery's stage":    `UPDATE recoveries SET state = 'out'`,
		"recovery's end":      `UPDATE recoveries SET state = 'committed'`,
		"recovery's record":   `UPDATE recoveries SET record = 0`,
		"lost recovery":       `DELETE FROM recoveries`,
		"deletion's intake":   `UPDATE deletions SET id = zeroblob(16)`,
		"opening's reason":    mayUpdate + `UPDATE openings SET reason = reason || 'x' WHERE n = (SELECT min(n) FROM openings)`,
		"opening's time":      mayUpdate + `UPDATE openings SET at = at + 1 WHERE n = (SELECT min(n) FROM openings)`,
		"opening's subject":   mayUpdate + `UPDATE openings SET subject = x'00' WHERE n = (SELECT min(n) FROM openings)`,
		"lost opening":        mayDelete + `DELETE FROM openings WHERE n = (SELECT min(n) FROM openings)`,
	} {
		r := newLifeRig(t)
		alice, bob := r.person(), r.person()
		for _, p := range []*testkit.Person{alice, bob} {
			if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.i.Recover(t.Context(), r.Recovery(t, r.i, alice.Again(99))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.i.Delete(t.Context(), testkit.Deletion(t, r.i, bob.ID)); err != nil {
			t.Fatal(err)
		}
		if report, err := backup.FsckStore(t.Context(), r.store); err != nil {
			t.Fatalf("sound: %v %v", err, report.Faults)
		}
		if _, err := r.store.w.Exec(tamper); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if report, err := backup.FsckStore(t.Context(), r.store); !errors.Is(err, backup.ErrFaults) || len(report.Faults) == 0 {
			t.Errorf("%s: %v, %v", name, err, report.Faults)
		}
	}
}
