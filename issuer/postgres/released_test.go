package postgres

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/storetest"
)

// released are the schemas that there were, each with the tables that it had.
var released = []struct {
	file, schema string
	tables       []string
}{
	{"testdata/released1.sql", createV1, []string{"binding", "intakes", "pending", "members", "changes", "hashes", "roots", "templates", "devices", "recoveries", "deletions", "openings", "imports"}},
	{"testdata/released2.sql", createV1 + createV2, []string{"binding", "intakes", "pending", "members", "changes", "hashes", "roots", "templates", "devices", "recoveries", "deletions", "openings", "imports", "rates"}},
	{"testdata/released3.sql", createV1 + createV2 + createV3, []string{"binding", "intakes", "pending", "members", "changes", "hashes", "roots", "templates", "devices", "recoveries", "deletions", "openings", "imports", "rates"}},
}

// T60: databases as each release left them, with rows of every kind, come up to
// date and go on. The files hold schema and rows; PERHUMAN_UPDATE=1 writes the
// one of the newest schema, and no other, if it is not there yet.
func TestT60Released(t *testing.T) {
	if len(released) != schemaVersion {
		t.Fatalf("%d released schemas, this program makes version %d", len(released), schemaVersion)
	}
	for n, r := range released {
		t.Run(r.file, func(t *testing.T) {
			if _, err := os.Stat(r.file); err != nil && os.Getenv("PERHUMAN_UPDATE") == "1" {
				writeReleased(t, n+1, r.file, r.schema, r.tables)
			}
			golden, err := os.ReadFile(r.file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(golden), r.schema) {
				t.Error("a step that was released has changed")
			}
			dsn := shared.Schema(t)
			c, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Exec(t.Context(), string(golden)); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			storetest.Released(t, func(t testing.TB) issuer.Store { return openAt(t, dsn) }, true)
		})
	}
}

// writeReleased makes a database and writes its schema and rows as they are in a
// version.
func writeReleased(t *testing.T, version int, file, schema string, tables []string) {
	dsn := shared.Schema(t)
	s := openWith(t, dsn, faults{})
	storetest.Golden(t, s, true)
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	var b strings.Builder
	b.WriteString(schema)
	b.WriteString(createVersions + ";\n")
	for v := range version {
		fmt.Fprintf(&b, "INSERT INTO schema_versions (version) VALUES (%d);\n", v+1)
	}
	for _, table := range tables {
		rows, err := c.Query(t.Context(), "TABLE "+pgx.Identifier{table}.Sanitize())
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, f := range rows.FieldDescriptions() {
			columns = append(columns, f.Name)
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			line, err := storetest.Row(table, columns, values, func(b []byte) string { return `'\x` + hex.EncodeToString(b) + `'` })
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
