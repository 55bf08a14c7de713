package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

const apiSlug = "http-reference"

// openAPI is what the reference shows of an OpenAPI 3.1 document. Maps of the
// document have no order, so paths are taken in the order they stand there.
type openAPI struct {
	Info struct {
		Title, Version, Description string
	}
	Paths      ordered[map[string]operation]
	Components struct {
		Schemas ordered[schema]
	}
}

type operation struct {
	Summary, Description string
	Security             []map[string][]string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
		Schema                schema
	}
	RequestBody struct {
		Content ordered[struct{ Schema schema }]
	}
	Responses ordered[struct {
		Description string
		Content     ordered[struct{ Schema schema }]
	}]
}

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Description string
	Format      string
	Pattern     string
	Enum        []any
	Const       any
	Minimum     *float64
	Maximum     *float64
	MinItems    *int
	MaxItems    *int
	MaxLength   *int
	Items       *schema
	Properties  ordered[schema]
	Required    []string
	OneOf       []schema
	AnyOf       []schema
}

// ordered is a JSON object whose names keep their order.
type ordered[T any] struct {
	Names []string
	By    map[string]T
}

func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	o.By = map[string]T{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		o.Names = append(o.Names, fmt.Sprint(name))
		o.By[fmt.Sprint(name)] = v
	}
	return nil
}

// reference makes the page of an OpenAPI document.
func reference(document []byte) (*page, error) {
	var doc openAPI
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("docs: openapi: %w", err)
	}
	p := &page{Slug: apiSlug, Title: "HTTP reference", Summary: "Every route of the verifier service, with its fields. The service itself serves this document at /openapi.json and is held to it by its tests. Routes of the other services are in the list of every route."}
	var out strings.Builder
	fmt.Fprintf(&out, "<h1>%s</h1>\n<p>%s</p>\n", p.Title, template.HTMLEscapeString(p.Summary))
	for _, path := range doc.Paths.Names {
		methods := doc.Paths.By[path]
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if method == "options" { // browsers ask that by themselves
				continue
			}
			id := method + strings.Trim(strings.Map(func(r rune) rune {
				if strings.ContainsRune("/._{}", r) {
					return '-'
				}
				return r
			}, path), "")
			title := strings.ToUpper(method) + " " + path
			p.Sections = append(p.Sections, section{id, title})
			operationHTML(&out, id, method, path, methods[method])
		}
	}
	p.Sections = append(p.Sections, section{"shapes", "Shapes"})
	out.WriteString("<h2 id=\"shapes\">Shapes</h2>\n")
	for _, name := range doc.Components.Schemas.Names {
		s := doc.Components.Schemas.By[name]
		fmt.Fprintf(&out, "<h3 id=\"shape-%s\">%[1]s</h3>\n", template.HTMLEscapeString(name))
		if s.Description != "" {
			fmt.Fprintf(&out, "<p>%s</p>\n", template.HTMLEscapeString(s.Description))
		}
		if len(s.Properties.Names) == 0 {
			fmt.Fprintf(&out, "<p>%s</p>\n", s.html())
			continue
		}
		out.WriteString("<table><thead><tr><th>field</th><th>is</th><th>what</th></tr></thead><tbody>\n")
		for _, field := range s.Properties.Names {
			f := s.Properties.By[field]
			must := ""
			if slices.Contains(s.Required, field) {
				must = " (always)"
			}
			fmt.Fprintf(&out, "<tr><td><code>%s</code>%s</td><td>%s</td><td>%s</td></tr>\n", template.HTMLEscapeString(field), must, f.html(), template.HTMLEscapeString(f.Description))
		}
		out.WriteString("</tbody></table>\n")
	}
	p.Body = widen(out.String())
	return p, nil
}

func operationHTML(out *strings.Builder, id, method, path string, o operation) {
	esc := template.HTMLEscapeString
	fmt.Fprintf(out, "<h2 id=\"%s\"><span class=\"way\">%s</span> %s</h2>\n<p>%s %s</p>\n", esc(id), strings.ToUpper(esc(method)), esc(path), esc(o.Summary), esc(o.Description))
	switch without := func(way map[string][]string) bool { return len(way) == 0 }; {
	case slices.ContainsFunc(o.Security, without):
		out.WriteString("<p>Asks for no key, or takes the app's: <code>Authorization: Bearer</code>.</p>\n")
	case len(o.Security) > 0:
		out.WriteString("<p>Asks for the app's key: <code>Authorization: Bearer</code>.</p>\n")
	}
	if len(o.Parameters) > 0 {
		out.WriteString("<table><thead><tr><th>parameter</th><th>in</th><th>is</th><th>what</th></tr></thead><tbody>\n")
		for _, q := range o.Parameters {
			fmt.Fprintf(out, "<tr><td><code>%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>\n", esc(q.Name), esc(q.In), q.Schema.html(), esc(q.Description))
		}
		out.WriteString("</tbody></table>\n")
	}
	kinds := map[string][]string{} // by what is taken
	var takes []string
	for _, kind := range o.RequestBody.Content.Names {
		what := o.RequestBody.Content.By[kind].Schema.html()
		if kinds[what] == nil {
			takes = append(takes, what)
		}
		kinds[what] = append(kinds[what], "<code>"+esc(kind)+"</code>")
	}
	for _, what := range takes {
		fmt.Fprintf(out, "<p>Takes %s, %s.</p>\n", what, strings.Join(kinds[what], " or "))
	}
	var problems []string
	for _, status := range o.Responses.Names {
		r := o.Responses.By[status]
		if r.Description == "" { // a shared one: a problem
			problems = append(problems, status)
			continue
		}
		fmt.Fprintf(out, "<p><code>%s</code>: %s", esc(status), esc(r.Description))
		for i, kind := range r.Content.Names {
			if s := r.Content.By[kind].Schema; i == 0 && s.Ref != "" {
				fmt.Fprintf(out, " %s.", s.html())
			}
		}
		out.WriteString("</p>\n")
	}
	if len(problems) > 0 {
		fmt.Fprintf(out, "<p><code>%s</code>: a %s; <a href=\"errors\">every code</a> with its cause and remedy.</p>\n", strings.Join(problems, "</code>, <code>"), schema{Ref: "#/Problem"}.html())
	}
}

// html says in a few words what a value is.
func (s schema) html() string {
	esc := template.HTMLEscapeString
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return fmt.Sprintf("<a href=\"#shape-%s\">%[1]s</a>", esc(name))
	}
	if any := append(slices.Clone(s.OneOf), s.AnyOf...); len(any) > 0 {
		var each []string
		for _, a := range any {
			each = append(each, a.html())
		}
		return strings.Join(each, " or ")
	}
	if s.Const != nil {
		return "<code>" + esc(fmt.Sprint(s.Const)) + "</code>"
	}
	if len(s.Enum) > 0 {
		var each []string
		for _, e := range s.Enum {
			each = append(each, "<code>"+esc(fmt.Sprint(e))+"</code>")
		}
		return strings.Join(each, ", ")
	}
	words := []string{}
	switch t := s.Type.(type) {
	case string:
		words = append(words, t)
	case []any:
		for i, e := range t {
			if i > 0 {
				words = append(words, "or")
			}
			words = append(words, fmt.Sprint(e))
		}
	}
	if s.Items != nil {
		words = append(words, "of", s.Items.html())
	}
	if s.Format != "" {
		words = append(words, "("+esc(s.Format)+")")
	}
	bounds := func(low, high string) {
		switch {
		case low != "" && high != "":
			words = append(words, low+" to "+high)
		case low != "":
			words = append(words, "from "+low)
		case high != "":
			words = append(words, "up to "+high)
		}
	}
	bounds(number(s.Minimum), number(s.Maximum))
	bounds(number(s.MinItems), number(s.MaxItems))
	bounds("", number(s.MaxLength))
	if s.Pattern != "" {
		words = append(words, "<code>"+esc(s.Pattern)+"</code>")
	}
	return strings.Join(words, " ")
}

func number[T int | float64](n *T) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}
