package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// secretName matches the names that hold what a stranger must not learn bit by
// bit from the time of a comparison.
var secretName = regexp.MustCompile(`(?i)(token|secret|password|passphrase|privatekey|skey|hmac|mac)$`)

// comparesSecrets lists the comparisons in a file that stop at the first
// difference and have a secret by its name on a side. To ask whether there is
// one at all (nil, "", a constant) is no such comparison.
func comparesSecrets(t *testing.T, name string, src any) []string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					constants[n.Name] = true
				}
			}
		}
	}
	var found []string
	note := func(n ast.Node, sides ...ast.Expr) {
		secret := false
		for _, side := range sides {
			switch x := ast.Unparen(side).(type) {
			case *ast.BasicLit:
				return
			case *ast.Ident:
				if x.Name == "nil" || constants[x.Name] {
					return
				}
			}
			secret = secret || secretName.MatchString(lastName(side))
		}
		if secret {
			found = append(found, files.Position(n.Pos()).String())
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BinaryExpr:
			if x.Op == token.EQL || x.Op == token.NEQ {
				note(x, x.X, x.Y)
			}
		case *ast.CallExpr:
			switch lastName(x.Fun) {
			case "Equal", "EqualFold", "Compare", "DeepEqual":
				note(x, x.Args...)
			}
		}
		return true
	})
	return found
}

// lastName is the name that an expression ends with: of a.b.secret[:] it is
// secret, of string(token) it is token.
func lastName(e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.SliceExpr:
		return lastName(x.X)
	case *ast.IndexExpr:
		return lastName(x.X)
	case *ast.CallExpr:
		if f, ok := x.Fun.(*ast.Ident); ok && f.Name == "string" && len(x.Args) == 1 {
			return lastName(x.Args[0])
		}
	}
	return ""
}

// Secrets meet in constant time: what compares them is crypto/subtle or hmac.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	planted := `package p
func f(token, given string, s struct{ Secret []byte }) bool {
	return token == given || bytes.Equal(s.Secret, nil) || bytes.Equal([]byte(given), s.Secret[:]) || token == "" || s.Secret != nil || strings.EqualFold(given, string(token))
}`
	if found := comparesSecrets(t, "planted.go", planted); len(found) != 3 {
		t.Fatalf("of the three planted ones were found: %v", found)
	}
	for _, dir := range []string{"../verifier", "../issuer", "../sdk", "../demo"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				for _, at := range comparesSecrets(t, path, nil) {
					t.Errorf("%s: a secret is compared with something that stops at the first difference", at)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
