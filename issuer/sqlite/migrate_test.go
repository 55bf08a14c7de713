package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

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
