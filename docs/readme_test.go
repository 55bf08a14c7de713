package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// T63, T64: the Go blocks of the README are an app and its test in a module of
// somebody else's, which has nothing but this one and its dependencies. The test
// makes a real proof.
func TestReadmeRunsOutside(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- (app(?:_test)?\\.go), [^>]*-->\n```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if all := strings.Count(string(readme), "```go"); len(blocks) != 2 || all != 2 {
		t.Fatalf("%d Go blocks in the README, of which this test knows %d", all, len(blocks))
	}
	dir := outside(t, "app.example/forum")
	for name, text := range map[string]string{
		blocks[0][1]:   source(blocks[0][2], "context", "fmt", "net/http", module+"/sdk", module+"/verifier/sqlite"),
		blocks[1][1]:   source(blocks[1][2], "net/http", "net/http/httptest", "strings", "testing", module+"/sdk", module+"/sdk/api", module+"/sdk/humantest"),
		"keep_test.go": "package forum\n\nvar _ = open\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-mod=mod", "-v", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestPosting") {
		t.Fatalf("the README does not run: %v\n%s", err, out)
	}
}

// outside makes the folder of a module of somebody else's, which has this one
// and its dependencies.
func outside(t *testing.T, name string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	gosum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(gomod), "\n")
	dir := t.TempDir()
	for file, text := range map[string]string{
		"go.mod": "module " + name + "\n" + requires + "\nrequire " + module + " v0.0.0\nreplace " + module + " => " + root + "\n",
		"go.sum": string(gosum),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// source puts a package clause and imports in front of a block.
func source(block string, imports ...string) string {
	return "package forum\n\nimport (\n\t\"" + strings.Join(imports, "\"\n\t\"") + "\"\n)\n\n" + block
}

// Links and pictures of the README and of the pages here lead to files that
// exist.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s points to %s: %v", page, m[1], err)
			}
		}
	}
}
