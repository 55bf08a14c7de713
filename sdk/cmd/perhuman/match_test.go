package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/report"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func matchRun(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"match", "report"}, args...), env{out: &o, err: &e})
	return code, o.String(), e.String()
}

// A file of captures gives the same report as the same people made up.
func TestMatchReport(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "out")
	code, made, errs := matchRun(t, "-people", "12", "-per-person", "2", "-seed", "5", "-out", folder)
	if code != 0 || !strings.Contains(made, "24 captures of 12 people") || !strings.Contains(made, "no real irises") {
		t.Fatalf("%d\n%s%s", code, made, errs)
	}
	var lines []byte
	crowd := synth.New(5)
	for n := range uint64(12) {
		for k := range uint64(2) {
			b, err := json.Marshal(iris.Labelled{Label: fmt.Sprint(n), Person: iris.Person{Version: "x", Pair: crowd.Person(n).Sample(k)}})
			if err != nil {
				t.Fatal(err)
			}
			lines = append(append(lines, b...), '\n')
		}
	}
	file := filepath.Join(dir, "captures.ndjson")
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	code, read, errs := matchRun(t, "-captures", file)
	if code != 0 || !strings.HasSuffix(made, read) || strings.Contains(read, "no real irises") {
		t.Errorf("%d: differs\n%s%s\nfrom\n%s", code, read, errs, made)
	}
	body, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(body, &r); err != nil || r.People != 12 || r.Genuine.Count != 24 {
		t.Errorf("%v, %+v", err, r)
	}
	for _, name := range []string{"report.txt", "distances.svg", "rates.svg"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, err)
		}
	}

	// Refused: the folder again, a broken line, no such shape, too few people.
	if err := os.WriteFile(file, append(lines, "{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"exists":     {"-people", "3", "-out", folder},
		"line 25":    {"-captures", file},
		"columns":    {"-columns", "199"},
		"two people": {"-people", "1"},
		"usage":      {"-pairs", "0"},
		"no such":    {"-captures", filepath.Join(dir, "none")},
		"no flag":    {"-threshold", ".5"},
	} {
		if code, _, errs := matchRun(t, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d, %s", args, code, errs)
		}
	}
}
