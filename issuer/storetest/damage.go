package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
)

// damage is what was done to a database, in SQL that every store understands.
var damage = []struct{ name, query string }{
	{"leaf", `UPDATE members SET commitment = (SELECT root FROM roots WHERE seq = 2) WHERE idx = 1`},
	{"leaf's end", `UPDATE members SET removed_seq = 2 WHERE idx = 1`},
	{"leaf's link", `UPDATE members SET link = substr(link, 1, 0) WHERE removed_seq IS NULL`},
	{"lost leaf", `DELETE FROM members WHERE idx = 2`},
	{"root", `UPDATE roots SET root = (SELECT commitment FROM members WHERE idx = 0) WHERE seq = 2`},
	{"live count", `UPDATE roots SET live = live - 1 WHERE seq = 2`},
	{"lost old root", `DELETE FROM roots WHERE seq = 1`},
	{"lost last root", `DELETE FROM roots WHERE seq = (SELECT max(seq) FROM roots)`},
	{"superseded", `UPDATE roots SET superseded_ms = NULL WHERE seq = 1`},
	{"checkpoint", `UPDATE roots SET checkpoint = (SELECT checkpoint FROM roots WHERE seq = 1) WHERE seq = 2`},
	{"hash", `UPDATE hashes SET hash = (SELECT hash FROM hashes WHERE n = 0) WHERE n = 3`},
	{"lost hash", `DELETE FROM hashes WHERE n = 3`},
	{"entry", `UPDATE changes SET entry = (SELECT entry FROM changes WHERE change_no = 1) WHERE change_no = 2`},
	{"lost entry", `DELETE FROM changes WHERE change_no = 2`},
	{"lost last entry", `DELETE FROM changes WHERE change_no = (SELECT max(change_no) FROM changes)`},
	{"entry's column", `UPDATE changes SET idx = idx + 1 WHERE change_no = 2`},

	{"intake's place", `UPDATE intakes SET record = record + 1 WHERE op = 1 AND idx = 0`},
	{"intake's state", `UPDATE intakes SET state = 'refused' WHERE op = 1 AND idx = 0`},
	{"intake's time", `UPDATE intakes SET received = received + 1 WHERE op = 1 AND idx = 0`},
	{"intake's receipt", `UPDATE intakes SET receipt = (SELECT receipt FROM intakes WHERE op = 1 AND idx = 1) WHERE op = 1 AND idx = 0`},
	{"lost intake", `DELETE FROM intakes WHERE op = 1 AND idx = 0`},
	{"lost intake of a recovery", `DELETE FROM intakes WHERE op = 4 AND state = 'committed'`},
	{"lost waiting change", `DELETE FROM pending WHERE op = 1`},
	{"lost template", `DELETE FROM templates WHERE serial = (SELECT serial FROM templates ORDER BY serial LIMIT 1)`},

	{"recovery's intake", `UPDATE recoveries SET commitment = old WHERE state = 'announced'`},
	{"recovery's old leaf", `UPDATE recoveries SET idx = idx + 1 WHERE state = 'announced'`},
	{"recovery's stage", `UPDATE recoveries SET state = 'out' WHERE state = 'announced'`},
	{"recovery's end", `UPDATE recoveries SET state = 'committed' WHERE state = 'announced'`},
	{"recovery's record", `UPDATE recoveries SET record = 0 WHERE state = 'announced'`},
	{"lost recovery", `DELETE FROM recoveries WHERE state = 'announced'`},

	{"deletion's intake", `UPDATE deletions SET id = (SELECT id FROM intakes WHERE op = 1 AND idx = 0) WHERE destroyed = 0`},
	{"deletion's earlier end", `UPDATE deletions SET until = until - 1 WHERE destroyed = 0`},
	{"deletion's later end", `UPDATE deletions SET until = until + 86400 WHERE destroyed = 0`},
	{"end of a deletion that is done", `UPDATE deletions SET until = until + 1 WHERE destroyed > 0`},
	{"deletion's receipt", `UPDATE intakes SET receipt = (SELECT receipt FROM intakes WHERE op = 1 AND idx = 0) WHERE op = 2`},
	{"lost deletion", `DELETE FROM deletions WHERE destroyed = 0`},
	{"lost deletion that is done", `DELETE FROM deletions WHERE destroyed > 0`},
	{"lost deletion that is done, with its intake", `DELETE FROM intakes WHERE id IN (SELECT id FROM deletions WHERE destroyed > 0); DELETE FROM deletions WHERE destroyed > 0`},
	{"time of a destruction", `UPDATE deletions SET destroyed = destroyed + 1 WHERE destroyed > 0`},
	{"tombstone", `UPDATE deletions SET tombstone = (SELECT receipt FROM intakes WHERE intakes.id = deletions.id) WHERE destroyed > 0`},
	{"cut tombstone", `UPDATE deletions SET tombstone = substr(tombstone, 1, length(tombstone) - 30) WHERE destroyed > 0`},
	{"lost tombstone", `UPDATE deletions SET tombstone = substr(tombstone, 1, 0) WHERE destroyed > 0`},
	{"destruction that never was", `UPDATE deletions SET destroyed = 0, tombstone = substr(tombstone, 1, 0) WHERE destroyed > 0`},
	{"destruction too early", `UPDATE deletions SET destroyed = until + 1, tombstone = (SELECT tombstone FROM deletions WHERE destroyed > 0) WHERE destroyed = 0`},

	{"opening's reason", `UPDATE openings SET reason = 'deletion' WHERE n = 1`},
	{"opening's time", `UPDATE openings SET at = at + 1 WHERE n = 1`},
	{"opening's subject", `UPDATE openings SET subject = substr(subject, 1, 3) WHERE n = 1`},
	{"lost first opening", `DELETE FROM openings WHERE n = 1`},
	{"lost opening in between", `DELETE FROM openings WHERE n = 2`},
	{"lost last opening", `DELETE FROM openings WHERE n = (SELECT max(n) FROM openings)`},
	{"lost last openings", `DELETE FROM openings WHERE n > 1`},
	{"lost openings", `DELETE FROM openings`},
}

// damaged: every kind of damage to what is stored is found by a check that has no
// key. Each is done to a copy of one database in which every kind of row is.
func damaged(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	alice, bob, carol, dave, erin := r.person(), r.person(), r.person(), r.person(), r.person()
	for _, p := range []*testkit.Person{alice, bob, carol, dave, erin} {
		r.enrol(t, p)
	}
	r.anchor(t)
	r.populate(t, alice, bob, carol)
	r.enrol(t, r.person()) // waits
	if _, _, err := r.i.Recover(t.Context(), r.Recovery(t, r.i, erin.Again(700))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.i.Delete(t.Context(), testkit.Deletion(t, r.i, dave.ID)); err != nil {
		t.Fatal(err)
	}
	whole := dumped(t, r.store)
	noLink(t, whole)
	copied := s.Open(t)
	t.Cleanup(func() { _ = copied.Close() })
	again := func() {
		t.Helper()
		if err := copied.(backup.Target).Restore(t.Context(), bytes.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
	}
	var wipe strings.Builder
	for _, table := range backup.Tables() {
		wipe.WriteString("DELETE FROM " + table.Name + "; ")
	}
	for _, d := range damage {
		again()
		s.Tamper(t, copied, d.query)
		var b bytes.Buffer
		if err := copied.(backup.Source).Dump(t.Context(), &b); err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		if bytes.Equal(b.Bytes(), whole) {
			t.Errorf("%s: nothing was damaged", d.name)
		}
		report, err := backup.Fsck(&b)
		if !errors.Is(err, backup.ErrFaults) || len(report.Faults) == 0 {
			t.Errorf("%s: %v, %v", d.name, err, report.Faults)
		}
		s.Tamper(t, copied, wipe.String())
	}
	// Every row of a deletion that is not done: only the mark beside the template,
	// which the operator's secret reads, still tells of it.
	if err := r.i.VerifyLeaving(t.Context()); err != nil {
		t.Error(err)
	}
	again()
	s.Tamper(t, copied, `DELETE FROM intakes WHERE id IN (SELECT id FROM deletions WHERE destroyed = 0); DELETE FROM deletions WHERE destroyed = 0`)
	r.over(t, copied)
	if err := r.i.VerifyLeaving(t.Context()); !errors.Is(err, issuer.ErrCorrupt) {
		t.Errorf("a deletion of which nothing is left: %v", err)
	}
}
