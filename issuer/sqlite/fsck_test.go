package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer/backup"
)

// Planted damage of each kind is found by a check that has no key.
func TestFsckNames(t *testing.T) {
	for name, tamper := range map[string]string{
		"leaf":       `UPDATE members SET commitment = (SELECT root FROM roots WHERE seq = 2) WHERE idx = 1`,
		"removed":    `UPDATE members SET removed_seq = 2 WHERE idx = 1`,
		"lost leaf":  `DELETE FROM members WHERE idx = 2`,
		"root":       `UPDATE roots SET root = (SELECT commitment FROM members WHERE idx = 0) WHERE seq = 2`,
		"live":       `UPDATE roots SET live = live - 1 WHERE seq = 2`,
		"old root":   `DELETE FROM roots WHERE seq = 1`,
		"last root":  `DELETE FROM roots WHERE seq = 2`,
		"superseded": `UPDATE roots SET superseded_ms = NULL WHERE seq = 1`,
		"checkpoint": `UPDATE roots SET checkpoint = (SELECT checkpoint FROM roots WHERE seq = 1) WHERE seq = 2`,
		"hash":       `UPDATE hashes SET hash = (SELECT hash FROM hashes WHERE n = 0) WHERE n = 3`,
		"lost hash":  `DELETE FROM hashes WHERE n = 3`,
		"entry":      `UPDATE changes SET entry = (SELECT entry FROM changes WHERE change_no = 1) WHERE change_no = 2`,
		"lost entry": `DELETE FROM changes WHERE change_no = 2`,
		"column":     `UPDATE changes SET idx = idx + 1 WHERE change_no = 2`,
		"intake":     `UPDATE intakes SET record = record + 1 WHERE idx = 0`,
		"receipt":    `UPDATE intakes SET receipt = (SELECT receipt FROM intakes WHERE idx = 1) WHERE idx = 0`,
		"pending":    `DELETE FROM pending`,
		"template":   `DELETE FROM templates WHERE serial = (SELECT serial FROM templates LIMIT 1)`,
	} {
		r := newRig(t)
		for range 3 {
			if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil { // waits
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

// T60: the first released schema, with a row in it, comes up to date and keeps
// it; doing that again changes nothing. An unknown schema is refused.
func TestT60Migrate(t *testing.T) {
	v1, err := os.ReadFile("testdata/schema1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "issuer.db")
	exec := func(query string) {
		t.Helper()
		db, err := sql.Open("sqlite3", path)
		if err == nil {
			_, err = db.Exec(query)
		}
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	exec(string(v1))
	exec(`INSERT INTO templates (serial, modality, sealed, link) VALUES (zeroblob(16), 'face', x'01', x'02'); PRAGMA user_version = 1`)
	for range 2 {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var version, kept int
		if err := s.w.QueryRow(getVersion).Scan(&version); err != nil || version != schemaVersion {
			t.Errorf("version %d, %v", version, err)
		}
		if err := s.w.QueryRow(`SELECT count(*) FROM templates WHERE sealed = x'01' AND link = x'02' AND mark = x''`).Scan(&kept); err != nil || kept != 1 {
			t.Errorf("%d templates kept, %v", kept, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec(`PRAGMA user_version = 99`)
	if s, err := Open(path); err == nil {
		_ = s.Close()
		t.Error("a schema of a newer program was opened")
	}
}
