package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every Go block of the guides is a whole program, and compiles.
func TestGuidesCompile(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := outside(t, "app.example/guides")
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(m[1], "package main\n") {
				t.Errorf("%s has a Go block that is no program", page)
				continue
			}
			found++
			sub := filepath.Join(dir, strings.TrimSuffix(page, ".md"))
			if err := os.MkdirAll(sub, 0o700); err != nil {
				t.Fatal(err)
			}
			name := "main.go"
			if strings.Contains(m[1], "\nfunc Test") {
				name = "main_test.go"
			}
			if err := os.WriteFile(filepath.Join(sub, name), []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found < 2 {
		t.Fatalf("%d programs found", found)
	}
	cmd := exec.Command("go", "vet", "-mod=mod", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
