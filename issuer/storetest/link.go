package storetest

import (
	"bytes"
	"testing"

	"github.com/perhuman/perhuman/issuer/backup"
)

// noLink hunts through every value of every table: no serial of a template
// stands outside the table of templates, and no commitment in it.
func noLink(t testing.TB, dump []byte) {
	t.Helper()
	tables := backup.Tables()
	type value struct {
		table string
		at    int
		bytes []byte
	}
	var values []value
	var serials, commitments [][]byte
	err := backup.Read(bytes.NewReader(dump), func(n int, r *backup.Row) error {
		for at, v := range r.Values() {
			b, ok := v.([]byte)
			if text, isText := v.(string); isText {
				b, ok = []byte(text), true
			}
			if !ok || len(b) == 0 {
				continue
			}
			values = append(values, value{tables[n].Name, at, b})
			switch {
			case tables[n].Name == "templates" && at == 0:
				serials = append(serials, b)
			case tables[n].Name == "members" && at == 2, tables[n].Name == "intakes" && at == 3:
				commitments = append(commitments, b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(serials) < 3 || len(commitments) < 6 {
		t.Fatalf("%d serials, %d commitments", len(serials), len(commitments))
	}
	for _, v := range values {
		for _, s := range serials {
			if bytes.Contains(v.bytes, s) && (v.table != "templates" || v.at != 0) {
				t.Errorf("a serial stands in %s, column %d", v.table, v.at)
			}
		}
		for _, c := range commitments {
			if v.table == "templates" && bytes.Contains(v.bytes, c) {
				t.Errorf("a commitment stands beside a template, column %d", v.at)
			}
		}
	}
}
