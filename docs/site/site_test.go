package site

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/perhuman/perhuman/docs"
	"github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/verifier/httpapi"
)

// Every link of every page, and of llms.txt, leads to a page that is served and
// to a place that is on it; the text of every Markdown file is there.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	files, err := Pages(Config{OpenAPI: httpapi.OpenAPI()})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(body []byte) map[string]bool {
		out := map[string]bool{}
		for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllSubmatch(body, -1) {
			if out[string(m[1])] {
				t.Errorf("id %s stands twice on a page", m[1])
			}
			out[string(m[1])] = true
		}
		return out
	}
	links, pages := 0, 0
	for at, f := range files {
		if !strings.HasSuffix(f.Name, ".html") {
			continue
		}
		pages++
		if regexp.MustCompile(`<[^>]*\s(?:style|on[a-z]+)=`).Match(f.Body) {
			t.Errorf("%s has an inline style or handler, which its policy refuses", at)
		}
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllSubmatch(f.Body, -1) {
			to := string(m[1])
			if strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "/perhuman/") || to == "/" {
				continue
			}
			links++
			file, fragment, _ := strings.Cut(to, "#")
			switch {
			case file == "":
				file = at
			case !strings.HasPrefix(file, "/"):
				file = Prefix + file
			}
			target, ok := files[file]
			if !ok {
				t.Errorf("%s links to %s, which is not served", at, to)
			} else if fragment != "" && !ids(target.Body)[fragment] {
				t.Errorf("%s links to %s, and nothing there has that name", at, to)
			}
		}
	}
	if links < 500 || pages < 15 {
		t.Errorf("%d links on %d pages", links, pages)
	}
	for at, f := range files { // a program follows the links of the texts as they stand
		if !strings.HasSuffix(f.Name, ".txt") {
			continue
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllSubmatch(f.Body, -1) {
			to := string(m[1])
			if strings.Contains(to, "://") {
				continue
			}
			if !strings.HasPrefix(to, "/") {
				to = path.Join(path.Dir(at), to)
			}
			if _, ok := files[to]; !ok {
				t.Errorf("%s names %s, which is not served", at, m[1])
			}
		}
	}
	for _, want := range []string{"module is github.com/perhuman/perhuman.", "go install ./sdk/cmd/perhuman", "[Figures](/docs/benchmarks.md): Processor time"} {
		if !bytes.Contains(files["/llms.txt"].Body, []byte(want)) {
			t.Errorf("llms.txt does not say %q", want)
		}
	}
	second := string(files[Prefix+"how-it-works"].Body) // each page leads to those before and after it
	for _, want := range []string{`rel="prev" href="/docs/quick-start"`, `rel="next" href="/docs/comparison"`, `href="/docs/how-it-works.md">this page as text`} {
		if !strings.Contains(second, want) {
			t.Errorf("%s is missing", want)
		}
	}
	names, err := docs.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		source, _ := docs.Files.ReadFile(name.Name())
		if got := files[Prefix+name.Name()].Body; !bytes.Equal(got, source) {
			t.Errorf("%s is not served as it is", name.Name())
		}
	}
}

// The reference names every route and every field of the document.
func TestReference(t *testing.T) {
	p, err := reference(httpapi.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`/v1/verify <a class="anchor" href="#post-v1-verify"`, `id="shape-Verdict"`, "<code>idempotency_key</code>", `<a href="#shape-Proof">Proof</a>`, "array of"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	// Pages ask for challenges without a key, and nobody else for anything.
	challenges, rest, _ := strings.Cut(p.Body, `id="post-v1-verify"`)
	if !strings.Contains(challenges, "Asks for no key, or takes the app's") || !strings.Contains(rest, "Asks for the app's key") || strings.Contains(rest, "no key") {
		t.Error("who has to have a key is not said")
	}
	if _, err := reference([]byte("{")); err == nil {
		t.Error("half a document makes a page")
	}
}

// Markdown becomes pages whose links lead to pages, markup in texts is text, and
// what the plan does not know stands at the end.
func TestCollect(t *testing.T) {
	groups, err := collect(fstest.MapFS{
		"how-it-works.md": {Data: []byte("# How *it* works\n\nFirst `words`.\n\n## A part\n\n[there](zz.md#x), <script>alert(1)</script>\n\n| a |\n|---|\n| b |\n")},
		"zz.md":           {Data: []byte("# Last\n\n[home](quick-start.md)\n")},
	})
	if err != nil || len(groups) != 2 || groups[1].Title != "More" || groups[1].Pages[0].Nav != "Last" {
		t.Fatalf("%v %+v", err, groups)
	}
	p := groups[0].Pages[0]
	if p.Title != "How it works" || p.Summary != "First words." || len(p.Sections) != 1 || p.Sections[0] != (section{"a-part", "A part"}) {
		t.Errorf("%+v", p)
	}
	// Alignment is no style of a cell, which the pages' policy would refuse; cells know their columns.
	table, err := render("t", []byte("# T\n\n| `a` | n \"x\" |\n|---|--:|\n| b | 1 |\n"))
	if err != nil || !strings.Contains(table.Body, `<td data-th="a">b</td>`) || !strings.Contains(table.Body, `<td data-th="n &quot;x&quot;" align="right">1</td>`) {
		t.Error(err, table.Body)
	}
	if code := strings.Repeat("x", 33); !strings.Contains(widen("<table><tr><td><code>"+code+"</code> <code>-flag</code></td></tr></table>"), `<code class="long">`+code+`</code> <code class="flag">-flag</code>`) {
		t.Error("a long code in a cell cannot break, or a flag can")
	}
	if strings.Contains(p.Body, "<script") || !strings.Contains(p.Body, `href="zz#x"`) || !strings.Contains(p.Body, `<div class="scroll" tabindex="0"><table>`) {
		t.Error(p.Body)
	}
	if !strings.Contains(p.Body, `<a class="anchor" href="#a-part" aria-label="Link to: A part">#</a>`) {
		t.Error(p.Body)
	}
	if !strings.Contains(groups[1].Pages[0].Body, `href="quick-start"`) {
		t.Error(groups[1].Pages[0].Body)
	}
	if _, err := collect(fstest.MapFS{"a.md": {Data: []byte("no heading\n")}}); err == nil {
		t.Error("a page without a title")
	}
}

// Every drawing is there for a column and for a phone, of known size, with words
// for who does not see it, and no letter is smaller than ten pixels on a
// screen 360 wide.
func TestDrawings(t *testing.T) {
	files, err := Pages(Config{})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	shape := regexp.MustCompile(`<picture><source media="\(max-width: 44rem\)" srcset="([a-z-]+-narrow\.svg)" width="\d+" height="\d+"><img src="([a-z-]+\.svg)" width="\d+" height="\d+" alt="[^"]{20,}">`)
	letters := regexp.MustCompile(`font-size[:=]"?([0-9.]+)`)
	for name, f := range files {
		if !strings.HasSuffix(f.Name, ".html") {
			continue
		}
		body := string(f.Body)
		found := shape.FindAllStringSubmatch(body, -1)
		if n := strings.Count(body, "<img ") - strings.Count(body, `<img src="/perhuman/mark.svg"`); n != len(found) {
			t.Errorf("%s: %d of %d pictures are drawings in two shapes", name, len(found), n)
		}
		for _, m := range found {
			shown++
			for _, drawing := range m[1:] {
				svg := string(files[Prefix+drawing].Body)
				if !strings.Contains(svg, `role="img" aria-labelledby="t d"`) || !strings.Contains(svg, `<title id="t">`) || !strings.Contains(svg, `<desc id="d">`) || !strings.Contains(svg, "prefers-color-scheme: dark") {
					t.Errorf("%s: no title, no description or no dark colours", drawing)
				}
			}
			svg := string(files[Prefix+m[1]].Body)
			width, _ := strconv.ParseFloat(regexp.MustCompile(`viewBox="0 0 (\d+)`).FindStringSubmatch(svg)[1], 64)
			for _, size := range letters.FindAllStringSubmatch(svg, -1) {
				if px, _ := strconv.ParseFloat(size[1], 64); px*(360-32)/width < 10.2 {
					t.Errorf("%s: letters of %.1f pixels on a phone", m[1], px*(360-32)/width)
				}
			}
		}
	}
	if shown < 4 {
		t.Errorf("only %d drawings are shown", shown)
	}
}

// A site of its own host: pages and drawings come with their types and a
// policy that lets no script of others run.
func TestServed(t *testing.T) {
	files, err := Pages(Config{OpenAPI: httpapi.OpenAPI()})
	if err != nil {
		t.Fatal(err)
	}
	h, err := web.Serve(files, web.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	for path, kind := range map[string]string{"/docs/": "text/html; charset=utf-8", "/docs/roles.svg": "image/svg+xml", "/llms.txt": "text/plain; charset=utf-8", "/docs/errors.md": "text/plain; charset=utf-8", "/docs/openapi.json": "application/json"} {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || len(body) == 0 || strings.Contains(res.Header.Get("Content-Security-Policy"), "unsafe-inline") {
			t.Errorf("%s: %s %v", path, res.Status, res.Header)
		}
	}
	if _, err := web.Serve(map[string]web.File{"/x": {Name: "x.exe"}}, web.Policy{}); err == nil {
		t.Error("files of any type are served")
	}
}
