package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/httpapi/admin"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/httpapi/webhook"
	"github.com/perhuman/perhuman/verifier/postgres"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

// spendStore is what a service needs of its database.
type spendStore interface {
	verifier.Store
	verifier.StateKeeper
	verifier.Outbox
}

// open opens the database that the flags name.
func (v *verifierFlags) open(ctx context.Context) (spendStore, error) {
	if v.db != "" {
		return sqlite.Open(v.db)
	}
	m, err := v.shardMap()
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, m, postgres.Options{RequireStandby: v.standby})
}

// shardMap reads -postgres: a connection string, or a document that says where
// the shards are.
func (v *verifierFlags) shardMap() (postgres.Map, error) {
	info, err := os.Stat(v.postgres)
	if err != nil {
		return postgres.Map{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return postgres.Map{}, fmt.Errorf("%s can be read by others; chmod 600 it first", v.postgres)
	}
	text, err := readFile(v.postgres)
	if err != nil {
		return postgres.Map{}, err
	}
	dsn := strings.TrimSpace(string(text))
	if strings.HasPrefix(dsn, "{") {
		return postgres.ParseMap(text)
	}
	return postgres.One(dsn, "perhuman"), nil
}

// flagsApp is the id of the app that the command line names.
const flagsApp = "app_flags"

// service is a verifier service with all that belongs to it.
type service struct {
	flags     *verifierFlags
	logf      func(format string, args ...any)
	store     spendStore
	following *sdk.Following
	registry  *registry.Registry
	metrics   *admin.Metrics
	stats     *admin.Stats
	hooks     *webhook.Hooks
	proofs    *semaphore.Verifier
	fixed     registry.App // with webhooks, without keys; no id if there is none
}

func verifierServe(ctx context.Context, args []string, e env) (err error) {
	v := newVerifierFlags("verifier", e)
	if err := v.parse(args, e); err != nil {
		return err
	}
	key, err := v.secrets()
	if err != nil {
		return err
	}
	s := &service{
		flags: v, metrics: admin.NewMetrics(), stats: admin.NewStats(time.Now),
		logf: func(format string, args ...any) { fmt.Fprintf(e.err, format+"\n", args...) },
	}
	if s.store, err = v.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	if err := v.freeze(ctx, s.store, time.Now(), e); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.following.Close()
	handler, err := s.handler(ctx, key)
	if err != nil {
		return err
	}
	var page *adminServer
	if v.admin != "" {
		if page, err = s.admin(handler); err != nil {
			return err
		}
	}
	l, operator, err := listen(ctx, v.addr, v.admin)
	if err != nil {
		return err
	}
	name := v.rp
	if name == "" {
		name = fmt.Sprintf("%d apps", len(s.registry.View().Apps))
	}
	fmt.Fprintf(e.out, "perhuman verifier for %s (%s) on http://%s\n", name, v.environment, l.Addr())
	if operator != nil {
		fmt.Fprintf(e.out, "operator's page on http://%s\n", operator.Addr())
	}
	return s.run(ctx, l, handler, operator, page)
}

// secrets reads the app key, before anything is opened.
func (v *verifierFlags) secrets() (key string, err error) {
	if v.rp == "" {
		return "", nil
	}
	if v.key != "" {
		if key, err = readSecret(v.key); err != nil {
			return "", err
		}
	}
	return key, httpapi.CheckKey(key, v.environment)
}

// open sets up what the handler stands on.
func (s *service) open(ctx context.Context) error {
	v := s.flags
	at, err := v.addresses()
	if err != nil {
		return err
	}
	if s.proofs, err = semaphore.NewVerifier(); err != nil {
		return err
	}
	if v.rp != "" {
		s.fixed = registry.App{ID: flagsApp, Name: v.rp, RP: v.rp, Environment: v.environment, Origins: v.origins}
		if len(s.fixed.Origins) == 0 {
			s.fixed.Origins = []string{verifier.DefaultOrigin(v.rp)}
		}
		if v.webhook != "" {
			secret, err := readSecret(v.webhookSecret)
			if err != nil {
				return err
			}
			s.fixed.Hooks = []registry.Hook{{ID: "hook_flags", URL: v.webhook, Events: registry.Events, Secrets: []registry.Secret{{Value: secret}}}}
		}
	}
	s.registry, err = registry.Open(ctx, registry.Config{Keeper: s.store, OnError: s.onError})
	if err != nil {
		return err
	}
	s.hooks, err = webhook.New(webhook.Config{Outbox: s.store, App: s.app, Allow: v.webhookAllow, OnError: s.onError, Observe: s.metrics.Webhook})
	if err != nil {
		return err
	}
	s.following, err = sdk.Follow(ctx, sdk.Config{
		Issuers: v.issuers, Require: v.require, At: at, Store: s.store, Afresh: v.afresh, Witnesses: v.witnesses, Quorum: v.quorum, OnError: s.onError,
	})
	return err
}

func (s *service) onError(err error) { s.logf("%v", err) }

// app finds an app by its id, wherever it was made.
func (s *service) app(id string) (registry.App, bool) {
	if id == s.fixed.ID && id != "" {
		return s.fixed, true
	}
	return s.registry.View().App(id)
}

// decided is told of every decision.
func (s *service) decided(app string, code api.Code) {
	s.metrics.Decided(app, code)
	s.stats.Decided(app, code)
}

// verifier makes the verifier of an app.
func (s *service) verifier(ctx context.Context, a registry.App, w httpapi.Wiring) (*verifier.Verifier, error) {
	frozen, err := verifier.FrozenBefore(ctx, s.store) // which the timed store cannot tell
	if err != nil {
		return nil, err
	}
	return verifier.New(ctx, verifier.Config{
		RP: a.RP, Environment: a.Environment, Origins: a.Origins, Bound: uint32(s.flags.bound), Roots: s.following.Roots(),
		Store: s.metrics.Timed(s.store), FreezeBefore: frozen, Proofs: s.proofs, Observe: w.Observe, Events: w.Events,
	})
}

// handler makes the service's own surface.
func (s *service) handler(ctx context.Context, key string) (*httpapi.Service, error) {
	v := s.flags
	o := httpapi.Options{
		Issuers: append(v.issuers[:len(v.issuers):len(v.issuers)], v.require...), All: len(v.require) > 0,
		Registry: s.registry, Open: s.verifier, TrustedProxies: v.proxies,
		Limits: httpapi.Limits{
			PerKey:     httpapi.Rate{PerSecond: v.keyRate},
			Challenges: httpapi.Rate{PerSecond: v.originRate, Burst: max(5, int(5*v.originRate))},
		},
		Logf: s.logf, Decided: s.decided, Events: s.hooks, Took: s.metrics.Took,
	}
	if s.fixed.ID != "" {
		mine, err := s.verifier(ctx, s.fixed, httpapi.Wiring{
			Observe: func(code api.Code) { s.decided(flagsApp, code) },
			Events:  func(verdict api.Verdict) *verifier.Event { return s.hooks.Completed(s.fixed, verdict) },
		})
		if err != nil {
			return nil, err
		}
		app := httpapi.App{ID: flagsApp, Key: key, Verifier: mine, Actions: v.actions, Hooks: s.fixed.Hooks}
		for _, site := range v.sites {
			action, path, ok := strings.Cut(site, "=")
			if !ok {
				return nil, errors.New("-site is ACTION=FILE")
			}
			secret, err := readSecret(path)
			if err != nil {
				return nil, err
			}
			hash := registry.Hash(secret)
			app.Sites = append(app.Sites, httpapi.Site{Key: "phsite_" + scope.EncodeToken(hash[:12]), Secret: secret, Action: action})
		}
		o.Apps = []httpapi.App{app}
	}
	return httpapi.Open(o)
}

// roots says how the issuers stand.
func (s *service) roots() (out []admin.Root) {
	now := time.Now()
	for _, i := range s.following.State(now) {
		r := admin.Root{Issuer: i.Name, Limit: setlog.DefaultMaxStaleness.Seconds(), Fresh: i.Stale == nil}
		if i.Heard {
			r.Seq, r.Size, r.Live = i.Head.Seq, i.Head.Size, i.Head.Live
			r.Age = max(0, now.Sub(time.Unix(int64(i.Head.Issued), 0)).Seconds())
		}
		if i.Stale != nil {
			r.Error = i.Stale.Error()
		}
		out = append(out, r)
	}
	return out
}

// run serves until ctx ends, and stops what runs beside it.
func (s *service) run(ctx context.Context, l net.Listener, h *httpapi.Service, operator net.Listener, page *adminServer) error {
	aside, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { s.registry.Run(aside, 5*time.Second) })
	all.Go(func() { s.hooks.Run(aside) })
	all.Go(func() { admin.Sample(aside, s.stats, h.Queue, 5*time.Second) })
	all.Go(func() { s.sweep(aside) })
	var admins error
	if operator != nil {
		all.Go(func() {
			if admins = serve.Run(aside, operator, page, serve.Options{}); admins != nil {
				s.logf("admin listener: %v", admins)
			}
		})
	}
	public, err := web.BesideWidget(h)
	if err == nil {
		err = serve.Run(ctx, l, public, serve.Options{})
	}
	stop()
	all.Wait()
	return err
}

// sweep forgets now and then what can no longer matter, for all apps at once.
func (s *service) sweep(ctx context.Context) {
	serve.Every(ctx, time.Hour, func() {
		if err := verifier.SweepStore(ctx, s.store, time.Now()); err != nil && ctx.Err() == nil {
			s.onError(err)
		}
	})
}
