package site

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/perhuman/perhuman/docs"
)

// page is one page of the site.
type page struct {
	Slug, Title string
	Nav         string // what the list of pages calls it
	Summary     string // its first paragraph, as text
	Body        string // HTML
	Sections    []section
	source      []byte // Markdown, or nil
}

// section is a heading of the second level.
type section struct{ ID, Title string }

// group is a part of the list of pages.
type group struct {
	Title string
	Pages []*page
}

// plan is the order in which pages are read: the group's title, then names of
// files without .md and what the list calls them. Pages that it does not name
// stand at the end.
var plan = [...]struct {
	title string
	pages [][2]string
}{
	{"Begin", [][2]string{{"quick-start", "Quick start"}, {"how-it-works", "How it works"}, {"comparison", "Beside its peers"}}},
	{"Integrate", [][2]string{{"integrate-go", "In Go"}, {"integrate-http", "Over HTTP"}, {"replace-captcha", "In place of a CAPTCHA"}, {"agents", "Agents"}, {"polls", "Polls"}, {"hand-over", "Phone and desktop"}, {apiSlug, "HTTP reference"}, {"routes", "Every route"}, {"errors", "Error codes"}}},
	{"Run", [][2]string{{"operations", "A verifier"}, {"storage", "Storage of a verifier"}, {"issuer", "An issuer"}, {"issuer-storage", "Storage of an issuer"}, {"life-of-a-person", "The life of a person"}, {"wallet", "A wallet"}, {"benchmarks", "Figures"}}},
	{"Trust", [][2]string{{"threat-model", "Threat model"}, {"private-matcher", "Private matcher"}, {"batch-verification", "Batches"}, {"security", "Security"}}},
	{"Project", [][2]string{{"stability", "What stays stable"}, {"changelog", "Changelog"}, {"dependencies", "Dependencies"}}},
}

// collect renders every Markdown file of a folder and puts them in order.
func collect(folder fs.FS, extra ...*page) ([]group, error) {
	names, err := fs.Glob(folder, "*.md")
	if err != nil {
		return nil, err
	}
	bySlug := map[string]*page{}
	for _, p := range extra {
		bySlug[p.Slug] = p
	}
	for _, name := range names {
		source, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		p, err := render(strings.TrimSuffix(name, ".md"), source)
		if err != nil {
			return nil, fmt.Errorf("docs: %s: %w", name, err)
		}
		bySlug[p.Slug] = p
	}
	var groups []group
	for _, g := range plan {
		made := group{Title: g.title}
		for _, want := range g.pages {
			if p := bySlug[want[0]]; p != nil {
				p.Nav = want[1]
				made.Pages = append(made.Pages, p)
				delete(bySlug, want[0])
			}
		}
		if len(made.Pages) > 0 {
			groups = append(groups, made)
		}
	}
	if len(bySlug) > 0 {
		more := group{Title: "More"}
		for _, p := range bySlug {
			p.Nav = p.Title
			more.Pages = append(more.Pages, p)
		}
		slices.SortFunc(more.Pages, func(a, b *page) int { return strings.Compare(a.Slug, b.Slug) })
		groups = append(groups, more)
	}
	return groups, nil
}

// render makes a page of Markdown: its title is the first heading, its summary
// the first paragraph.
func render(slug string, source []byte) (*page, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	doc := md.Parser().Parse(text.NewReader(source))
	p := &page{Slug: slug, source: source}
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			switch id, _ := n.AttributeString("id"); {
			case n.Level == 1 && p.Title == "":
				p.Title = plain(n, source)
			case n.Level == 2:
				name, _ := id.([]byte)
				p.Sections = append(p.Sections, section{string(name), plain(n, source)})
			}
		case *ast.Paragraph:
			if s := plain(n, source); p.Summary == "" && n.FirstChild().Kind() != ast.KindImage {
				p.Summary = s
			}
		case *ast.Link:
			n.Destination = []byte(target(string(n.Destination)))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return nil, err
	}
	if p.Title == "" {
		return nil, fmt.Errorf("no heading of the first level")
	}
	var out bytes.Buffer
	if err := md.Renderer().Render(&out, source, doc); err != nil {
		return nil, err
	}
	p.Body = widen(out.String())
	return p, nil
}

// target turns a link between files into one between pages.
func target(to string) string {
	file, fragment, _ := strings.Cut(to, "#")
	if fragment != "" {
		fragment = "#" + fragment
	}
	switch {
	case path.Ext(file) == ".md" && !strings.Contains(file, "/"):
		return strings.TrimSuffix(file, ".md") + fragment
	}
	return to
}

var (
	drawings = regexp.MustCompile(`<p><img src="([a-z-]+)\.svg"([^>]*)></p>`)
	viewBox  = regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`)
)

// draw shows a drawing in one of its two shapes, for a column or for a phone, so
// that its letters can be read on either. Their sizes are told, so that the text
// below does not move when they come.
func draw(img string) string {
	m := drawings.FindStringSubmatch(img)
	size := func(name string) string {
		svg, _ := docs.Drawings.ReadFile(name) // no file, no size: a test sees it
		return viewBox.ReplaceAllString(viewBox.FindString(string(svg)), `width="$1" height="$2"`)
	}
	narrow, wide := m[1]+"-narrow.svg", m[1]+".svg"
	return fmt.Sprintf(`<p class="drawing"><picture><source media="(max-width: 44rem)" srcset="%s" %s><img src="%s" %s%s></picture></p>`,
		narrow, size(narrow), wide, size(wide), m[2])
}

// headings of sections, which can be linked to.
var headings = regexp.MustCompile(`(?s)<(h[23]) id="([^"]*)"([^>]*)>(.*?)</h[23]>`)

var (
	tables = regexp.MustCompile(`(?s)<table>.*?</table>`)
	rows   = regexp.MustCompile(`(?s)<tr>.*?</tr>`)
	cells  = regexp.MustCompile(`(?s)<(t[hd])([^>]*)>(.*?)</t[hd]>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
)

// label writes into every cell what its column is called: on a phone a row is
// shown as a list of them.
func label(html string) string {
	return tables.ReplaceAllStringFunc(html, func(table string) string {
		var names []string
		for _, th := range cells.FindAllStringSubmatch(rows.FindString(table), -1) {
			names = append(names, tags.ReplaceAllString(th[3], ""))
		}
		first := true
		return rows.ReplaceAllStringFunc(table, func(row string) string {
			if first {
				first = false
				return row
			}
			n := -1
			return cells.ReplaceAllStringFunc(row, func(cell string) string {
				m := cells.FindStringSubmatch(cell)
				if n++; n >= len(names) {
					return cell
				}
				return fmt.Sprintf(`<%[1]s data-th="%[2]s"%[3]s>%[4]s</%[1]s>`, m[1], strings.ReplaceAll(names[n], `"`, "&quot;"), m[2], m[3])
			})
		})
	})
}

// long finds code in a cell that no line of a table has room for: it may break
// anywhere. Names of codes and flags are shorter, and stay whole.
var long = regexp.MustCompile(`<code>[^<]{33,}</code>`)

// flags, whose dash is no place to break a line.
var flags = regexp.MustCompile(`<code>(-[a-z-]{1,24})</code>`)

// widen lets what is wider than a phone scroll by itself, by keyboard too.
func widen(html string) string {
	html = tables.ReplaceAllStringFunc(html, func(table string) string {
		return long.ReplaceAllStringFunc(table, func(code string) string {
			return strings.Replace(code, "<code>", `<code class="long">`, 1)
		})
	})
	html = flags.ReplaceAllString(html, `<code class="flag">$1</code>`)
	html = headings.ReplaceAllStringFunc(label(html), func(heading string) string {
		m := headings.FindStringSubmatch(heading)
		name := strings.ReplaceAll(tags.ReplaceAllString(m[4], ""), `"`, "&quot;")
		return fmt.Sprintf(`<%[1]s id="%[2]s"%[3]s>%[4]s <a class="anchor" href="#%[2]s" aria-label="Link to: %[5]s">#</a></%[1]s>`, m[1], m[2], m[3], m[4], name)
	})
	html = drawings.ReplaceAllStringFunc(html, draw)
	return strings.NewReplacer(
		"<table>", `<div class="scroll" tabindex="0"><table>`, "</table>", "</table></div>",
		"<th></th>", "<td></td>", // a corner names nothing
		"<pre>", `<pre tabindex="0">`,
	).Replace(html)
}

// plain is the text of a node, without marks.
func plain(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch n := n.(type) {
			case *ast.Text:
				out.Write(n.Segment.Value(source))
				if n.SoftLineBreak() {
					out.WriteByte(' ')
				}
			case *ast.String:
				out.Write(n.Value)
			}
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}
