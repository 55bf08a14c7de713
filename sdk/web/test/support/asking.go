//go:build ignore

// Command asking serves the two origins of which one asks the other, on one
// port of loopback, for browser tests with issuers in processes of their own:
//
//	wallet.localhost   the wallet, for the issuers named by -issuer
//	app.localhost      a relying party: the widget, its challenges, POST /post
//	evil.localhost     a page of somebody else
//
// The relying party has a second gate, whose questions at /foreign/challenge
// demand issuers that the wallet does not know. POST /clock?ahead=SECONDS sets
// the clock of both.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/memory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := asking(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "asking:", err)
		os.Exit(1)
	}
}

func asking(ctx context.Context) error {
	var known []web.Issuer
	flag.Func("issuer", "VKEY,URL or VKEY,URL,WITNESS", func(text string) error {
		parts := strings.Split(text, ",")
		if len(parts) < 2 || len(parts) > 3 {
			return fmt.Errorf("%q", text)
		}
		one := web.Issuer{VKey: parts[0], At: parts[1]}
		if len(parts) == 3 {
			one.Witnesses, one.Quorum = parts[2:], 1
		}
		known = append(known, one)
		return nil
	})
	var foreign []string
	flag.Func("foreign", "verifier key of an issuer that the wallet does not know", func(text string) error {
		foreign = append(foreign, text)
		return nil
	})
	asked := flag.Int("port", 0, "port of loopback")
	flag.Parse()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", *asked))
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	host := func(name string) string { return fmt.Sprintf("%s.localhost:%d", name, port) }

	wallet, err := web.Wallet(web.WalletConfig{Issuers: known, ProvingKey: depth20.ZKey()})
	if err != nil {
		return err
	}
	cfg := sdk.Config{RP: host("app"), At: map[string]string{}, Store: memory.New(), Bound: 1}
	for _, i := range known {
		name, _, _ := strings.Cut(i.VKey, "+")
		cfg.Issuers, cfg.At[name] = append(cfg.Issuers, i.VKey), i.At
	}
	for _, vkey := range foreign {
		name, _, _ := strings.Cut(vkey, "+")
		cfg.At[name] = "http://127.0.0.1:1" // nobody is there
	}
	app, err := page(host("wallet"))
	if err != nil {
		return err
	}
	plain, err := bare("/plain")
	if err != nil {
		return err
	}
	mux, clock := http.NewServeMux(), &clock{}
	cfg.Now = clock.now
	mux.Handle("/", app)
	mux.Handle("/plain", plain)
	mux.Handle(web.Prefix, web.Static())
	mux.HandleFunc("POST /clock", clock.set)
	for path, change := range map[string]func(*sdk.Config){
		"/perhuman/challenge": func(*sdk.Config) {},
		"/foreign/challenge":  func(c *sdk.Config) { c.Issuers = foreign },
	} {
		own := cfg
		change(&own)
		gate, err := sdk.Open(ctx, own)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer gate.Close()
		act := gate.RequireContent("post", sdk.PerDay(20), nothing, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "posted") })
		if path == "/perhuman/challenge" {
			mux.Handle("POST /post", act)
		}
		mux.Handle("POST "+path, gate.Challenges())
	}
	evil, err := bare("/")
	if err != nil {
		return err
	}
	fmt.Printf("on %d\n", port)
	return serve.Run(ctx, l, serve.ByHost(map[string]http.Handler{host("wallet"): wallet, host("app"): mux, host("evil"): evil}), serve.Options{})
}

// page is the relying party's own.
func page(wallet string) (http.Handler, error) {
	html := `<!doctype html><html lang="en"><meta charset="utf-8"><title>app</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/perhuman/style.css"><script type="module" src="/perhuman/perhuman.js"></script>
<main><h1>An app</h1><perhuman-check id="check" action="post" wallet="http://` + wallet + `"></perhuman-check></main></html>`
	return web.Files(fstest.MapFS{"index.html": {Data: []byte(html)}}, "/", map[string]string{"/": "index.html"}, web.Policy{Opens: true})
}

// bare is a page with nothing in it, which does not say that windows that it
// opens are its own (Cross-Origin-Opener-Policy), as most pages do not.
func bare(path string) (http.Handler, error) {
	html := "<!doctype html><html lang=en><title>page</title><h1>A page</h1></html>"
	return web.Serve(map[string]web.File{path: {Name: "index.html", Body: []byte(html)}}, web.Policy{})
}

// nothing is what a proof is bound to besides its question.
func nothing(*http.Request, []byte) (scope.Digest, error) { return scope.Digest{}, nil }

// clock is the relying party's, which a test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load()) * time.Second)
}

func (c *clock) set(w http.ResponseWriter, r *http.Request) {
	var n int64
	if _, err := fmt.Sscan(r.URL.Query().Get("ahead"), &n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.ahead.Store(n)
}
