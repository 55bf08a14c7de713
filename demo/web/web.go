// Package web holds the pages of the demo: the board "agora", its poll, its page that
// plays a bot, and the issuer's enrolment page. It serves files and nothing
// else; the routes under /api, /posts, /v1 and /demo belong to package demo.
//
// The board's pages check proofs in the visitor's own browser with the files
// of sdk/web, which both handlers here also serve under /perhuman/.
package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/serve"
	sdkweb "github.com/perhuman/perhuman/sdk/web"
)

//go:embed board issuer problem.html
var embedded embed.FS

// BoardPages gives what the board's pages show to readers without JavaScript.
type BoardPages interface {
	// Posts gives a page of the feed, newest first, from the post after the one
	// with this number on (0: the beginning), and where the next page begins.
	Posts(ctx context.Context, before int64) (posts []Post, older int64, err error)
	Poll() any       // fields Number, Poll, Counts, Votes, Most, Closed, Log; nil before the first
	Record() *Record // of the issuer; nil while there is none
	Rules() Rules
}

// Rules are what the board's pages say about it.
type Rules struct {
	Posts, Delegated int // a day for each human: posts, and comments of all their agents
	Crowd            int // made-up people
	Attacks          []Attack
	Swarm            bool   // one has been sent: there are charts to leave room for
	Issuer           string // its verifier key
	Origin           string // of the board
}

// Attack is one that the bot lab tries.
type Attack struct{ Title, What, Expect string }

// fact is a line of a list of what holds: state good or warn.
type fact struct{ State, Title, Text string }

// head is what stands in the head of a page: its name, what a link to it says of
// it, and its script with those that this one will ask for.
type head struct {
	Title, Text    string
	Scripts, Ahead []string
}

// headOf is the head of a page with a widget on it, if it has a script of that
// kind, and with the tour.
func headOf(title, text, scripts string) head {
	h := head{Title: title, Text: text}
	for _, name := range strings.Fields(scripts) {
		h.Scripts = append(h.Scripts, name)
		if name != "bot" && name != "lab" { // these have no widget
			h.Ahead = []string{"/perhuman/perhuman.js", "/perhuman/dom.js", "/perhuman/codes.js", "/perhuman/handover.js", "/static/common.js"}
		}
	}
	h.Scripts = append(h.Scripts, "tour")
	return h
}

// Post is a post as the page shows it.
type Post struct {
	ID             int64
	Author, Text   string
	Created        uint64 // unix seconds
	Verified, Seed bool
	Comments       []Comment
	Earlier        int // comments before those
}

// Record is the newest of an issuer's public record: the states of its list.
type Record struct {
	People, State uint64
	At            string // when it was published
	Bars          []Bar  // how many people the newest states had, oldest first
}

// Bar is a bar of a chart 100 wide and 32 high.
type Bar struct{ X, Y, W, H float64 }

// Bars draws numbers, the oldest first.
func Bars(counts []uint64) []Bar {
	most := uint64(1)
	for _, n := range counts {
		most = max(most, n)
	}
	bars, step := make([]Bar, len(counts)), 100/float64(max(len(counts), 1))
	for i, n := range counts {
		h := math.Round(max(float64(n)/float64(most)*32, 1)*100) / 100
		bars[i] = Bar{X: math.Round(step*float64(i)*100) / 100, Y: 32 - h, W: math.Round(step*75) / 100, H: h}
	}
	return bars
}

// Comment is what stands under a post.
type Comment struct {
	Author, Text string
	Agent        string // its name, if a program wrote it
	Created      uint64 // unix seconds
}

// Ago says how long ago, in the words that the page's script puts there too.
func (p Post) Ago() string { return ago(p.Created, time.Now()) }

// Ago is as for a post.
func (c Comment) Ago() string { return ago(c.Created, time.Now()) }

// ago is what Intl.RelativeTimeFormat says of whole days, hours or minutes.
func ago(created uint64, now time.Time) string {
	past := now.Sub(time.Unix(int64(min(created, 1<<40)), 0))
	for _, u := range []struct {
		name, one string
		size      time.Duration
	}{{"day", "yesterday", 24 * time.Hour}, {"hour", "1 hour ago", time.Hour}, {"minute", "1 minute ago", time.Minute}} {
		if past < u.size {
			continue
		}
		if n := int(past.Round(u.size) / u.size); n > 1 {
			return fmt.Sprintf("%d %ss ago", n, u.name)
		}
		return u.one
	}
	return "now"
}

// At is the time for machines.
func (p Post) At() string { return time.Unix(int64(p.Created), 0).UTC().Format(time.RFC3339) }

// On is the time for people.
func (p Post) On() string {
	return time.Unix(int64(p.Created), 0).UTC().Format("2 Jan 2006, 15:04 UTC")
}

// Board serves the board: its pages, filled in by show, their files under
// /static/, and the shared files under /perhuman/. Every other path is not
// found: mount it at / and the routes of the board beside it. Its
// pages may talk to the wallet's origin, for the relay there, and lead to the
// issuer's public record.
func Board(show BoardPages, wallet, issuer string) (http.Handler, error) {
	sub, err := fs.Sub(embedded, "board")
	if err != nil {
		return nil, err
	}
	policy := sdkweb.Policy{Opens: true, Connect: []string{wallet}}
	own, err := sdkweb.Files(sub, "/static/", nil, policy)
	if err != nil {
		return nil, fmt.Errorf("demo/web: board: %w", err)
	}
	pages, err := template.New("").Funcs(template.FuncMap{
		"fact": func(state, title, text string) fact { return fact{state, title, text} },
		"head": headOf,
	}).ParseFS(sub, "*.html")
	if err != nil {
		return nil, fmt.Errorf("demo/web: board: %w", err)
	}
	files := route(map[string]http.Handler{sdkweb.Prefix: sdkweb.Static()}, own)
	names := map[string]string{"/": "index.html", "/bot": "bot.html", "/poll": "poll.html", "/agent": "agent.html"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := names[r.URL.Path]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			files.ServeHTTP(w, r)
			return
		}
		page, err := render(r.Context(), pages, name, view{Here: r.URL.Path, Issuer: issuer, Before: Before(r), Rules: show.Rules()}, show)
		if err != nil {
			serve.WriteProblem(w, r, err)
			return
		}
		served, err := sdkweb.Serve(map[string]sdkweb.File{r.URL.Path: {Name: name, Body: page}}, policy)
		if err != nil {
			serve.WriteProblem(w, r, err)
			return
		}
		served.ServeHTTP(w, r)
	}), nil
}

// Before is the post that a request asks for the posts before; 0 if it does not.
func Before(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// view is what a page is filled in with.
type view struct {
	Here, Issuer string
	Posts        []Post
	Before       int64 // the page of the feed is the one after this post
	Older        int64 // and the next the one after this
	Poll         any
	Record       *Record
	Rules        Rules
}

// render fills a page in. The feed and the poll can be read as they are.
func render(ctx context.Context, pages *template.Template, name string, in view, show BoardPages) ([]byte, error) {
	var err error
	switch name {
	case "index.html":
		in.Posts, in.Older, err = show.Posts(ctx, in.Before)
		in.Record = show.Record()
	case "poll.html":
		in.Poll = show.Poll()
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = pages.ExecuteTemplate(&out, name, in)
	return out.Bytes(), err
}

// route gives paths under a prefix to its handler and the rest to own.
func route(under map[string]http.Handler, own http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, h := range under {
			if strings.HasPrefix(r.URL.Path, prefix) {
				h.ServeHTTP(w, r)
				return
			}
		}
		own.ServeHTTP(w, r)
	})
}
