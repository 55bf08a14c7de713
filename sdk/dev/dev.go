// Package dev is everything an app needs while it is being written, in one
// process on one loopback port: an issuer of virtual people, a verifier service
// for the app, and a wallet page on which a developer picks who answers. It is
// what `perhuman dev` runs.
//
//	w, err := dev.Open(ctx, dev.Config{RP: "app.localhost:3000", Port: 8088, Actions: actions})
//	defer w.Close()
//	err = serve.Run(ctx, listener, w.Handler(), serve.Options{})
//
// The proofs are real, made with the official key by wallets that keep every
// rule; the people are not. Nothing is kept: the spend store forgets when the
// process ends, so that an action can be tried again. The environment is "test",
// the app key a test key, and a live verifier refuses both.
//
// By the Host header of a request it is, exactly,
//
//	issuer.localhost:PORT   the issuer's public files
//	wallet.localhost:PORT   the wallet page, /perhuman/ with the widget, and /relay/
//	                        by which a question gets to another browser (sdk/relay)
//	127.0.0.1:PORT, localhost:PORT   the verifier service
//
// and nothing else, so that no page elsewhere can point a name of its own here.
package dev

import (
	"context"
	crand "crypto/rand"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/sdk/relay"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/memory"
)

// crowd is how many people of no interest the virtual ones hide among.
const crowd = 256

//go:embed page
var files embed.FS

// People are the names of those who can answer.
func People() []string { return []string{"Ada", "Bao", "Chidi", "Dalia", "Emil", "Farah"} }

// Config says what is being developed. RP, Port and Actions are compulsory.
type Config struct {
	RP      string // where the app runs, e.g. app.localhost:3000
	Port    int    // the one port that World is served at
	Actions map[string]scope.Policy

	Key  string           // a test app key; default: a new one
	Now  func() time.Time // default time.Now
	Rand io.Reader        // default crypto/rand
	Logf func(format string, args ...any)
}

// World is the running set of parts.
type World struct {
	cfg     Config
	issuer  *virtual.Issuer
	gate    *sdk.Gate
	handler http.Handler
	prover  func() (*prove.Prover, error)

	mu      sync.Mutex
	wallets map[string]*wallet.Wallet
}

// Open builds the parts. It does not listen; the proving key is loaded when the
// first person answers.
func Open(ctx context.Context, cfg Config) (*World, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	var err error
	if cfg.Key == "" {
		if cfg.Key, err = httpapi.NewKey(cfg.Rand, httpapi.TestKey); err != nil {
			return nil, err
		}
	}
	w := &World{
		cfg: cfg, wallets: map[string]*wallet.Wallet{},
		prover: sync.OnceValues(func() (*prove.Prover, error) { return prove.New(depth20.NewReader()) }),
	}
	if w.issuer, err = virtual.New(w.host("issuer.localhost"), cfg.Rand, cfg.Now, crowd); err != nil {
		return nil, fmt.Errorf("dev: issuer: %w", err)
	}
	for _, name := range People() {
		if err := w.issuer.Enrol(virtual.Identity(name).Commitment()); err != nil {
			return nil, fmt.Errorf("dev: %s: %w", name, err)
		}
	}
	w.gate, err = sdk.Open(ctx, sdk.Config{
		RP: cfg.RP, Issuers: []string{w.issuer.VKey()}, Store: memory.New(), Environment: "test",
		Client: &http.Client{Transport: w.issuer}, Now: cfg.Now, Rand: cfg.Rand, Observe: w.tell,
		OnError: func(err error) { cfg.Logf("%v", err) },
	})
	if err != nil {
		return nil, err
	}
	return w, w.build()
}

// Close stops what Open started.
func (w *World) Close() error { return w.gate.Close() }

// Handler serves all of it.
func (w *World) Handler() http.Handler { return w.handler }

// Key is the app key for the verifier service.
func (w *World) Key() string { return w.cfg.Key }

// VKey pins the issuer, for an app with a Gate of its own: sdk.Config.Issuers.
func (w *World) VKey() string { return w.issuer.VKey() }

// IssuerName and IssuerURL are the entry of sdk.Config.At that goes with VKey.
func (w *World) IssuerName() string { return w.issuer.Name() }

// IssuerURL is where the issuer's files are.
func (w *World) IssuerURL() string { return "http://" + w.issuer.Name() }

// Wallet is the origin to name in the widget's wallet attribute.
func (w *World) Wallet() string { return "http://" + w.host("wallet.localhost") }

// Verifier is the base address of the verifier service.
func (w *World) Verifier() string { return "http://" + w.host("127.0.0.1") }

func (w *World) host(name string) string {
	if w.cfg.Port == 80 {
		return name
	}
	return name + ":" + strconv.Itoa(w.cfg.Port)
}

// tell prints every decision: what a developer wants to see.
func (w *World) tell(code api.Code) { w.cfg.Logf("verifier: %s", code) }

func (w *World) build() error {
	service, err := httpapi.New(httpapi.Options{
		Apps:    []httpapi.App{{Key: w.cfg.Key, Verifier: w.gate.Verifier(), Actions: w.cfg.Actions}},
		Issuers: []string{w.issuer.VKey()}, Rand: w.cfg.Rand, Logf: w.cfg.Logf,
	})
	if err != nil {
		return err
	}
	public, err := web.BesideWidget(service)
	if err != nil {
		return err
	}
	pages, err := fs.Sub(files, "page")
	if err != nil {
		return err
	}
	page, err := web.Files(pages, "/dev/", map[string]string{"/": "index.html"}, web.Policy{NoReferrer: true})
	if err != nil {
		return err
	}
	holder := http.NewServeMux()
	holder.Handle("/", page)
	holder.Handle(web.Prefix, web.Static())
	holder.Handle("/relay/", relay.New(relay.Config{Now: w.cfg.Now, Logf: w.cfg.Logf}))
	holder.HandleFunc("GET /dev/people", w.people)
	holder.HandleFunc("POST /dev/answer", w.answer)
	w.handler = serve.Chain(serve.ByHost(map[string]http.Handler{
		w.host("issuer.localhost"): w.issuer, w.host("wallet.localhost"): holder,
		w.host("127.0.0.1"): public, w.host("localhost"): public,
	}), serve.RequestID(w.cfg.Rand), serve.Recover(w.cfg.Logf), serve.BodyCap(1<<20))
	return nil
}
