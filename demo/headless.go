package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// story is the whole demonstration played by Go wallets over real HTTP, a line
// a step.
type story struct {
	cfg     config
	out     io.Writer
	steps   int
	failed  int
	world   *world
	stop    func() error
	ada     *person
	ben     *person
	request shot   // ada's first, which the board accepted
	postID  int64  // what it became
	receipt string // of ada's vote
}

// headless plays the story and fails if a step does. Without -var it works in
// a folder of its own that it removes, on a free port: nothing of a demo that
// somebody uses is touched.
func headless(ctx context.Context, cfg config, out io.Writer) (err error) {
	if !cfg.dirGiven {
		if cfg.dir, err = os.MkdirTemp("", "perhuman-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.dir)) }()
		if cfg.port == 0 {
			if cfg.port, err = freePort(); err != nil {
				return err
			}
		}
	}
	s := &story{cfg: cfg, out: out}
	defer func() {
		if s.stop != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.start(ctx); err != nil {
		return err
	}
	for _, step := range steps() {
		if ok := s.play(ctx, step); !ok && step.vital || ctx.Err() != nil {
			break
		}
	}
	if s.failed > 0 || ctx.Err() != nil {
		return fmt.Errorf("%d of %d steps failed", s.failed, s.steps)
	}
	fmt.Fprintln(out, "DEMO OK")
	return nil
}

// step is one line of the story. After a vital one fails, the rest means
// nothing.
type step struct {
	name  string
	vital bool
	run   func(ctx context.Context, s *story) (detail string, err error)
}

func (s *story) play(ctx context.Context, st step) bool {
	s.steps++
	begin := time.Now()
	detail, err := st.run(ctx, s)
	word := "ok"
	if err != nil {
		s.failed++
		word, detail = "FAIL", err.Error()
	}
	fmt.Fprintf(s.out, "STEP %02d %-22s %-4s %s (%d ms)\n", s.steps, st.name, word, detail, time.Since(begin).Milliseconds())
	return err == nil
}

// start opens the world and serves it until stop.
func (s *story) start(ctx context.Context) error {
	l, err := s.cfg.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	w, err := openWorld(ctx, s.cfg, func(format string, args ...any) { fmt.Fprintf(s.out, "# "+format+"\n", args...) })
	if err != nil {
		cancel()
		return errors.Join(err, l.Close())
	}
	done := make(chan error, 1)
	go func() { done <- w.run(ctx, l) }()
	s.world = w
	s.stop = func() error {
		cancel()
		s.stop = nil
		return errors.Join(ignoreCancel(<-done), w.close())
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
