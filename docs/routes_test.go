package docs

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/verifier/httpapi"
)

// listeners says which section of routes.md has the routes that a folder, or a
// file, of the source registers. Routes that stand elsewhere fail.
var listeners = map[string]string{
	"issuer/httpapi":                 "An issuer",
	"issuer/httpapi/admin":           "An issuer's operator",
	"issuer/biometric/mpc/party":     "A party of the private matcher",
	"sdk/cmd/perhuman/partyserve.go": "A party of the private matcher",
	"sdk/relay":                      "A wallet",
	"sdk/witness":                    "A witness",
	"verifier/httpapi":               "A verifier service",
	"verifier/httpapi/admin":         "A verifier's operator",
	"sdk/dev":                        "", // virtual people and their wallet, for development
	"sdk/loadtest":                   "", // two of a server that measures itself
	"sdk/web/test/support":           "",
}

var (
	registered = regexp.MustCompile(`\.Handle(?:Func)?\("([A-Z]+) (/[^"]*)"` + // of net/http
		`|\be\.(GET|POST|OPTIONS)\("(/[^"]*)"` + // of gin
		`|\{(?:Route\{http\.Method|")(\w+)"?, "(/[^"]*)"`) // of a table
	parameter = regexp.MustCompile(`[:*](\w+)|\{(\w+)\.\.\.\}`)
	promised  = regexp.MustCompile("`([A-Z]+ /[^`]*)`")
)

// routesIn lists the routes that a source registers.
func routesIn(source string) (out []string) {
	for _, m := range registered.FindAllStringSubmatch(source, -1) {
		path := parameter.ReplaceAllString(m[2]+m[4]+m[6], "{$1$2}")
		if strings.HasSuffix(path, "/v1/") { // and the name of a message
			path += "{message}"
		}
		out = append(out, strings.ToUpper(m[1]+m[3]+m[5])+" "+path)
	}
	return out
}

// Every route that the source registers is on the page, under who listens to
// it, and the page promises none beside.
func TestEveryRouteIsListed(t *testing.T) {
	planted := "mux.HandleFunc(\"GET /a/{x...}\", f)\n\te.POST(\"/b\", f)\n{Route{http.MethodGet, \"/c/:d\", Public}, f}\n{\"PATCH\", \"/e\", changes, f}\n"
	if got := strings.Join(routesIn(planted), ","); got != "GET /a/{x},POST /b,GET /c/{d},PATCH /e" {
		t.Fatal(got)
	}
	page, err := os.ReadFile("routes.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]map[string]bool{} // by section
	for _, part := range strings.Split(string(page), "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		listed[title] = map[string]bool{}
		for line := range strings.Lines(text) {
			if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok {
				for _, m := range promised.FindAllStringSubmatch(cell, -1) {
					listed[title][m[1]] = true
				}
			}
		}
	}
	there := map[string]map[string]bool{}
	add := func(section, route string) {
		if there[section] == nil {
			there[section] = map[string]bool{}
		}
		there[section][route] = true
	}
	for _, root := range []string{"issuer", "verifier", "sdk", "semaphore"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
			code := regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(string(source), "")
			for _, route := range routesIn(code) {
				section, known := listeners[file]
				if !known {
					section, known = listeners[filepath.ToSlash(filepath.Dir(file))]
				}
				if !known {
					t.Errorf("%s listens to %s: under which heading of routes.md?", file, route)
				} else if section != "" {
					add(section, route)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// The vendors' twins and the browsers' questions stand beside a route, in words.
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(httpapi.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	there["A verifier service"] = map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "options" && (path == "/siteverify" || !strings.HasSuffix(path, "/siteverify")) {
				add("A verifier service", strings.ToUpper(method)+" "+path)
			}
		}
		if !strings.Contains(string(page), path+"`") {
			t.Errorf("routes.md does not name %s", path)
		}
	}
	add("A verifier service", "GET "+web.Prefix+"perhuman.js")
	for _, path := range web.WidgetPaths() {
		if !strings.HasPrefix(path, web.Prefix) && !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("routes.md does not name %s", path)
		}
	}
	for section, routes := range there {
		for route := range routes {
			if !listed[section][route] {
				t.Errorf("routes.md, %q: there is no %s", section, route)
			}
		}
		for route := range listed[section] {
			if !routes[route] {
				t.Errorf("routes.md, %q: nobody listens to %s", section, route)
			}
		}
	}
	if len(there) != 7 || len(there["An issuer"]) < 15 {
		t.Errorf("%d listeners, %d routes of an issuer", len(there), len(there["An issuer"]))
	}
}
