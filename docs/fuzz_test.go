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

// parserName is how functions are called that read bytes from outside.
var parserName = regexp.MustCompile(`^(Parse|Decode|Decompress|Open|Read)[A-Z]`)

// TestParsersAreFuzzed: each exported function of semaphore/... that reads
// bytes, text or a stream is called by a fuzz target of its folder, which
// `make fuzz` finds by its name.
func TestParsersAreFuzzed(t *testing.T) {
	parsers := map[string][]string{}       // by folder
	called := map[string]map[string]bool{} // by fuzz targets, by folder
	err := filepath.WalkDir("../semaphore", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.Dir(path)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if !strings.HasSuffix(path, "_test.go") {
				if parserName.MatchString(f.Name.Name) && readsBytes(f.Type.Params) {
					parsers[folder] = append(parsers[folder], f.Name.Name)
				}
				continue
			}
			if !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			if called[folder] == nil {
				called[folder] = map[string]bool{}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					called[folder][id.Name] = true
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for folder, names := range parsers {
		for _, name := range names {
			found++
			if !called[folder][name] {
				t.Errorf("%s: no fuzz target calls %s", folder, name)
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d parsers found", found)
	}
}

// readsBytes tells whether a parameter is a string, []byte, byte array or
// io.Reader.
func readsBytes(params *ast.FieldList) bool {
	for _, p := range params.List {
		switch x := p.Type.(type) {
		case *ast.Ident:
			if x.Name == "string" {
				return true
			}
		case *ast.ArrayType:
			if id, ok := x.Elt.(*ast.Ident); ok && id.Name == "byte" {
				return true
			}
		case *ast.SelectorExpr:
			if strings.HasPrefix(x.Sel.Name, "Reader") {
				return true
			}
		}
	}
	return false
}
