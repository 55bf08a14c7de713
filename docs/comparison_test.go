package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// unsourced lists the columns of the comparison whose names no row of its
// sources begins with, and the rows without a date or a link.
func unsourced(page string) (faults []string) {
	dated := regexp.MustCompile(`^\d{1,2} [A-Z][a-z]+ 20\d\d$`)
	_, sources, _ := strings.Cut(page, "\n## Where it was read\n")
	sources, _, _ = strings.Cut(sources, "\n## ")
	known := map[string]bool{}
	for line := range strings.Lines(sources) {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || strings.HasPrefix(line, "| peer") {
			continue
		}
		peer := strings.TrimPrefix(cells[0], "| ")
		name, version, ok := cutLast(peer)
		if ok && strings.ContainsAny(version, "0123456789") {
			peer = name
		}
		known[peer] = true
		if !dated.MatchString(cells[1]) || !strings.Contains(cells[2], "](https://") {
			faults = append(faults, peer+": no date or no link")
		}
	}
	head := regexp.MustCompile(`(?m)^\| \| perhuman \| (.*) \|$`).FindStringSubmatch(page)
	if head == nil {
		return append(faults, "no table")
	}
	for _, column := range strings.Split(head[1], " | ") {
		if _, inside, ok := strings.Cut(column, "("); ok {
			column = strings.TrimSuffix(inside, ")")
		}
		for _, peer := range strings.Split(column, ", ") {
			if !known[peer] {
				faults = append(faults, peer+": no source")
			}
		}
	}
	return faults
}

func cutLast(s string) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Whoever is compared with was read, in the state of a date that is given.
func TestComparisonHasItsSources(t *testing.T) {
	planted := "| | perhuman | A | Bs (B, C) |\n\n## Where it was read\n\n| peer | as of | sources | x |\n| A v4 | some day | [a](https://a.example) | x |\n| B | 2 May 2026 | hearsay | x |\n"
	if found := unsourced(planted); len(found) != 3 {
		t.Fatalf("of the three planted ones were found: %q", found)
	}
	page, err := os.ReadFile("comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range unsourced(string(page)) {
		t.Error(fault)
	}
}
