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
	for _, g := range groups {
		for _, p := range g.Pages {
			var out bytes.Buffer
			err := layout.Execute(&out, struct {
				Config
				*page
				HTML   template.HTML
				Groups []group
			}{cfg, p, template.HTML(p.Body), groups}) // #nosec G203 -- made above of our own files
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

// llms is an index in the form of llmstxt.org: a title, what this is, and a
// link to the Markdown of every page with its first sentences.
func llms(groups []group) []byte {
	var out strings.Builder
	out.WriteString("# perhuman\n\n> Limits any action of an app to unique humans without learning who they are: a Go SDK and services over Semaphore v4.\n")
	for _, g := range groups {
		fmt.Fprintf(&out, "\n## %s\n\n", g.Title)
		for _, p := range g.Pages {
			address := Prefix + p.Slug
			if p.source != nil {
				address += ".md"
			}
			fmt.Fprintf(&out, "- [%s](%s): %s\n", p.Title, address, p.Summary)
		}
	}
	return []byte(out.String())
}
