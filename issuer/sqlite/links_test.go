package sqlite

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/internal/testkit"
)

// Nothing in the clear leads from a template to a leaf or back: no serial stands
// outside the table of templates, and no commitment in it, while people wait, are
// members, recover, leave, and have gone.
func TestNoLinkInTheClear(t *testing.T) {
	r := newLifeRig(t)
	people := []*testkit.Person{r.person(), r.person(), r.person(), r.person()}
	for _, p := range people {
		if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p)); err != nil {
			t.Fatal(err)
		}
	}
	hunt(t, r.store, 4)
	if _, err := r.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.i.Recover(t.Context(), r.Recovery(t, r.i, people[0].Again(90))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.i.Delete(t.Context(), testkit.Deletion(t, r.i, people[1].ID)); err != nil {
		t.Fatal(err)
	}
	hunt(t, r.store, 4)
	for range 6 {
		r.Clock.Move(2 * time.Minute)
		if _, err := r.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.i.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		hunt(t, r.store, 0)
	}
	hunt(t, r.store, 3)
	// And nothing leads from the old leaf to the new one any more.
	var done, left int
	if err := r.store.r.QueryRow(`SELECT count(*), coalesce(sum(length(old) > 0 OR length(link) > 0 OR record IS NOT NULL OR announced > 0 OR out_at > 0), 0)
		FROM recoveries WHERE state = 'committed'`).Scan(&done, &left); err != nil || done != 1 || left != 0 {
		t.Errorf("%d recoveries, %d lead back, %v", done, left, err)
	}
}

// hunt reads every value of every table.
func hunt(t *testing.T, s *Store, templates int) {
	t.Helper()
	serials, commitments := column(t, s, "templates", "serial"), append(column(t, s, "intakes", "commitment"), column(t, s, "members", "commitment")...)
	if templates != 0 && len(serials) != templates || len(commitments) < 4 {
		t.Fatalf("%d serials, %d commitments", len(serials), len(commitments))
	}
	tables, err := s.r.Query(`SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	var columns [][2]string
	for tables.Next() {
		var c [2]string
		if err := tables.Scan(&c[0], &c[1]); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if err := tables.Close(); err != nil {
		t.Fatal(err)
	}
	if len(columns) < 50 {
		t.Fatalf("%d columns", len(columns))
	}
	for _, c := range columns {
		for _, value := range column(t, s, c[0], c[1]) {
			for _, serial := range serials {
				if bytes.Contains(value, serial) && c != [2]string{"templates", "serial"} {
					t.Errorf("a serial stands in %s", strings.Join(c[:], "."))
				}
			}
			for _, commitment := range commitments {
				if c[0] == "templates" && bytes.Contains(value, commitment) {
					t.Errorf("a commitment stands in %s", strings.Join(c[:], "."))
				}
			}
		}
	}
}

func column(t *testing.T, s *Store, table, name string) (out [][]byte) {
	t.Helper()
	rows, err := s.r.Query(`SELECT CAST(` + name + ` AS BLOB) FROM ` + table) // names from the schema itself
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}
