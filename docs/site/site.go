// Package site shows the documentation as pages: what stands in the Markdown
// files of package docs, a reference of the HTTP interface made from its OpenAPI
// document, and llms.txt, an index for programs that read instead of people.
//
//	pages, err := site.Pages(site.Config{OpenAPI: httpapi.OpenAPI()})
//	handler := web.Serve(pages, web.Policy{})
//
// The pages work without JavaScript, in light and dark, from 360 px on. They
// load sdk/web's style sheet, which the host serves beside them. Everything is
// made once, at the start, from what is embedded in the program.
package site

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"strings"

	"github.com/perhuman/perhuman/docs"
	"github.com/perhuman/perhuman/sdk/web"
)

// Prefix is where the pages live on their host.
const Prefix = "/docs/"

//go:embed page.html docs.css
var embedded embed.FS

// Config says what to show.
type Config struct {
	OpenAPI []byte // the document that the reference is made of; none leaves it out
	Home    string // address of the app that shows the pages; "/" if empty
	Name    string // and its name; "perhuman" if empty
}

// Pages makes the site: paths and the files behind them.
func Pages(cfg Config) (map[string]web.File, error) {
	if cfg.Home == "" {
		cfg.Home = "/"
	}
	if cfg.Name == "" {
		cfg.Name = "perhuman"
	}
	var extra []*page
	if cfg.OpenAPI != nil {
		p, err := reference(cfg.OpenAPI)
		if err != nil {
			return nil, err
		}
		extra = append(extra, p)
	}
	groups, err := collect(docs.Files, extra...)
	if err != nil {
		return nil, err
	}
	layout, err := template.ParseFS(embedded, "page.html")
	if err != nil {
		return nil, err
	}
	files := map[string]web.File{}
	first := groups[0].Pages[0]
	var order []*page
	for _, g := range groups {
		order = append(order, g.Pages...)
	}
	neighbour := func(n int) *page {
		if n < 0 || n >= len(order) {
			return nil
		}
		return order[n]
	}
	n := 0
	for _, g := range groups {
		for _, p := range g.Pages {
			before, after := neighbour(n-1), neighbour(n+1)
			n++
			text := address(p)
			var out bytes.Buffer
			err := layout.Execute(&out, struct {
				Config
				*page
				HTML   template.HTML
				Groups []group
				Before *page
				After  *page
				Text   string
			}{cfg, p, template.HTML(p.Body), groups, before, after, text}) // #nosec G203 -- made above of our own files
			if err != nil {
				return nil, fmt.Errorf("docs: page %s: %w", p.Slug, err)
			}
			files[Prefix+p.Slug] = web.File{Name: p.Slug + ".html", Body: out.Bytes()}
			if p.source != nil {
				files[Prefix+p.Slug+".md"] = web.File{Name: p.Slug + ".txt", Body: p.source}
			}
			if p == first {
				files[Prefix] = files[Prefix+p.Slug]
			}
		}
	}
	css, err := embedded.ReadFile("docs.css")
	if err != nil {
		return nil, err
	}
	files[Prefix+"docs.css"] = web.File{Name: "docs.css", Body: css}
	if cfg.OpenAPI != nil {
		files[Prefix+"openapi.json"] = web.File{Name: "openapi.json", Body: cfg.OpenAPI}
	}
	files["/llms.txt"] = web.File{Name: "llms.txt", Body: llms(groups)}
	drawings, err := fs.Glob(docs.Drawings, "*.svg")
	if err != nil {
		return nil, err
	}
	for _, name := range drawings {
		body, err := docs.Drawings.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[Prefix+name] = web.File{Name: name, Body: body}
	}
	return files, nil
}

// address is where a page stands for programs: its Markdown, or the document
// that it was made of.
func address(p *page) string {
	if p.source == nil {
		return Prefix + "openapi.json"
	}
	return Prefix + p.Slug + ".md"
}

// llms is an index in the form of llmstxt.org: a title, what this is, what a
// program has to know first, and a link to the text of every page with its first
// sentences.
func llms(groups []group) []byte {
	var out strings.Builder
	out.WriteString(`# perhuman

> Limits any action of an app to unique humans without learning who they are: a Go SDK and services over Semaphore v4.

To add it to an app, read "Quick start", then "Integrating in Go", which has a whole program and its test, or, for any other language, "Integrating over HTTP" with its OpenAPI document. In all of them:

- The Go module is github.com/perhuman/perhuman. Nothing is tagged yet: require v0.0.0 and replace it by the folder of a checkout. "go install ./sdk/cmd/perhuman" there gives the command perhuman.
- Keys of issuers and apps in these texts are cut short ("AVo...", "phk_live_..."): put real ones in their place, of an issuer or of "perhuman dev".
- The page has the element perhuman-check (served at /perhuman/perhuman.js); the app's server gets a response, a packed proof and a challenge with a dot between them, and asks the verifier.
- Only success: true lets a person through. A refusal says why in "code"; every code has its cause and remedy in "Every code".
- "perhuman dev -rp app.localhost:3000 -action post=5/day" runs everything an app needs while it is written, and prints its key and its addresses.
`)
	for _, g := range groups {
		fmt.Fprintf(&out, "\n## %s\n\n", g.Title)
		for _, p := range g.Pages {
			fmt.Fprintf(&out, "- [%s](%s): %s\n", p.Title, address(p), p.Summary)
		}
	}
	return []byte(out.String())
}
