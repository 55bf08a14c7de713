package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command line of ours in the README and the guides is one that exists,
// with flags that it has.
func TestGuidesCommands(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{} // the flags of each command, by its words
	for _, c := range commands() {
		known[join(c.words)] = map[string]bool{}
		var usage strings.Builder
		_ = c.run(context.Background(), []string{"-help"}, env{out: &usage, err: &usage})
		for _, m := range regexp.MustCompile(`(?m)^  -([a-z0-9-]+)`).FindAllStringSubmatch(usage.String(), -1) {
			known[join(c.words)][m[1]] = true
		}
	}
	found := 0
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)(?:^|`)perhuman [^`\n]*(?:\\\\\n[^`\n]*)*").FindAllString(string(text), -1) {
			words := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(m, "`"), "\\\n", " "))[1:]
			var flags map[string]bool
			for n := min(3, len(words)); n > 0 && flags == nil; n-- {
				flags = known[strings.Join(words[:n], " ")]
			}
			if flags == nil {
				t.Errorf("%s: no such command: %s", filepath.Base(page), m)
			}
			for _, w := range words {
				if name, _, _ := strings.Cut(strings.TrimPrefix(w, "-"), "="); strings.HasPrefix(w, "-") && !flags[name] {
					t.Errorf("%s: no flag %s: %s", filepath.Base(page), w, m)
				}
			}
			found++
		}
	}
	if found < 15 {
		t.Errorf("%d commands found", found)
	}
}
