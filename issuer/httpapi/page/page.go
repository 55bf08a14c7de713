// Package page is the front page of an issuer: what it has done, in words and
// pictures for people who do not read logs. It is HTML and SVG made on the
// server, with no script; everything in it comes from the public log and the
// public metadata.
//
//	p := page.New(iss, time.Now)
//	html, err := p.Render(ctx)          // blocks while it reads new entries of the log
//	header.Set("Content-Security-Policy", p.Security())
//
// Entries are counted once and kept by the day. A page over a large log that was
// just opened says how far the count is and asks to be loaded again.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
)

//go:embed page.html
var text string

//go:embed page.css
var style string

//go:embed mark.svg
var mark string

const (
	keep      = 5 * time.Second // a page is made at most this often
	longDate  = "2 January 2006"
	shortDate = "2 Jan 2006"
	lastRoots = 8
	lastDays  = 31 // rows of the table
)

// Page makes the page of one issuer. Safe for concurrent use.
type Page struct {
	issuer   *issuer.Issuer
	now      func() time.Time
	template *template.Template
	security string
	links    []Link
	growth   growth

	mu   sync.Mutex
	made []byte
	at   time.Time
}

// Link leads from the page to elsewhere, e.g. to where people enrol.
type Link struct{ Name, URL string }

// New makes a Page. The links stand in its head.
func New(i *issuer.Issuer, now func() time.Time, links ...Link) *Page {
	sum := sha256.Sum256([]byte(style))
	return &Page{
		issuer: i, now: now, links: links,
		template: template.Must(template.New("page").Funcs(template.FuncMap{
			"number": number, "long": long, "css": func() template.CSS { return template.CSS(style) }, // #nosec G203 -- our own file
			"mark": func() template.HTML { return template.HTML(mark) }, // #nosec G203 -- our own file
		}).Parse(text)),
		security: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// Security is the Content-Security-Policy of the page: its own style, and
// nothing else from anywhere.
func (p *Page) Security() string { return p.security }

// Render gives the page, at most five seconds old.
func (p *Page) Render(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if age := now.Sub(p.at); p.made != nil && age >= 0 && age < keep {
		return p.made, nil
	}
	v, err := p.view(ctx, now)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, v); err != nil {
		return nil, api.Wrap(api.Internal, fmt.Errorf("page: %w", err))
	}
	if p.made, p.at = b.Bytes(), now; v.Counted < v.Entries {
		p.at = time.Time{} // the next one is further
	}
	return b.Bytes(), nil
}

// view is what the template shows.
type view struct {
	Info                     api.IssuerInfo
	Now                      time.Time
	Current                  issuer.Current
	Entries, Counted         int64
	Enrolled, Removed, Moved int
	Chart                    chart
	Since                    string // the day of the first entry
	Links                    []Link
	Wide                     int // days in a step of the chart
	Days                     []row
	Hidden                   int // days with entries that the table leaves out
	Roots                    []root
	Witnesses                []watcher
	Signed                   int
	Rules                    []time.Time // when the published rules changed
	LastRules                time.Time
	Keys                     []string
}

type row struct {
	Date                     time.Time
	Enrolled, Removed, Moved int
	Live                     uint64
}

type root struct {
	Seq        uint64
	Mark       string // first and last digits of the root
	Whole      string
	Live       uint64
	Created    time.Time
	Superseded time.Time
}

type watcher struct {
	Name, VKey string
	Signed     bool
}

func (p *Page) view(ctx context.Context, now time.Time) (*view, error) {
	current, ok := p.issuer.Current()
	if !ok {
		return nil, api.Errorf(api.NotFound, "nothing has been published yet")
	}
	days, counted, err := p.growth.upTo(ctx, p.issuer, current.LogSize)
	if err != nil {
		return nil, err
	}
	info := p.issuer.Info()
	v := &view{Info: info, Now: now.UTC(), Links: p.links, Current: current, Entries: current.LogSize, Counted: counted, Keys: info.VKeys}
	if len(v.Keys) == 0 {
		v.Keys = []string{info.VKey}
	}
	for n, d := range days {
		v.Enrolled += d.Enrolled
		v.Removed += d.Removed
		v.Moved += d.Rekeyed
		if d.Policies > 0 {
			v.LastRules = date(d.Day)
			v.Rules = append(v.Rules, v.LastRules)
		}
		if n >= len(days)-lastDays {
			v.Days = append(v.Days, row{date(d.Day), d.Enrolled, d.Removed, d.Rekeyed, d.Live})
		}
	}
	v.Hidden = len(days) - len(v.Days)
	steps := spans(days, uint32(max(now.Unix(), 0)/86400)) // #nosec G115 -- days since 1970
	v.Chart = draw(lead(steps))
	if len(steps) > 0 {
		v.Since = steps[0].First.Format(longDate)
		v.Wide = int(steps[0].Last.Sub(steps[0].First).Hours()/24) + 1
	}
	for _, r := range p.issuer.Recent(lastRoots) {
		whole := r.Root.String()
		short := whole
		if len(whole) > 16 {
			short = whole[:8] + "…" + whole[len(whole)-8:]
		}
		v.Roots = append(v.Roots, root{r.Seq, short, whole, r.Live, r.Created.UTC(), r.Superseded})
	}
	w := p.issuer.Witnesses()
	v.Signed = len(w.Signed)
	have := map[string]bool{}
	for _, vkey := range w.Signed {
		have[vkey] = true
	}
	for _, vkey := range info.Witnesses {
		name, _, _ := strings.Cut(vkey, "+")
		v.Witnesses = append(v.Witnesses, watcher{name, vkey, have[vkey]})
	}
	return v, nil
}

// number writes 1234567 as 1,234,567.
func number(n any) string {
	s := fmt.Sprint(n)
	if _, err := strconv.ParseUint(s, 10, 64); err != nil {
		return s
	}
	var out []byte
	for i := range len(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, s[i])
	}
	return string(out)
}

// long writes a number of seconds as people say it.
func long(seconds uint64) string {
	for _, unit := range []struct {
		name string
		size uint64
	}{{"day", 86400}, {"hour", 3600}, {"minute", 60}} {
		if n := seconds / unit.size; n > 0 && seconds%unit.size == 0 {
			return plural(n, unit.name)
		}
	}
	return plural(seconds, "second")
}

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}
