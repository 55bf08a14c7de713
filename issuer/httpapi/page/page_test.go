package page

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/witness"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// story is an issuer that has lived for some weeks.
type story struct {
	*testkit.World
	i        *issuer.Issuer
	p        *Page
	enrolled int
	removed  int
}

func newStory(t testing.TB, days int, witnesses ...string) *story {
	t.Helper()
	s := &story{World: testkit.NewWorld(t, 3)}
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	cfg := s.Config(store, s.Matcher())
	cfg.Anchor, cfg.Window = 10*time.Minute, time.Hour
	if len(witnesses) > 0 {
		cfg.ErrorRates = []api.ErrorRate{{Modality: "iris", Claim: "one false match in 10 million comparisons", Data: "a synthetic population of 10,000 people"}}
	}
	var keys []string
	for _, name := range witnesses {
		key, vkey, err := setlog.GenerateWitnessKey(rand.Reader, name)
		if err != nil {
			t.Fatal(err)
		}
		keys, cfg.Witnesses = append(keys, key), append(cfg.Witnesses, vkey)
	}
	cfg.Quorum = (len(witnesses) + 1) / 2
	if s.i, err = issuer.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for day := range days {
		reqs := make([]api.EnrolmentRequest, 0, 8)
		for n := range (day*day+3)%5 + day/12 {
			reqs = append(reqs, s.Start(t, s.i, testkit.NewPerson(uint64(100*day+n))))
		}
		if _, err := s.i.EnrolMany(t.Context(), reqs); err != nil {
			t.Fatal(err)
		}
		s.enrolled += len(reqs)
		if day%9 == 8 {
			if err := s.i.Removal(t.Context(), uint64(day/9), true); err != nil {
				t.Fatal(err)
			}
			s.removed++
		}
		s.Clock.Move(24 * time.Hour)
	}
	for n, key := range keys[:len(keys)/2+len(keys)%2] { // some have signed, not all
		folder, err := witness.OpenFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = folder.Close() })
		w, err := witness.New(witness.Config{Key: key, Logs: []string{s.VKey}, Store: folder, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		_, checkpoint, size, err := s.i.Growth(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		line, err := w.Add(0, nil, checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.i.Cosign(cfg.Witnesses[n], size, line); err != nil {
			t.Fatal(err)
		}
	}
	s.p = New(s.i, s.Clock.Now)
	return s
}

func (s *story) html(t testing.TB) string {
	t.Helper()
	b, err := s.p.Render(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// words is the text of a page without its marks.
func words(html string) string {
	html = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).ReplaceAllString(html, " ")
	return strings.Join(strings.Fields(html), " ")
}

// The page counts what the log holds, says who watches and what is admitted,
// and holds no script, no address of elsewhere and no commitment.
func TestPage(t *testing.T) {
	s := newStory(t, 12, "north.example", "south.example", "west.example")
	html := s.html(t)
	text := words(html)
	for _, want := range []string{
		number(s.enrolled-s.removed) + " people are on the list now", number(s.enrolled) + " were added since", number(s.removed) + " were removed",
		"2 of 3 witnesses have signed", "north.example has signed", "west.example not yet", "2 of 3 are wanted", "Not private from the operator",
		"one false match in 10 million", "synthetic population of 10,000", "every 10 minutes", "within 1 hour", "up to 2 times", "perhuman audit -issuer",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(html, "<script") || strings.Contains(html, "http://") && strings.Count(html, "http://") != strings.Count(html, "http://www.w3.org") || strings.Contains(html, "https://") || regexp.MustCompile(`\son\w+=| style="`).MatchString(html) {
		t.Error("the page holds a script, an inline style or an address of elsewhere")
	}
	if strings.Contains(html, testkit.NewPerson(1).ID.Commitment().String()) {
		t.Error("a commitment is on the page")
	}
	if again := s.html(t); again != html {
		t.Error("made anew within five seconds")
	}
	if _, err := s.i.EnrolMany(t.Context(), []api.EnrolmentRequest{s.Start(t, s.i, testkit.NewPerson(99999))}); err != nil {
		t.Fatal(err)
	}
	s.Clock.Move(keep)
	if text := words(s.html(t)); !strings.Contains(text, number(s.enrolled+1)+" were added since") {
		t.Error("the newest entry is not counted")
	}

	linked := New(s.i, s.Clock.Now, Link{"Enrol", "https://issuer.example/enrol"}, Link{"Script", "javascript:alert(1)"})
	b, err := linked.Render(t.Context())
	if err != nil || !strings.Contains(string(b), `<a href="https://issuer.example/enrol">Enrol</a>`) || strings.Contains(string(b), "javascript:") {
		t.Errorf("the links of the head: %v", err)
	}

	bare := words(newStory(t, 1).html(t))
	for _, want := range []string{"Nobody besides the issuer signs this record", "states no error rates", "3 people are on the list now"} {
		if !strings.Contains(bare, want) {
			t.Errorf("no %q in\n%s", want, bare)
		}
	}
}

// A chart of years has no more steps than can be seen, and loses nobody.
func TestSpans(t *testing.T) {
	for _, c := range []struct{ days, steps int }{{1, 1}, {2, 2}, {90, 90}, {91, 46}, {400, 80}, {3653, 90}} {
		var days []Day
		live := 0
		for d := range c.days {
			if d%3 == 1 && d != c.days-1 {
				continue
			}
			live++
			days = append(days, Day{Day: uint32(19000 + d), Enrolled: 2, Removed: 1, Live: uint64(live)})
		}
		s := spans(days, uint32(19000+c.days-1))
		if len(s) > maxSpans || len(s) != c.steps {
			t.Errorf("%d days: %d steps, %d expected", c.days, len(s), c.steps)
		}
		enrolled, removed := 0, 0
		for _, x := range s {
			enrolled, removed = enrolled+x.Enrolled, removed+x.Removed
		}
		if enrolled != 2*len(days) || removed != len(days) || s[len(s)-1].Live != live {
			t.Errorf("%d days: %d, %d, %d", c.days, enrolled, removed, s[len(s)-1].Live)
		}
		if d := draw(s); d.Top < live || d.Most < 2 || strings.Contains(d.Area, "NaN") {
			t.Errorf("%+v", d)
		}
	}
	// A list of today begins a week back, at nothing; an older one where it began.
	if s := lead(spans([]Day{{Day: 19000, Enrolled: 3, Live: 3}}, 19000)); len(s) != leadIn || s[0].Live != 0 || s[6].Live != 3 || s[6].First.Sub(s[0].First) != 6*24*time.Hour {
		t.Errorf("%+v", s)
	}
	if s := spans([]Day{{Day: 19000, Enrolled: 3, Live: 3}}, 19030); len(lead(s)) != len(s) {
		t.Error("a month has days before it")
	}
	if draw(nil) != (chart{}) || spans(nil, 5) != nil {
		t.Error("nothing is something")
	}
	for n, want := range map[int]int{0: 2, 1: 2, 3: 4, 5: 10, 10: 10, 11: 20, 999999: 1000000} {
		if got := round(n); got != want {
			t.Errorf("round(%d) = %d", n, got)
		}
	}
	for s, want := range map[uint64]string{1: "1 second", 90: "90 seconds", 600: "10 minutes", 3600: "1 hour", 86400: "1 day", 2592000: "30 days"} {
		if long(s) != want {
			t.Errorf("%d: %s", s, long(s))
		}
	}
	if number(uint64(1234567)) != "1,234,567" || number(12) != "12" {
		t.Error(number(1234567))
	}
}

// The page's colours are those of every other page.
func TestSameHand(t *testing.T) {
	shared, err := os.ReadFile("../../../sdk/web/style.css")
	if err != nil {
		t.Fatal(err)
	}
	tokens := regexp.MustCompile(`(?m)^  (--[\w-]+: .*;)$`).FindAllStringSubmatch(style, -1)
	if len(tokens) < 20 {
		t.Fatalf("%d tokens", len(tokens))
	}
	for _, m := range tokens {
		if !strings.Contains(string(shared), m[1]) {
			t.Errorf("%s is not in sdk/web/style.css", m[1])
		}
	}
}

// browserStory opens the page with scripts off and on, light and dark, wide and
// narrow: it is the same, nothing sticks out, axe finds nothing, and the browser
// does not complain about the page's own policy.
const browserStory = `
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const [dir, chromium, shots, ...urls] = process.argv.slice(2)
const require = createRequire(dir + '/')
const browser = await require('playwright-core').chromium.launch({ executablePath: chromium, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'] })
const fail = m => { console.error(m); process.exitCode = 1 }
try {
  for (const [n, url] of urls.entries()) for (const [width, colorScheme] of [[1280, 'light'], [360, 'dark'], [768, 'dark'], [360, 'light']]) {
    const off = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, javaScriptEnabled: false })
    const plain = await off.newPage()
    await plain.goto(url)
    const height = (await plain.locator('main').boundingBox()).height
    if (shots) await plain.screenshot({ path: shots + '/page' + n + '-' + width + '-' + colorScheme + '.png', fullPage: true })
    await off.close()
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
    const p = await context.newPage()
    p.on('console', m => { if (m.type() === 'error') fail('console: ' + m.text()) })
    p.on('request', r => { if (r.url() !== url && !r.url().endsWith('/favicon.ico')) fail('it asks for ' + r.url()) })
    await p.goto(url)
    if (Math.abs((await p.locator('main').boundingBox()).height - height) > 1) fail('another page without scripts')
    const axe = await context.newCDPSession(p)
    const run = async expression => {
      const { result, exceptionDetails } = await axe.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) fail(exceptionDetails.text)
      return result.value
    }
    const wide = await run('document.documentElement.scrollWidth')
    if (wide > width) fail('the page is ' + wide + ' wide at ' + width)
    await run("document.querySelector('details').open = true")
    await run(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') + ';0')
    const found = await run("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join('; ')))")
    for (const v of found) fail(v)
    await context.close()
  }
} finally { await browser.close() }
`

func TestPageInABrowser(t *testing.T) {
	dir, err := filepath.Abs("../../../sdk/web/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	for _, need := range []string{chromium, filepath.Join(dir, "playwright-core"), filepath.Join(dir, "axe-core")} {
		if _, err := os.Stat(need); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing, which is an error under CI=true", need)
			}
			t.Skipf("no browser story: %s is missing", need)
		}
	}
	args := []string{filepath.Join(t.TempDir(), "story.mjs"), dir, chromium, os.Getenv("PERHUMAN_SHOTS")}
	for _, s := range []*story{newStory(t, 30, "north.example", "south.example", "west.example"), newStory(t, 1)} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Security-Policy", s.p.Security())
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(s.html(t)))
		}))
		defer srv.Close()
		args = append(args, srv.URL+"/")
	}
	if err := os.WriteFile(args[0], []byte(browserStory), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "node", args...).CombinedOutput(); err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
