package sqlite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// T44: no query is put together at run time. Every query handed to database/sql
// is a constant of this package, the embedded schema, or a field filled from
// constants.
func TestT44QueriesAreConstants(t *testing.T) {
	files := map[string]string{}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(b)
		}
	}
	if calls, bad := builtQueries(t, files); calls < 20 || len(bad) > 0 {
		t.Errorf("%d calls, built at run time: %v", calls, bad)
	}
	// The control: a planted violation is found.
	files["planted.go"] = "package sqlite\nfunc (s *Store) planted(name string) { _, _ = s.w.Exec(`DELETE FROM ` + name) }\n" +
		"func (s *Store) planted2(q string) { _, _ = s.w.Exec(q) }\n"
	if _, bad := builtQueries(t, files); len(bad) != 2 {
		t.Errorf("planted violations found: %v", bad)
	}
}

func builtQueries(t *testing.T, files map[string]string) (calls int, bad []string) {
	t.Helper()
	fset := token.NewFileSet()
	constants := map[string]bool{"schema": true, "life": true, "rate": true, "gallery": true} // go:embed
	var parsed []*ast.File
	for name, text := range files {
		f, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					for _, n := range s.(*ast.ValueSpec).Names {
						constants[n.Name] = true
					}
				}
			}
		}
	}
	at := map[string]int{"Exec": 0, "Query": 0, "QueryRow": 0, "Prepare": 0, "ExecContext": 1, "QueryContext": 1, "QueryRowContext": 1, "PrepareContext": 1}
	for _, f := range parsed {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name == "one" { // its own callers are checked below
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				arg := -1
				switch fun := call.Fun.(type) {
				case *ast.Ident:
					if fun.Name == "one" {
						arg = 1
					}
				case *ast.SelectorExpr:
					if i, ok := at[fun.Sel.Name]; ok && !statement(fun.X) {
						arg = i
					}
				}
				if arg < 0 || arg >= len(call.Args) {
					return true
				}
				calls++
				if !constant(call.Args[arg], constants) {
					bad = append(bad, fset.Position(call.Pos()).String())
				}
				return true
			})
		}
	}
	return calls, bad
}

// statement reports a prepared statement (w.change, stmt): its query was given
// to Prepare.
func statement(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "stmt"
	case *ast.SelectorExpr:
		id, ok := x.X.(*ast.Ident)
		return ok && id.Name == "w"
	}
	return false
}

func constant(x ast.Expr, constants map[string]bool) bool {
	switch x := x.(type) {
	case *ast.BasicLit:
		return x.Kind == token.STRING
	case *ast.Ident:
		return constants[x.Name]
	case *ast.SelectorExpr: // p.query in a loop over a table of constants
		id, ok := x.X.(*ast.Ident)
		return ok && id.Name == "p" && x.Sel.Name == "query"
	}
	return false
}

// SELECT names its columns.
func TestNoStar(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	star := regexp.MustCompile(`(?i)select\s+\*|,\s*\*\s+from`)
	for _, e := range entries {
		b, err := os.ReadFile(e.Name())
		if err == nil && !strings.HasSuffix(e.Name(), "_test.go") && star.Match(b) {
			t.Error(strconv.Quote(e.Name()), "selects all columns")
		}
	}
}
