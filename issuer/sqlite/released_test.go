package sqlite

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/storetest"
)

// released are the schemas that there were, each with what it had. The first
// knew nothing of recoveries and deletions.
var released = []struct {
	file, schema string
	life         bool
	tables       map[string]string // and their columns
}{
	{"testdata/released1.sql", schema, false, map[string]string{
		"binding": "*", "intakes": "id, session, commitment, received, state, code, receipt, seq, idx, record",
		"pending": "set_id, ticket, op, idx, commitment, biometric, link, urgent, since", "members": "*", "changes": "*", "hashes": "*",
		"roots": "*", "templates": "serial, modality, sealed, link", "devices": "*",
	}},
	{"testdata/released2.sql", schema + life, true, map[string]string{
		"binding": "*", "intakes": "*", "pending": "*", "members": "*", "changes": "*", "hashes": "*", "roots": "*", "templates": "*",
		"devices": "*", "recoveries": "*", "deletions": "*", "openings": "*", "imports": "*",
	}},
	{"testdata/released3.sql", schema + life + rate, true, map[string]string{
		"binding": "*", "intakes": "*", "pending": "*", "members": "*", "changes": "*", "hashes": "*", "roots": "*", "templates": "*",
		"devices": "*", "recoveries": "*", "deletions": "*", "openings": "*", "imports": "*", "rates": "*",
	}},
	{"testdata/released4.sql", schema + life + rate + gallery, true, map[string]string{
		"binding": "*", "intakes": "*", "pending": "*", "members": "*", "changes": "*", "hashes": "*", "roots": "*", "templates": "*",
		"devices": "*", "recoveries": "*", "deletions": "*", "openings": "*", "imports": "*", "rates": "*",
	}},
}

// T60: databases as each release left them, with rows of every kind, come up to
// date and go on. The files hold schema and rows; PERHUMAN_UPDATE=1 writes those
// that are not there yet.
func TestT60Released(t *testing.T) {
	if len(released) != schemaVersion {
		t.Fatalf("%d released schemas, this program makes version %d", len(released), schemaVersion)
	}
	for n, r := range released {
		t.Run(r.file, func(t *testing.T) {
			if _, err := os.Stat(r.file); err != nil && os.Getenv("PERHUMAN_UPDATE") == "1" {
				writeReleased(t, n+1, r.file, r.schema, r.life, r.tables)
			}
			golden, err := os.ReadFile(r.file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(golden), r.schema) {
				t.Error("a step that was released has changed")
			}
			path := filepath.Join(t.TempDir(), "issuer.db")
			if _, err := private(path); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite3", path)
			if err == nil {
				_, err = db.Exec(string(golden))
			}
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			storetest.Released(t, func(t testing.TB) issuer.Store { return openAt(t, path) }, r.life)
		})
	}
}

// writeReleased makes a database and writes its schema and rows as they are in a
// version.
func writeReleased(t *testing.T, version int, file, schema string, life bool, tables map[string]string) {
	s := openAt(t, filepath.Join(t.TempDir(), "issuer.db"))
	storetest.Golden(t, s, life)
	var b strings.Builder
	fmt.Fprintf(&b, "%sPRAGMA user_version = %d;\n", schema, version)
	for _, table := range []string{"binding", "intakes", "pending", "members", "changes", "hashes", "roots", "templates", "devices", "recoveries", "deletions", "openings", "imports", "rates"} {
		if tables[table] == "" {
			continue
		}
		rows, err := under(s).r.Query("SELECT " + tables[table] + " FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				to[i] = &values[i]
			}
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			line, err := storetest.Row(table, columns, values, func(b []byte) string { return "x'" + hex.EncodeToString(b) + "'" })
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
