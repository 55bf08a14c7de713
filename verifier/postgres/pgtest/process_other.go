//go:build !linux

package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// identity is who runs the server: whoever runs the test.
type identity struct{}

func notRoot() (identity, error) {
	if os.Getuid() == 0 {
		return identity{}, errors.New("root may not run PostgreSQL, and only on Linux does this package know another user")
	}
	return identity{}, nil
}

func (identity) own(string) error               { return nil }
func (identity) attr(bool) *syscall.SysProcAttr { return nil }

func run(cmd *exec.Cmd, started chan<- error, exit chan<- struct{}) {
	err := cmd.Start()
	started <- err
	if err == nil {
		_ = cmd.Wait() // how it ended is in its log
	}
	close(exit)
}

func (c *Cluster) signal(s os.Signal) {
	if p, err := os.FindProcess(c.pid); err == nil {
		_ = p.Signal(s)
	}
}

func (c *Cluster) interrupt() { c.signal(os.Interrupt) }

// Kill ends the server at once.
func (c *Cluster) Kill() {
	if c.gone() {
		return
	}
	c.signal(os.Kill)
	<-c.exit
}

// LimitFiles is there on Linux alone.
func (c *Cluster) LimitFiles(t testing.TB, _ int64) (lift func()) {
	t.Helper()
	t.Fatal("the size of a server's files can be limited on Linux alone")
	return nil
}
