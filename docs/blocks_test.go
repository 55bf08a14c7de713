package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// runs says which test runs the blocks of a language, all of them, on every
// page: it finds them by their language itself. A language that is missing here,
// or a block without one, fails.
var runs = map[string]struct{ file, test string }{
	"go":   {"../sdk/cmd/perhuman/blocksgo_test.go", "func TestGuidesRun("}, // those of the README: TestReadmeRunsOutside
	"sh":   {"../sdk/cmd/perhuman/blocks_test.go", "func TestBlocks("},
	"http": {"../sdk/cmd/perhuman/blocks_test.go", "func TestBlocks("},
	"conf": {"../sdk/cmd/perhuman/blocks_test.go", "func TestBlocks("},
	"json": {"../sdk/cmd/perhuman/blocks_test.go", "func TestBlocks("},
	"sql":  {"../sdk/cmd/perhuman/blocks_test.go", "func TestBlocks("},
	"html": {"../sdk/web/test/browser/guides.test.mjs", "test(`the block of ${page}"},
}

// unrun lists the blocks of a page that no test takes, by their first line, and
// the lines that are too wide.
func unrun(source []byte) (faults []string) {
	doc := goldmark.New().Parser().Parse(text.NewReader(source))
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		first := func() string {
			if n.Lines().Len() == 0 {
				return "(empty)"
			}
			line := n.Lines().At(0)
			return strings.TrimSpace(string(line.Value(source)))
		}
		switch n := n.(type) {
		case *ast.CodeBlock:
			faults = append(faults, "indented: "+first())
		case *ast.FencedCodeBlock:
			language := string(n.Language(source))
			_, known := runs[language]
			for i := range n.Lines().Len() { // what is typed or copied is seen whole beside the list of pages
				line := n.Lines().At(i)
				if text := strings.TrimRight(string(line.Value(source)), "\n"); len(text) > 100 && (language == "sh" || language == "html") {
					faults = append(faults, text)
				}
			}
			// The tests find a block by a line that has nothing but its fence and language.
			if begin := n.Lines().At(0).Start; !known || !strings.HasSuffix("\n"+string(source[:begin]), "\n```"+language+"\n") {
				faults = append(faults, language+": "+first())
			}
		}
		return ast.WalkContinue, nil
	})
	return faults
}

// Every block of the manual is run by a test.
func TestEveryBlockIsRun(t *testing.T) {
	planted := "# x\n\n```\nnaked\n```\n\n    indented\n\n```python\nprint()\n```\n\n- a\n  ```sh\n  in a list\n  ```\n\n```sh\nmake demo\nmake" + strings.Repeat(" demo", 20) + "\n```\n"
	if found := unrun([]byte(planted)); len(found) != 5 {
		t.Fatalf("of the five planted ones were found: %q", found)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md") {
		source, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range unrun(source) {
			t.Errorf("%s has a block that no test runs, or that is too wide: %s", page, fault)
		}
	}
	for language, by := range runs {
		source, err := os.ReadFile(by.file)
		if err != nil || !strings.Contains(string(source), by.test) {
			t.Errorf("%s: there is no %q in %s: %v", language, by.test, by.file, err)
		}
	}
}
