package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/cosign"
	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/issuer/httpapi/admin"
	"github.com/perhuman/perhuman/sdk/serve"
)

// guardTimeout is how long a start waits for witnesses that do not answer.
const guardTimeout = 3 * time.Second

// issuing is an issuer service with all that belongs to it.
type issuing struct {
	flags   *issuerFlags
	log     *slog.Logger
	store   issuer.Store
	issuer  *issuer.Issuer
	cosign  *cosign.Collector // nil without witnesses
	ended   func()            // waits for what the matcher still tells its parties
	parties partiesOf         // nil with the plain matcher
	lists   *lists
	pause   admin.Pause
	metrics *admin.Metrics
}

// logf writes a line of the parts that know no slog.
func (s *issuing) logf(format string, args ...any) { s.log.Info(fmt.Sprintf(format, args...)) }

func issuerServe(ctx context.Context, args []string, e env) (err error) {
	v := newIssuerFlags("issuer serve", e)
	if err := v.read(args, e); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	s := &issuing{flags: v, log: slog.New(slog.NewTextHandler(e.err, nil)), metrics: admin.NewMetrics()}
	if v.logs == "json" {
		s.log = slog.New(slog.NewJSONHandler(e.err, nil))
	}
	s.pause.Set(v.paused)
	cfg, err := s.config(e)
	if err != nil {
		return err
	}
	defer s.ended()
	if s.store, err = guardedStore(ctx, v.db, v.published); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	cfg.Store = s.store
	if v.cache == "none" && !isPostgres(v.db) { // one from before is of no use any more
		if err := issuer.DropGalleryCache(v.db + ".gallery"); err != nil {
			return err
		}
	}
	if s.issuer, err = issuer.New(ctx, cfg); err != nil {
		return err
	}
	if err := s.collect(); err != nil {
		return err
	}
	return s.run(ctx, e)
}

// config reads the files that the flags name.
func (s *issuing) config(e env) (cfg issuer.Config, err error) {
	v := s.flags
	cfg = issuer.Config{
		Depth: v.depth, Anchor: v.anchor, MinBatch: v.minBatch, Window: max(v.window, v.anchor), SessionTTL: v.session,
		Life:   issuer.Life{RekeyPeriod: v.rekey, Cooldown: v.cooldown, ReentryDelay: v.reentry},
		Quorum: v.quorum, Now: time.Now, Rand: e.rand, Logf: s.logf,
		Background: true,
		DeviceRate: v.deviceRate, OperatorRate: v.operatorRate,
	}
	if cfg.Signer, err = readSecret(v.key); err != nil {
		return cfg, err
	}
	if cfg.Name, _, err = signerOf(v.key); err != nil {
		return cfg, err
	}
	for _, path := range v.oldKeys {
		old, err := readSecret(path)
		if err != nil {
			return cfg, err
		}
		cfg.Retiring = append(cfg.Retiring, old)
	}
	if cfg.Operator, err = sealingKey(v.sealing); err != nil {
		return cfg, err
	}
	if v.gallery != "" {
		cfg.GalleryKey = issuer.KeyFile(v.gallery)
	}
	switch v.snapshot {
	case "none":
	case "":
		if !isPostgres(v.db) {
			cfg.Snapshots = issuer.SnapshotFile(v.db + ".set")
		}
	default:
		cfg.Snapshots = issuer.SnapshotFile(v.snapshot)
	}
	switch {
	case v.cache == "none":
	case v.cache != "":
		cfg.GalleryCache = v.cache
	case !isPostgres(v.db):
		cfg.GalleryCache = v.db + ".gallery"
	}
	if cfg.Consents, err = v.consentHashes(); err != nil {
		return cfg, err
	}
	if cfg.Matcher, s.ended, err = s.matcher(cfg.Name, cfg.Consents, e); err != nil {
		return cfg, err
	}
	s.parties, _ = cfg.Matcher.(partiesOf)
	if cfg.Capture, err = s.captures(cfg.Name); err != nil {
		return cfg, err
	}
	for _, class := range v.unattended {
		if cfg.Unattended == nil {
			cfg.Unattended = map[string]bool{}
		}
		cfg.Unattended[class] = true
	}
	if v.rates != "" {
		b, err := readFile(v.rates)
		if err != nil {
			return cfg, err
		}
		if err := json.Unmarshal(b, &cfg.ErrorRates); err != nil {
			return cfg, fmt.Errorf("%s: %w", v.rates, err)
		}
	}
	all, err := v.witnessList()
	at := map[string]string{}
	for _, w := range all {
		cfg.Witnesses = append(cfg.Witnesses, w.vkey)
		at[w.vkey] = w.at
	}
	if len(all) > 0 {
		quorum := v.quorum
		if quorum == 0 {
			quorum = len(all)
		}
		cfg.Guard = cosign.Guard(at, cosign.Wanted(quorum, len(all)), nil, guardTimeout)
	}
	return cfg, err
}

// captures makes the policy of captures, with the lists that may change.
func (s *issuing) captures(name string) (*capture.Policy, error) {
	var roots []capture.Root
	for _, text := range s.flags.roots {
		root, err := deviceRoot(text)
		if err != nil {
			return nil, err
		}
		if root.Class == capture.ClassVirtual && !s.flags.virtual {
			return nil, errors.New("a root of virtual devices is believed with -virtual only")
		}
		roots = append(roots, root)
	}
	p := capture.Production(name, 1, roots...)
	if s.flags.virtual {
		p = capture.Virtual(name, roots...)
	}
	groups, err := s.flags.groups()
	if err != nil {
		return nil, err
	}
	if len(groups) > 0 {
		splitCaptures(p, groups)
	}
	s.lists = &lists{revoked: s.flags.revoked, firmware: s.flags.firmware}
	if s.lists.any() {
		p.Lists = &s.lists.Lists
		return p, s.lists.read()
	}
	return p, nil
}

// collect makes the collector of cosignatures.
func (s *issuing) collect() error {
	all, err := s.flags.witnessList()
	if err != nil || len(all) == 0 {
		return err
	}
	at := map[string]string{}
	for _, w := range all {
		at[w.vkey] = w.at
	}
	s.cosign, err = cosign.New(cosign.Config{Issuer: s.issuer, Witnesses: at, Logf: func(format string, args ...any) { s.log.Warn(fmt.Sprintf(format, args...)) }})
	return err
}

// gallery says whether people can be matched yet.
func (s *issuing) gallery() bool { return s.issuer.Gallery().Open }

// run listens, serves until ctx ends, and then publishes what waits.
func (s *issuing) run(ctx context.Context, e env) error {
	v := s.flags
	public := httpapi.New(s.issuer, httpapi.Options{
		Origin: v.origin, Rand: e.rand, Logf: s.logf, Took: s.metrics.Took, Paused: s.pause.On, Gallery: s.gallery,
	})
	var page http.Handler
	if v.admin != "" {
		var err error
		if page, err = s.admin(e); err != nil {
			return err
		}
	}
	l, operator, err := listen(ctx, v.addr, v.admin)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "perhuman issuer %s\n  key   %s\n  on    http://%s\n", s.issuer.Name(), s.issuer.VKey(), l.Addr())
	if operator != nil {
		fmt.Fprintf(e.out, "  admin http://%s\n", operator.Addr())
	}
	now, _ := s.issuer.Current()
	s.log.Info("serving", "issuer", s.issuer.Name(), "seq", now.Seq, "live", now.Live, "witnesses", strings.Count(v.witnesses.String(), "@http"), "matcher", s.issuer.Info().Matcher)

	// In this order: nobody new is let in, then what waits is anchored.
	aside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	var anchors error
	all.Go(func() { anchors = s.issuer.Run(aside) })
	all.Go(func() { s.lists.watch(aside, v.reload, s.log) })
	all.Go(func() { s.refreshes(aside, e.rand) })
	all.Go(func() { s.audits(aside, e.rand) })
	if s.cosign != nil {
		all.Go(func() { s.cosign.Run(aside) })
	}
	if operator != nil {
		all.Go(func() {
			if err := serve.Run(aside, operator, page, serve.Options{WriteTimeout: time.Hour}); err != nil { // a backup takes its time
				s.log.Error("admin listener", "error", err)
			}
		})
	}
	err = serve.Run(ctx, l, public, serve.Options{})
	s.log.Info("stopping")
	stop()
	all.Wait()
	now, _ = s.issuer.Current()
	s.log.Info("stopped", "seq", now.Seq, "live", now.Live)
	return errors.Join(err, anchors)
}
