package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/demo/web"
	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/issuer/httpapi/page"
	issuerdb "github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/relay"
	"github.com/perhuman/perhuman/sdk/serve"
	sdkweb "github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	spenddb "github.com/perhuman/perhuman/verifier/sqlite"
)

// anchorEvery is short for a demonstration; a real issuer takes minutes, so
// that a batch hides whom it enrolled.
const anchorEvery = 2 * time.Second

// world is everything that runs in the one process: an issuer, a wallet's
// origin, and the board with its verifier. They share the process and nothing
// else: each speaks to the others over HTTP, as it would across the world.
type world struct {
	cfg      config
	logf     func(format string, args ...any)
	issuer   *issuer.Issuer
	people   *synth.Population
	crowd    []*semaphore.Identity  // the synthetic members
	root     ed25519.PrivateKey     // vouches for the virtual devices
	booth    *capture.VirtualDevice // of the crowd
	compare  comparing
	consents [][32]byte // hashes of the texts that people agree to; the first is English
	gate     *sdk.Gate
	counters *verifier.Counters
	posts    *posts
	bots     *bots
	polls    *polls
	lab      *lab
	desk     *agent.Desk
	greeting string // session of the crowd's first posts
	helper   *helper
	vouchers []byte // key of the giveaway's
	handler  http.Handler
	closers  []func() error
}

// openWorld opens databases and keys and builds the three origins. The port
// must be open already: the gate begins to follow the issuer over it.
func openWorld(ctx context.Context, cfg config, logf func(string, ...any)) (_ *world, err error) {
	w := &world{cfg: cfg, logf: logf, counters: &verifier.Counters{}, greeting: newSession()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.openIssuer(ctx); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := w.openBoard(ctx); err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	return w, w.buildHandler()
}

func (w *world) onClose(f func() error) { w.closers = append(w.closers, f) }

// close closes what was opened, last first.
func (w *world) close() error {
	var all []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		all = append(all, w.closers[i]())
	}
	w.closers = nil
	return errors.Join(all...)
}

func (w *world) issuerName() string { return hostPort(issuerHost, w.cfg.port) }

func (w *world) openIssuer(ctx context.Context) error {
	signer, err := w.cfg.secret("issuer.key", func() ([]byte, error) {
		skey, _, err := setlog.GenerateKey(rand.Reader, w.issuerName())
		return []byte(skey), err
	})
	if err != nil {
		return err
	}
	sealing, err := w.cfg.secret("sealing.key", func() ([]byte, error) { return random(32) })
	if err != nil {
		return err
	}
	if w.root, err = w.deviceRoot(); err != nil {
		return err
	}
	texts, err := web.Consents(w.cfg.mpc)
	if err != nil {
		return err
	}
	for _, c := range texts {
		hash, err := capture.ConsentHash(c.Language, string(c.Text))
		if err != nil {
			return err
		}
		w.consents = append(w.consents, hash)
	}
	if err := w.openMatcher(ctx); err != nil {
		return err
	}
	captures := capture.Virtual(w.issuerName(), capture.VirtualRoot(w.root.Public().(ed25519.PublicKey)))
	captures.Parties = w.compare.parties
	store, err := issuerdb.Open(filepath.Join(w.cfg.dir, "issuer.db"))
	if err != nil {
		return err
	}
	w.onClose(store.Close)
	pace := w.cfg.pace()
	w.issuer, err = issuer.New(ctx, issuer.Config{
		Name: w.issuerName(), Signer: string(signer), Store: store, Operator: sealing,
		Matcher: w.compare.matcher, Capture: captures,
		Consents: w.consents, Anchor: pace.anchor, Now: time.Now, Rand: rand.Reader, Logf: w.logf,
		ErrorRates: errorRates(), Life: pace.life, Window: pace.window,
	})
	if err != nil {
		return err
	}
	w.people, w.crowd = synth.New(crowdSeed), newCrowd(w.cfg.crowd)
	w.booth, err = capture.NewVirtualDevice(rand.Reader, w.root, time.Now())
	return err
}

func (w *world) operatorKey() (*share.PrivateKey, error) {
	text, err := w.cfg.secret("operator.key", func() ([]byte, error) {
		key, err := share.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return []byte(key.Text()), nil
	})
	if err != nil {
		return nil, err
	}
	key, err := share.ParsePrivateKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("operator.key: %w", err)
	}
	return key, nil
}

// deviceRoot is the key that vouches for this demonstration's virtual devices.
func (w *world) deviceRoot() (ed25519.PrivateKey, error) {
	seed, err := w.cfg.secret("device-root.key", func() ([]byte, error) { return random(ed25519.SeedSize) })
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("device-root.key does not hold a key")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (w *world) openBoard(ctx context.Context) (err error) {
	if w.posts, err = openPosts(ctx, filepath.Join(w.cfg.dir, "board.db")); err != nil {
		return err
	}
	w.onClose(w.posts.close)
	if err := w.posts.seed(ctx, uint64(time.Now().Unix())); err != nil {
		return err
	}
	spent, err := spenddb.Open(filepath.Join(w.cfg.dir, "humans.db"))
	if err != nil {
		return err
	}
	w.onClose(spent.Close)
	pace := w.cfg.pace()
	w.gate, err = sdk.Open(ctx, sdk.Config{
		RP: w.cfg.rp(), Issuers: []string{w.issuer.VKey()}, Store: spent,
		At:    map[string]string{w.issuerName(): w.cfg.url(issuerHost)},
		Bound: w.issuer.Info().Bound, Session: boardSession, Replays: true,
		Observe: w.counters.Observe, Window: pace.window, MaxStaleness: pace.stale,
		OnError: func(err error) { w.logf("board: %v", err) },
	})
	if err != nil {
		return err
	}
	w.onClose(w.gate.Close)
	if w.bots, err = newBots(w); err != nil {
		return err
	}
	if w.polls, err = openPolls(ctx, w); err != nil {
		return err
	}
	if w.vouchers, err = w.cfg.secret("vouchers.key", func() ([]byte, error) { return random(32) }); err != nil {
		return err
	}
	w.lab = newLab(w)
	return w.openAgents(ctx)
}

func (w *world) buildHandler() error {
	pages, err := web.Issuer(w.cfg.mpc)
	if err != nil {
		return err
	}
	issuing := http.NewServeMux()
	issuing.Handle("/", httpapi.New(w.issuer, httpapi.Options{Origin: w.cfg.url(issuerHost), Rand: rand.Reader, Logf: w.logf, Links: []page.Link{
		{Name: "Board", URL: w.cfg.url(boardHost)}, {Name: "Wallet", URL: w.cfg.url(walletHost)},
	}}))
	for _, path := range []string{"/enrol", "/static/", "/face/", sdkweb.Prefix} {
		issuing.Handle(path, pages)
	}
	issuing.HandleFunc("POST /demo/device", w.device)
	issuing.HandleFunc("POST /demo/capture", w.capture)
	issuing.HandleFunc("GET /demo/crowd", w.crowdProgress)
	issuing.HandleFunc("GET /demo/export", w.export)

	board, err := w.boardRoutes()
	if err != nil {
		return err
	}
	if board, err = web.Worded(board); err != nil {
		return err
	}
	told, err := web.Worded(issuing)
	if err != nil {
		return err
	}
	holder, err := sdkweb.Wallet(sdkweb.WalletConfig{
		Issuers:    []sdkweb.Issuer{{VKey: w.issuer.VKey(), At: w.cfg.url(issuerHost)}},
		ProvingKey: depth20.ZKey(),
		Relay:      relay.New(relay.Config{Logf: w.logf}),
	})
	if err != nil {
		return err
	}
	w.handler = serve.Chain(serve.ByHost(map[string]http.Handler{
		hostPort(issuerHost, w.cfg.port): told,
		hostPort(walletHost, w.cfg.port): holder,
		hostPort(boardHost, w.cfg.port):  board,
	}), serve.RequestID(rand.Reader), serve.Recover(w.logf), serve.BodyCap(1<<20))
	return nil
}

// run serves until ctx ends, then stops everything in good order.
func (w *world) run(ctx context.Context, l net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve.Run(ctx, l, w.handler, serve.Options{}) })
	g.Go(func() error { return w.issuer.Run(ctx) })
	g.Go(func() error {
		if err := w.fillCrowd(ctx); err != nil {
			return err
		}
		w.firstPosts(ctx)
		return nil
	})
	g.Go(func() error { return w.polls.openFirst(ctx) })
	return g.Wait()
}

func random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}
