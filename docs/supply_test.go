package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shipped are the programs that people run: what they link is what we answer
// for. The last two are built for js/wasm.
var shipped = []struct {
	pkg string
	env []string
}{
	{"./sdk/cmd/perhuman", nil},
	{"./demo", nil},
	{"./sdk/wallet/wasm", []string{"GOOS=js", "GOARCH=wasm"}},
	{"./sdk/wallet/wasm/check", []string{"GOOS=js", "GOARCH=wasm"}},
}

// licences.txt freezes which modules the shipped programs link, in which
// version and under which licence. A line that comes or goes is a decision:
// PERHUMAN_UPDATE=1 writes the file anew, and docs/dependencies.md says why.
func TestLinkedModulesAndLicences(t *testing.T) {
	linked := map[string]string{} // module version -> its folder
	for _, main := range shipped {
		for _, line := range goList(t, main.env, "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}`, main.pkg) {
			if words := strings.Fields(line); len(words) == 3 {
				linked[words[0]+" "+words[1]] = words[2]
			}
		}
	}
	if len(linked) < 10 {
		t.Fatalf("only %d modules found: the listing is broken", len(linked))
	}
	var lines []string
	for module, dir := range linked {
		lines = append(lines, module+" "+strings.Join(licencesIn(t, module, dir), " OR "))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	if os.Getenv("PERHUMAN_UPDATE") != "" {
		if err := os.WriteFile("licences.txt", []byte(got), 0o644); err != nil { // #nosec G306 -- a public file
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("licences.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the linked modules are not those of licences.txt (PERHUMAN_UPDATE=1 writes it anew):\n%s", difference(string(want), got))
	}
}

// licencesIn reads the licence files of a module. Every one of them must be
// known and permissive; a module under more than one gives the choice.
func licencesIn(t *testing.T, module, dir string) []string {
	t.Helper()
	var found []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := strings.ToUpper(e.Name()); e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		id := licenceOf(string(b))
		if id == "" {
			t.Errorf("%s: %s is no licence that we ship under", module, e.Name())
		}
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	if len(found) == 0 { // then every source file has to say it
		sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range sources {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if id := licenceOf(string(b)); id == "" || len(found) > 0 && found[0] != id {
				t.Errorf("%s has no licence file, and %s names none that we ship under", module, filepath.Base(path))
			} else {
				found = []string{id}
			}
		}
	}
	slices.Sort(found)
	return found
}

var space = regexp.MustCompile(`[\s*"'` + "`" + `]+`)

// licenceOf recognises the permissive licences by sentences that stand in no
// other one; empty for everything else.
func licenceOf(text string) string {
	text = strings.ToLower(space.ReplaceAllString(text, " "))
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("gnu general public license"), has("gnu lesser"), has("gnu affero"), has("mozilla public license"):
		return ""
	case has("apache license") && has("version 2.0"):
		return "Apache-2.0"
	case has("permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("redistribution and use in source and binary forms") && has("neither the name"):
		return "BSD-3-Clause"
	case has("redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	case has("permission to use, copy, modify, and/or distribute this software"), has("permission to use, copy, modify, and distribute this software"):
		return "ISC"
	case has("cc0 1.0 universal"), has("creativecommons.org/publicdomain/zero/1.0"):
		return "CC0-1.0"
	}
	return ""
}

func TestLicenceOfRefusesCopyleft(t *testing.T) {
	for text, want := range map[string]string{
		"GNU GENERAL PUBLIC LICENSE\nVersion 3": "",
		"Mozilla Public License Version 2.0":    "",
		"All rights reserved.":                  "",
		"Permission is hereby granted, free of charge, to any\nperson obtaining a copy of this": "MIT",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// difference lists the lines that only one side has.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out, "\n")
}
