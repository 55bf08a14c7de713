//go:build js && wasm

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"strconv"
	"sync"
	"syscall/js"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// engine is all that lives between two calls: the sets that were synced and
// the proving key. Never a secret.
//
// Its wallets have no Verify: pairings and verifying keys would add 5 % to
// the download, and a relying party refuses a spoiled proof without spending
// anything.
type engine struct {
	host *host

	asking sync.Mutex // held by prepare and prove, never over the network
	pages  *pageStore

	mu      sync.Mutex          // guards the rest; never held over the network
	prover  *wallet.Prover      // empty until a sync names a key
	wallets map[string]followed // by verifier key
	latest  string              // verifier key of the last sync
}

// followed is the wallet of one issuer, and where the issuer's files are read.
type followed struct {
	*wallet.Wallet
	source *source
}

func newEngine() *engine {
	return &engine{
		host:    &host{},
		prover:  &wallet.Prover{},
		pages:   newPageStore(),
		wallets: make(map[string]followed),
	}
}

// loadKey fetches the proving key once. prove.New holds it against the pinned
// SHA-256; a kept copy that fails is thrown away and fetched again, because a
// cache may be damaged.
func (e *engine) loadKey(ctx context.Context, url string) error {
	if url == "" || e.ready() {
		return nil
	}
	e.host.stage("key", 0, 0)
	var err error
	for range 2 {
		var zkey []byte
		if zkey, err = e.host.fetch(ctx, url, maxZKey, true); err != nil {
			return err
		}
		options := []prove.Option{prove.WithProgress(e.host.stage)}
		if h := e.host.helpers(ctx); h != nil {
			options = append(options, prove.WithHelpers(h))
		}
		var p *prove.Prover
		if p, err = newProver(zkey, options); err == nil {
			e.mu.Lock()
			*e.prover = wallet.Prover{Depth: p.Depth(), Prove: p.Prove}
			e.mu.Unlock()
			return nil
		}
		e.host.forget(ctx, url)
	}
	return &wallet.Refusal{Code: wallet.ProofFailed, Detail: "the proving key is not the official one", Err: err}
}

// newProver does without helpers if they fail while they are loaded.
func newProver(zkey []byte, options []prove.Option) (*prove.Prover, error) {
	p, err := prove.New(bytes.NewReader(zkey), options...)
	if err != nil && !errors.Is(err, prove.ErrKey) && len(options) > 1 {
		return prove.New(bytes.NewReader(zkey), options[:1]...)
	}
	return p, err
}

func (e *engine) ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.prover.Prove != nil
}

// sync does all of the network: head, consistency, leaves or tiles, proving key.
// With paths it takes back what was kept, as far as it still fits, without a
// word to the issuer; the proving key is of the page's own origin. Without a
// secret it goes on with a wallet that was synced or resumed before: for the
// background, also while the page is locked.
func (e *engine) sync(ctx context.Context, args []js.Value) (any, error) {
	if bridge.Absent(bridge.Arg(args, 0)) {
		issuer := bridge.Object(bridge.Arg(args, 1)).Text("issuer", 1024)
		w, err := e.get(issuer)
		if err != nil {
			return nil, err
		}
		st, err := w.Sync(ctx)
		return e.status(ctx, w, st, err, issuer, "")
	}
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	o := bridge.Object(bridge.Arg(args, 1))
	issuer, at := o.Text("issuer", 1024), o.Text("at", 2048)
	state, zkey, device := o.Raw("state", 64<<20), o.Optional("zkey", 2048), o.Raw("device", 64)
	named, quorum := o.Texts("witnesses", 16, 1024), o.Count("quorum", 16)
	paths := o.Raw("paths", 1<<20)
	if o.Err != nil {
		return nil, o.Err
	}
	if at, err = address(at); err != nil {
		return nil, err
	}
	var witnesses *setlog.Witnesses
	if len(named) > 0 {
		if witnesses, err = setlog.NewWitnesses(int(quorum), named); err != nil {
			return nil, &wallet.Refusal{Code: wallet.RequestInvalid, Detail: "witnesses", Err: err}
		}
	}
	w, err := e.open(issuer, at, wallet.Config{State: state, Device: device, Witnesses: witnesses})
	if err != nil {
		return nil, err
	}
	w.Watch(semaphore.IdentityFromKey(key).Commitment())
	if paths != nil {
		st, err := w.Resume(paths)
		return e.status(ctx, w, st, err, issuer, zkey)
	}
	st, err := w.Sync(ctx)
	return e.status(ctx, w, st, err, issuer, zkey)
}

// status is what the page hears of a set, and what it is to keep.
func (e *engine) status(ctx context.Context, w *wallet.Wallet, st wallet.Status, err error, issuer, zkey string) (any, error) {
	if err == nil {
		err = e.loadKey(ctx, zkey)
	}
	if err != nil {
		return nil, &stateError{err, w.State()}
	}
	e.mu.Lock()
	e.latest = issuer
	e.mu.Unlock()
	out := bridge.Record("member", st.Member, "seq", st.Seq, "live", st.Live, "crowd", st.Crowd, "issued", w.Issued())
	bridge.Add(out, "state", bridge.ToBytes(w.State()), "paths", bridge.ToBytes(w.Paths()))
	if st.Member {
		out.Set("position", st.Position)
	}
	return out, nil
}

// open gives the wallet that follows an issuer. The state given counts only the
// first time: what this engine has seen since is newer.
func (e *engine) open(issuer, at string, cfg wallet.Config) (*wallet.Wallet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w, ok := e.wallets[issuer]; ok {
		w.source.move(at)
		return w.Wallet, nil
	}
	src := &source{host: e.host, at: at}
	cfg.Issuer, cfg.Source, cfg.Store, cfg.Prover, cfg.Now = issuer, src, e.pages, e.prover, time.Now
	w, err := wallet.New(cfg)
	if err == nil {
		e.wallets[issuer] = followed{w, src}
	}
	return w, err
}

// freeze rebuilds a frozen set; the network, like sync.
func (e *engine) freeze(ctx context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	o := bridge.Object(bridge.Arg(args, 1))
	issuer, seq := o.Text("issuer", 1024), o.Number("seq", maxSnapshot)
	if o.Err != nil {
		return nil, o.Err
	}
	w, err := e.get(issuer)
	if err != nil {
		return nil, err
	}
	w.Watch(semaphore.IdentityFromKey(key).Commitment())
	f, err := w.Freeze(ctx, seq)
	if err != nil {
		return nil, err
	}
	return bridge.Record("member", f.Member, "crowd", f.Live, "paths", bridge.ToBytes(w.Paths())), nil
}

// get gives the wallet of an issuer that was synced, by default the last one.
func (e *engine) get(issuer string) (*wallet.Wallet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if issuer == "" {
		issuer = e.latest
	}
	if w, ok := e.wallets[issuer]; ok {
		return w.Wallet, nil
	}
	return nil, &wallet.Refusal{Code: wallet.NotSynced, Detail: "sync first"}
}

// request reads what a relying party asks for.
func request(v js.Value) (wallet.Request, *bridge.Fields, error) {
	o := bridge.Object(v)
	r := wallet.Request{
		Origin: o.Text("origin", 512), Action: o.Text("action", 128),
		Challenge: o.Optional("challenge", 1024), Content: o.Digest("content_digest"),
	}
	kind := o.Text("kind", 16)
	if o.Err != nil {
		return r, o, o.Err
	}
	var err error
	if r.Policy, err = policy(kind, o); err != nil {
		return r, o, err
	}
	if seq := o.Count("snapshot", maxSnapshot); seq != 0 {
		if r.Policy = scope.Snapshot(uint64(seq), r.Policy); o.Err == nil && r.Policy.Validate() != nil {
			return r, o, bridge.Invalid("snapshot: not a usable policy")
		}
	}
	for _, k := range o.Texts("rp_keys", 64, 64) {
		b, err := scope.DecodeToken(k)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return r, o, bridge.Invalid("rp_keys: Ed25519 keys in base64url expected")
		}
		r.Keys = append(r.Keys, b)
	}
	return r, o, o.Err
}

// maxSnapshot is what JavaScript counts exactly.
const maxSnapshot = 1 << 53

func policy(kind string, o *bridge.Fields) (scope.Policy, error) {
	k, err := scope.ParseKind(kind)
	if err != nil {
		return scope.Policy{}, bridge.Invalid("kind: once, returning or per_epoch expected")
	}
	switch k {
	case scope.KindOnce:
		return scope.Once(), nil
	case scope.KindReturning:
		return scope.Returning(), nil
	}
	p := scope.Policy{Kind: k, Len: o.Number("len", scope.MaxLen), K: uint32(o.Number("k", scope.MaxSlots))}
	if o.Err != nil {
		return p, o.Err
	}
	if err := p.Validate(); err != nil {
		return p, bridge.Invalid("len, k: not a usable policy")
	}
	return p, nil
}

// bookName is how the page's own database names a book.
func bookName(b wallet.Book) string {
	return b.RP + "|" + b.Action + "|" + strconv.FormatUint(b.Period.Start, 10) + "|" + strconv.FormatUint(b.Period.Len, 10)
}

func book(b wallet.Book) js.Value {
	return bridge.Record("book", bookName(b), "rp", b.RP, "period", bridge.Record("start", b.Period.Start, "len", b.Period.Len))
}

// book names where the page keeps the slots that it will pass as used.
func (e *engine) book(_ context.Context, args []js.Value) (any, error) {
	r, _, err := request(bridge.Arg(args, 0))
	if err != nil {
		return nil, err
	}
	rp, err := scope.RPFromOrigin(r.Origin)
	if err != nil {
		return nil, &wallet.Refusal{Code: wallet.OriginRefused, Err: err}
	}
	if err := scope.ValidateAction(r.Action); err != nil {
		return nil, &wallet.Refusal{Code: wallet.RequestInvalid, Err: err}
	}
	return book(wallet.Book{RP: rp, Action: r.Action, Period: r.Policy.Period(time.Now())}), nil
}

// with unlocks wallets for one call, that of the issuer first and then those
// who are to vouch as well, and lends them the slots that the page knows to be
// used.
func (e *engine) with(args []js.Value, f func([]*wallet.Wallet, wallet.Request) (any, error)) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	r, o, err := request(bridge.Arg(args, 1))
	if err != nil {
		return nil, err
	}
	used, refused := o.Numbers("used", scope.MaxSlots, scope.MaxSlots-1), o.Count("refused", scope.MaxSlots)
	issuers := append([]string{o.Optional("issuer", 1024)}, o.Texts("also", 16, 1024)...)
	if o.Err != nil {
		return nil, o.Err
	}
	token, err := scope.DecodeToken(r.Challenge)
	if err != nil {
		return nil, &wallet.Refusal{Code: wallet.ChallengeInvalid, Err: err}
	}
	e.asking.Lock()
	defer e.asking.Unlock()
	var ws []*wallet.Wallet
	for _, issuer := range issuers {
		w, err := e.get(issuer)
		if err != nil {
			return nil, err
		}
		if err := w.Unlock(key); err != nil {
			return nil, err
		}
		defer w.Lock()
		ws = append(ws, w)
	}
	e.pages.lend(used, int(refused), scope.ChallengeDigest(token))
	return f(ws, r)
}

// prepare applies every rule and proves nothing. The crowd is the smallest of
// those that the person hides in.
func (e *engine) prepare(ctx context.Context, args []js.Value) (any, error) {
	return e.with(args, func(ws []*wallet.Wallet, r wallet.Request) (any, error) {
		var p wallet.Prompt
		for i, w := range ws {
			next, err := w.Prepare(ctx, r)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				next.Crowd = min(next.Crowd, p.Crowd)
			}
			p = next
		}
		out := book(wallet.Book{RP: p.RP, Action: p.Action, Period: p.Period})
		bridge.Add(out, "left", p.Left, "crowd", p.Crowd, "resend", p.Resend, "key_checked", p.KeyChecked, "expires", p.Expires.Unix())
		return out, nil
	})
}

// prove makes the proof. It uses no network, and the page writes the slot down
// before it shows the response to anybody.
func (e *engine) prove(ctx context.Context, args []js.Value) (any, error) {
	return e.with(args, func(ws []*wallet.Wallet, r wallet.Request) (any, error) {
		a, err := ws[0].Answer(ctx, r)
		for _, w := range ws[1:] {
			if err != nil {
				return nil, err
			}
			a, err = w.Also(ctx, r, a)
		}
		if err != nil {
			return nil, err
		}
		out := book(a.Book(r.Action))
		bridge.Add(out, "response", a.Response, "nullifier", a.Nullifier.String(), "scope", a.Scope.String(), "slot", a.Slot, "resent", a.Resent)
		return out, nil
	})
}
