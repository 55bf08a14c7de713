package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A test that does not run has to say why, and under CI=true nothing may be
// left out for want of a tool. So each function that skips either looks at CI
// first, or leaves out what somebody must ask for: what takes long, measures or
// writes files.
func TestSkipsAreErrorsUnderCI(t *testing.T) {
	asked := []string{"PERHUMAN_LONG", "PERHUMAN_BENCH", "PERHUMAN_UPDATE"}
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, f := range skipping(file) {
			found++
			words := wordsOf(f)
			if len(f.why) == 0 {
				t.Errorf("%s: %s skips without a word", path, f.name)
			}
			if !slices.Contains(words, "CI") && !slices.ContainsFunc(asked, func(w string) bool { return strings.Contains(strings.Join(words, " "), w) }) {
				t.Errorf("%s: %s skips under CI=true too", path, f.name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no skip was found, where there are some")
	}

	planted, err := parser.ParseFile(token.NewFileSet(), "planted.go", "package p\nfunc TestX(t *testing.T) { if true { t.Skip() } }", 0)
	if err != nil {
		t.Fatal(err)
	}
	if f := skipping(planted); len(f) != 1 || len(f[0].why) != 0 || slices.Contains(wordsOf(f[0]), "CI") {
		t.Error("a planted skip is not seen")
	}
}

// skipper is a function that calls Skip, Skipf or SkipNow.
type skipper struct {
	name string
	why  []ast.Expr // arguments of the call
	body ast.Node
}

func skipping(file *ast.File) (out []skipper) {
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) {
				out = append(out, skipper{f.Name.Name, call.Args, f.Body})
			}
			return true
		})
	}
	return out
}

// wordsOf are the string literals of a function.
func wordsOf(f skipper) (words []string) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			words = append(words, strings.Trim(lit.Value, "`\""))
		}
		return true
	})
	return words
}
