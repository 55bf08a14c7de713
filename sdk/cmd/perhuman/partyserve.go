package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/sdk/serve"
)

// partyFlags are the settings of a party's service.
type partyFlags struct {
	issuerFlags  // for read, which takes flags, twins and file of any command
	dir, group   string
	addr, health string
	logs         string
	timeout      time.Duration
}

func newPartyFlags(name string, e env) *partyFlags {
	v := &partyFlags{issuerFlags: issuerFlags{from: map[string]string{}}}
	f := flags(name, "-dir FOLDER -group FILE [flags]", e)
	v.set = f
	f.StringVar(&v.config, "config", "", "file with settings, one on a line: the name of a flag and its value")
	f.StringVar(&v.dir, "dir", "", "the party's folder (perhuman party init)")
	f.StringVar(&v.group, "group", "", "the group file, the same at all three and the issuer (perhuman party group)")
	f.StringVar(&v.addr, "addr", "", "address to listen on (default the party's own in the group file); no proxy may end the TLS before it")
	f.StringVar(&v.health, "health", "", "address of /livez, /readyz and /metrics over plain HTTP, such as 127.0.0.1:8795; they tell how many people there are and how long calls take, so keep it on this machine (default none)")
	f.DurationVar(&v.timeout, "timeout", time.Minute, "how long the other parties may take for one message, with the computation before it")
	f.StringVar(&v.logs, "log", "text", "form of the log lines: text or json")
	return v
}

// check refuses settings that cannot be.
func (v *partyFlags) check() error {
	if v.dir == "" || v.group == "" || v.timeout <= 0 || v.logs != "text" && v.logs != "json" {
		v.set.Usage()
		return hint(v.set)
	}
	return nil
}

// partyConfigPrint shows what a party would be started with. Its secret is in the
// folder.
func partyConfigPrint(_ context.Context, args []string, e env) error {
	v := newPartyFlags("party config print", e)
	if err := v.read(args, e); err != nil {
		return err
	}
	v.print(e.out)
	return v.check()
}

func partyServe(ctx context.Context, args []string, e env) (err error) {
	v := newPartyFlags("party serve", e)
	if err := v.read(args, e); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, nil))
	if v.logs == "json" {
		log = slog.New(slog.NewJSONHandler(e.err, nil))
	}
	g, err := readGroup(v.group)
	if err != nil {
		return err
	}
	// The health listener is there before the folder is read, which takes long.
	var ready atomic.Bool
	metrics := newPartyMetrics()
	if v.health != "" {
		stop, at, err := partyHealth(ctx, v.health, &ready, metrics)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "  health http://%s\n", at)
		defer stop()
	}
	folder, err := party.OpenFolder(v.dir, g, time.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	server, err := party.NewServer(folder, party.Options{
		Now: time.Now, Rand: e.rand, Timeout: v.timeout, Took: metrics.took,
		Logf: func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return err
	}
	metrics.watch(server)
	if v.addr == "" {
		v.addr = g.Parties[folder.Number()].Address
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", v.addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "perhuman party %d of %s\n  on    %s\n", folder.Number(), g.Issuer, l.Addr())
	log.Info("serving", "party", folder.Number(), "compares", g.Compare, "places", folder.Places())
	ready.Store(true)
	err = server.Serve(ctx, l)
	ready.Store(false)
	log.Info("stopped", "places", folder.Places())
	return err
}

// partyHealth answers who asks for the process until stop.
func partyHealth(ctx context.Context, addr string, ready *atomic.Bool, metrics *partyMetrics) (stop func(), at net.Addr, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "not serving: the folder is being read, or the party stops", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /metrics", metrics.handler())
	aside, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	all.Go(func() { _ = serve.Run(aside, l, mux, serve.Options{}) })
	return func() { cancel(); all.Wait() }, l.Addr(), nil
}
