package web

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

func status(h http.Handler, path string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Result()
}

// shown is a board with one post that means ill.
type shown struct{}

func (shown) Posts(_ context.Context, before int64) ([]Post, int64, error) {
	return []Post{{ID: 7, Author: "<b>eve</b>", Text: "<script>alert(1)</script>", Verified: true, Earlier: 2}}, 7 - before, nil
}
func (shown) Poll() any { return nil }
func (shown) Record() *Record {
	return &Record{People: 300, State: 7, At: "12:00 UTC", Bars: Bars([]uint64{0, 150, 300})}
}

func (shown) Rules() Rules {
	return Rules{Posts: 5, Delegated: 6, Crowd: 300, Attacks: []Attack{{"Post with <no> proof", "A plain script.", "challenge_missing"}}}
}

// What the pages say of the board stands in them before any script runs.
func TestRulesWithoutScripts(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/": "5 verified posts per human a day", "/poll": "A board that drops the vote is caught by it",
		"/agent": "together comment 6 times a day here", "/bot": "Post with &lt;no&gt; proof",
	} {
		w := httptest.NewRecorder()
		board.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
}

// The feed can be read without JavaScript, and what people wrote stays text.
func TestFeedWithoutScripts(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	board.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	body := w.Body.String()
	if !strings.Contains(body, "&lt;script&gt;alert(1)&lt;/script&gt;") || strings.Contains(body, "<b>eve") || !strings.Contains(body, "verified human") {
		t.Error(body)
	}
	for _, want := range []string{
		`<a href="http://issuer.localhost:8080">Issuer</a>`, `id="record" href="http://issuer.localhost:8080"`, `<b>300</b> people on the list`,
		`<rect x="33.33" y="16" width="25" height="16"/>`, // half of the most
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the board does not lead to the issuer's record: no %s", want)
		}
	}
}

// The feed is read a page at a time, also without JavaScript.
func TestFeedInPages(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	const older, newest, hidden = `id="older" href="/?before=`, `<a class="button" href="/"`, ` hidden>`
	for path, want := range map[string][]string{
		"/":                   {older + `7">`, newest + hidden, ">Posts<", "2 earlier comments are not shown."},
		"/?before=3":          {older + `4">`, newest + ">", ">Older posts<"},
		"/?before=7":          {older + `0"` + hidden, newest + ">"},
		"/?before=<script>":   {older + `7">`, newest + hidden},
		"/?before=1&before=2": {older + `6">`},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = strings.TrimPrefix(path, "/?")
		if path == "/" {
			r.URL.RawQuery = ""
		}
		board.ServeHTTP(w, r)
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %s", path, text)
			}
		}
	}
}

func TestPages(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := Issuer(false)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/": 200, "/bot": 200, "/poll": 200, "/agent": 200, "/static/poll.js": 200, "/static/board.js": 200, "/static/panel.js": 200, "/static/board.css": 200, "/perhuman/perhuman.js": 200,
		"/enrol": 404, "/static/index.html": 404, "/static/enrol.js": 404, "/api/nothing": 404, "/perhuman/wallet/wallet.js": 404,
	} {
		if r := status(board, path); r.StatusCode != want {
			t.Errorf("board %s: %d, want %d", path, r.StatusCode, want)
		}
	}
	for path, want := range map[string]int{
		"/enrol": 200, "/static/enrol.js": 200, "/static/camera.js": 200, "/static/consent/zh.txt": 200, "/static/consent/en-parties.txt": 404, "/static/lang/es.js": 200, "/perhuman/bytes.js": 200, "/": 404, "/bot": 404,
	} {
		if r := status(issuer, path); r.StatusCode != want {
			t.Errorf("issuer %s: %d, want %d", path, r.StatusCode, want)
		}
	}
	if csp := status(issuer, "/enrol").Header.Get("Content-Security-Policy"); !strings.Contains(csp, "media-src blob:") {
		t.Errorf("enrolment: %s", csp)
	}
	// The board opens the wallet and must hear it; the enrolment page is itself
	// opened by a wallet and must not cut that tie.
	if csp := status(board, "/").Header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self' http://wallet.localhost:8080;") {
		t.Errorf("the board may not speak to the relay: %s", csp)
	}
	if got := status(board, "/").Header.Get("Cross-Origin-Opener-Policy"); got != "same-origin-allow-popups" {
		t.Errorf("board: opener policy %q", got)
	}
	if got := status(issuer, "/enrol").Header.Get("Cross-Origin-Opener-Policy"); got != "" {
		t.Errorf("enrolment: opener policy %q", got)
	}
}

// What a person agrees to must say what is kept, how long and how to delete,
// and that a browser camera is a demonstration.
func TestConsent(t *testing.T) {
	for split, only := range map[bool][]string{
		false: {"Three parties compare", "one operator", "seals them with the issuer's key", "The issuer of this demo opens it", "device signs it and cannot open it"},
		true: {"one operator", "any two of them together can read every template", "cuts them into three parts", "Only the three sealed parts are sent",
			"device signs them and the issuer passes them on; neither can open them", "The issuer keeps no template", "this page comes from it"},
	} {
		all, err := Consents(split)
		if err != nil {
			t.Fatal(err)
		}
		english := string(all[0].Text)
		for _, want := range []string{"demonstration", "What is kept, and for how long", "Who can compare it", "How to delete", "never leaves this page", "template", "Your choice"} {
			if !strings.Contains(english, want) {
				t.Errorf("the consent text (parties: %t) lacks %q", split, want)
			}
		}
		for i, words := range only { // the first belongs to the other text
			if strings.Contains(english, words) != (i > 0) {
				t.Errorf("the consent text (parties: %t), and %q", split, words)
			}
		}
		page, err := Issuer(split)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			rec := httptest.NewRecorder()
			page.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/static/consent/"+c.Language+".txt", nil))
			if rec.Body.String() != string(c.Text) {
				t.Errorf("the page shows another text in %s (parties: %t)", c.Language, split)
			}
		}
	}
}

// In every language the texts have the same parts, and nothing is left in
// English.
func TestConsentInEveryLanguage(t *testing.T) {
	plain, err := Consents(false)
	if err != nil {
		t.Fatal(err)
	}
	split, err := Consents(true)
	if err != nil {
		t.Fatal(err)
	}
	sections := func(c ConsentText) []string { return strings.Split(strings.TrimSpace(string(c.Text)), "\n\n") }
	for n, c := range plain {
		a, b := sections(c), sections(split[n])
		if len(a) != 6 || len(b) != 6 {
			t.Fatalf("%s: %d and %d parts", c.Language, len(a), len(b))
		}
		for i := range a {
			// The first two are the same however people are compared.
			if (a[i] == b[i]) != (i < 2) {
				t.Errorf("%s: part %d is the same with parties: %t", c.Language, i, a[i] == b[i])
			}
			for _, text := range []string{a[i], b[i]} {
				title, body, _ := strings.Cut(text, "\n")
				if title == "" || body == "" || strings.Contains(body, "\n") {
					t.Errorf("%s: part %d is not a heading and a paragraph", c.Language, i)
				}
				if n > 0 && (strings.Contains(text, " the ") || strings.Contains(text, " your ")) {
					t.Errorf("%s: part %d is in English", c.Language, i)
				}
				if data := strings.Contains(text, "./var"); data != strings.Contains(sections(plain[0])[i], "./var") {
					t.Errorf("%s: part %d names the data folder: %t", c.Language, i, data)
				}
			}
		}
	}
}

// The wallet says in which language the page is to be; without it the browser does.
func TestEnrolLanguage(t *testing.T) {
	page, err := Issuer(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"}, {"?lang=de", "es", "de"}, {"?lang=de-AT", "", "de"}, {"?lang=zh", "en", "zh"}, {"", "es-MX,en;q=0.5", "es"},
		{"", "fr, de;q=0.9, en;q=0.1", "de"}, {"", "fr", "en"}, {"?lang=fr", "zh-CN", "zh"}, {"?lang=%22%3E%3Cscript%3E", "", "en"}, {"?lang=" + strings.Repeat("de-", 3000), "", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/enrol"+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		rec := httptest.NewRecorder()
		page.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `<html lang="`+c.want+`">`) || !slices.Contains(rec.Header().Values("Vary"), "Accept-Language") {
			t.Errorf("%.60s, %s: %d %v, want %s", c.query, c.accept, rec.Code, rec.Header().Values("Vary"), c.want)
		}
	}
}

func TestSourcesFitThePolicy(t *testing.T) {
	bad := map[string]*regexp.Regexp{
		".html": regexp.MustCompile(`(?i)<style|\sstyle="|\son[a-z]+="|https?://`),
		".js":   regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|\beval\(`),
	}
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(name)
		for ext, re := range bad {
			if m := re.FindString(string(b)); strings.HasSuffix(name, ext) && m != "" {
				t.Errorf("%s: %q", name, m)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a link to a page says of it, and one name for each.
func TestHeads(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, path := range []string{"/", "/poll", "/agent", "/bot"} {
		w := httptest.NewRecorder()
		board.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		for _, re := range []string{`<title>(.+) · agora</title>`, `<meta name="description" content="([^"]{40,})">`, `<meta property="og:title" content="([^"]+)">`, `<meta property="og:description" content="([^"]{40,})">`} {
			m := regexp.MustCompile(re).FindStringSubmatch(w.Body.String())
			if m == nil {
				t.Errorf("%s has no %s", path, re)
				continue
			}
			if other, ok := seen[re+m[1]]; ok {
				t.Errorf("%s and %s both say %q", path, other, m[1])
			}
			seen[re+m[1]] = path
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="(/(?:static|perhuman)/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
			if r := status(board, m[1]); r.StatusCode != 200 {
				t.Errorf("%s names %s: %d", path, m[1], r.StatusCode)
			}
		}
	}
}

// The words of a time are those of the script's, so nothing moves when it runs.
func TestAgo(t *testing.T) {
	now := time.Unix(10_000_000, 0)
	for seconds, want := range map[uint64]string{
		0: "now", 59: "now", 60: "1 minute ago", 125: "2 minutes ago", 3599: "60 minutes ago", 3600: "1 hour ago", 7300: "2 hours ago",
		86400: "yesterday", 5 * 86400: "5 days ago",
	} {
		if got := ago(10_000_000-seconds, now); got != want {
			t.Errorf("%d s: %q, want %q", seconds, got, want)
		}
	}
	if got := ago(10_000_100, now); got != "now" {
		t.Errorf("a clock that is ahead: %q", got)
	}
}

// People who open an address get words; scripts and programs get the problem.
func TestWorded(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	h, err := Worded(board)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path, accept string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", accept)
		h.ServeHTTP(w, r)
		return w
	}
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	page := get("/nothing", browser)
	if page.Code != 404 || page.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(page.Header().Get("Content-Security-Policy"), "default-src 'none';") {
		t.Errorf("%d %v", page.Code, page.Header())
	}
	for _, want := range []string{"<h1>Nothing is at this address.</h1>", `href="/"`, "<code>not_found</code>", "<title>"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page lacks %s: %s", want, page.Body)
		}
	}
	if program := get("/nothing", "*/*"); program.Code != 404 || !strings.HasPrefix(program.Header().Get("Content-Type"), "application/problem+json") {
		t.Errorf("%d %v", program.Code, program.Header())
	}
	if fine := get("/", browser); fine.Code != 200 || !strings.Contains(fine.Body.String(), "Say something") {
		t.Errorf("%d", fine.Code)
	}
}

// Every code of the one table has a sentence for people.
func TestEveryCodeIsExplained(t *testing.T) {
	board, err := Board(shown{}, "http://wallet.localhost:8080", "http://issuer.localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	board.ServeHTTP(w, httptest.NewRequest("GET", "/perhuman/codes.js", nil))
	for _, row := range api.Table() {
		if !strings.Contains(w.Body.String(), "\n"+string(row.Code)+": ") {
			t.Errorf("codes.js has no words for %s", row.Code)
		}
	}
}
