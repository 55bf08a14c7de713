package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ConstantStatements is T44 for the package in dir: every SQL statement in its
// source is a constant of the program, so that no value can become a part of
// one. It fails if it finds fewer than atLeast statements, or if one of its own
// planted violations gets past it.
//
// A statement passes if it is a string literal, a name that starts with "sql" or
// "create", or the field "query" of a table whose rows are such names.
func ConstantStatements(t *testing.T, dir string, atLeast int) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name) // #nosec G304 -- the source of a package under test
		if err != nil {
			t.Fatal(err)
		}
		n, bad := notConstant(t, string(src))
		checked += n
		for _, where := range bad {
			t.Errorf("%s: the statement is put together at run time: %s", name, where)
		}
	}
	if checked < atLeast {
		t.Errorf("only %d statements were found", checked)
	}
	for _, planted := range []string{
		`db.QueryRowContext(ctx, "SELECT x FROM t WHERE id = " + id)`,
		`db.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s", table))`,
		`conn.PrepareContext(ctx, build())`,
		`db.Exec(strings.Join(parts, " "))`,
		`c.Exec(ctx, "DELETE FROM " + table)`,
		`c.QueryRow(ctx, text, id)`,
		`b.Queue(text, id)`,
	} {
		if _, bad := notConstant(t, "package p\nfunc f() { "+planted+" }"); len(bad) != 1 {
			t.Errorf("the planted %s was not found", planted)
		}
	}
}

func notConstant(t *testing.T, src string) (checked int, bad []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	check := func(n ast.Node, e ast.Expr) {
		if checked++; !constant(e) {
			bad = append(bad, fset.Position(n.Pos()).String())
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if e := statementOf(n); e != nil {
				check(n, e)
			}
		case *ast.CompositeLit: // rows {&w.x, sqlX} of the tables of statements
			if len(n.Elts) != 2 {
				return true
			}
			if u, ok := n.Elts[0].(*ast.UnaryExpr); ok && u.Op == token.AND {
				check(n, n.Elts[1])
			}
		}
		return true
	})
	return checked, bad
}

// statementOf gives the argument of a call that is a statement, or nil.
func statementOf(call *ast.CallExpr) ast.Expr {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	prepared := false // on a prepared statement, all arguments are values
	switch on := sel.X.(type) {
	case *ast.SelectorExpr:
		prepared = !strings.Contains("conn db reads", on.Sel.Name)
	case *ast.Ident:
		prepared = on.Name == "stmt"
	}
	switch sel.Sel.Name {
	case "ExecContext", "QueryContext", "QueryRowContext", "PrepareContext", "Exec", "Query", "QueryRow", "Prepare", "Queue":
	default:
		return nil
	}
	if prepared && !strings.HasPrefix(sel.Sel.Name, "Prepare") {
		return nil
	}
	args := call.Args
	if first, ok := args[0].(*ast.Ident); ok && first.Name == "ctx" || strings.HasSuffix(sel.Sel.Name, "Context") {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil
	}
	if _, isFunc := args[0].(*ast.FuncLit); isFunc { // a reader of rows
		return nil
	}
	return args[0]
}

func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.Ident:
		return strings.HasPrefix(e.Name, "sql") || strings.HasPrefix(e.Name, "create")
	case *ast.SelectorExpr:
		return e.Sel.Name == "query"
	}
	return false
}
