package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/httpapi/admin"
)

// admin makes the operator's side.
func (s *issuing) admin(e env) (http.Handler, error) {
	token, err := readSecret(s.flags.adminToken)
	if err != nil {
		return nil, err
	}
	o := admin.Options{
		Token: token, OpenMetrics: s.flags.openMetrics, Issuer: s.issuer, Pause: &s.pause, Metrics: s.metrics,
		Gallery: s.gallery, Verify: s.issuer.Verify, Rand: e.rand, Logf: s.logf,
	}
	if s.parties != nil {
		o.Refresh, o.Parties = s.refresh, s.partyGroups
	}
	if s.cosign != nil {
		o.Witnesses = s.cosign.State
	}
	if s.lists.any() {
		o.Lists, o.Reload = s.lists.Len, s.lists.read
	}
	if b, ok := s.store.(interface {
		Backup(ctx context.Context, path string) error
	}); ok {
		o.Backup = b.Backup
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		o.Version = buildVersion(info)
	}
	return admin.New(o)
}

// lists are the two files that may change while the service runs.
type lists struct {
	capture.Lists
	revoked, firmware string

	mu   sync.Mutex
	have [2][]byte
}

func (l *lists) any() bool { return l.revoked != "" || l.firmware != "" }

// read puts what the files say in force, both or none.
func (l *lists) read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, err := l.files()
	if err == nil {
		err = l.Set(now[0], now[1])
	}
	if err == nil {
		l.have = now
	}
	return err
}

func (l *lists) files() (now [2][]byte, err error) {
	for n, path := range []string{l.revoked, l.firmware} {
		if path == "" {
			continue
		}
		if now[n], err = readFile(path); err != nil {
			return now, err
		}
		if now[n] == nil {
			now[n] = []byte{} // an empty list, not none
		}
	}
	return now, nil
}

// watch reads the files again when they have changed, and on SIGHUP, until ctx
// ends. A list that cannot be read leaves the old ones in force. Without lists
// SIGHUP does nothing.
func (l *lists) watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(max(every, time.Second/10))
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hup:
			asked = true
		case <-tick.C:
		}
		l.mu.Lock()
		now, err := l.files()
		same := err == nil && bytes.Equal(now[0], l.have[0]) && bytes.Equal(now[1], l.have[1])
		l.mu.Unlock()
		if same && !asked {
			continue
		}
		if err := l.read(); err != nil {
			log.Error("the lists were not read again; the old ones stay in force", "error", err)
			continue
		}
		revoked, firmware := l.Len()
		log.Info("lists read again", "revoked", revoked, "firmwares", firmware)
	}
}
