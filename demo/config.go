package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/perhuman/perhuman/issuer"
)

// config is what the command line says.
type config struct {
	dir      string // keys, databases, the port
	dirGiven bool   // on the command line
	port     int    // 0: the one kept in dir, or defaultPort
	headless bool
	crowd    int
	mpc      bool          // three processes compare people, and none reads a template
	wait     time.Duration // waiting times of recoveries and deletions; 0: a real issuer's
}

const (
	defaultPort  = 8080
	defaultCrowd = 300
)

func parseFlags(args []string, out io.Writer) (config, error) {
	var c config
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&c.dir, "var", "var", "folder for data and keys; delete it to start over")
	f.IntVar(&c.port, "port", 0, fmt.Sprintf("port on loopback; kept in the folder, because it is part of the relying party's name (first start: %d)", defaultPort))
	f.BoolVar(&c.headless, "headless", false, "play the whole story without a browser, print a line a step, and end")
	f.DurationVar(&c.wait, "wait", 0, "cool-down of recoveries and delay of deletions, in seconds or minutes, to watch them; the pages say so (0: 7 and 30 days, as a real issuer)")
	f.BoolVar(&c.mpc, "mpc", false, "compare people with the private matcher: three more processes, each with keys and shares of its own, none of which can read a template")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	f.Visit(func(f *flag.Flag) { c.dirGiven = c.dirGiven || f.Name == "var" })
	if f.NArg() > 0 {
		return c, fmt.Errorf("%q is not understood; see -help", f.Arg(0))
	}
	if c.port < 0 || c.port > 65535 {
		return c, fmt.Errorf("port %d does not exist", c.port)
	}
	if c.wait < 0 || c.wait%time.Second != 0 || c.wait > 24*time.Hour {
		return c, fmt.Errorf("-wait is whole seconds, a day at most")
	}
	c.crowd = defaultCrowd
	return c, nil
}

// pace is what the times of a recovery rest on beside the waiting times
// themselves: how often the issuer anchors, and for how long verifiers take a
// superseded root and an old head.
type pace struct {
	life                  issuer.Life
	anchor, window, stale time.Duration // of the last two 0: as they are by default
}

// pace of the command line. With short waiting times the order of the steps is
// kept, and nothing is left of a bound within a day.
func (c config) pace() pace {
	if c.wait == 0 {
		return pace{anchor: anchorEvery}
	}
	const stale = 10 * time.Second
	return pace{
		issuer.Life{RekeyPeriod: time.Second, Cooldown: c.wait, ReentryDelay: c.wait, MaxStaleness: stale, Settle: time.Second},
		anchorEvery / 2, 2 * anchorEvery, stale,
	}
}

// settlePort decides the port: the one kept in the folder, else the one asked
// for, else the default, which keepPort writes down once it could be opened. A
// folder that was started on one port stays on it:
// nullifiers and passkeys are bound to names that hold the port.
func (c *config) settlePort() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder for data: %w", err)
	}
	path := filepath.Join(c.dir, portFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if c.port == 0 {
			c.port = defaultPort
		}
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || kept < 1 || kept > 65535 {
		return fmt.Errorf("%s does not hold a port", path)
	}
	if c.port != 0 && c.port != kept {
		return fmt.Errorf("this folder was started on port %d, which is part of every proof made with it; use -port %d, another -var, or delete %s to start over", kept, kept, c.dir)
	}
	c.port = kept
	return nil
}

const portFile = "port"

// keepPort writes the port down at the first start, after it was opened: a
// start that fails because the port is busy leaves the choice open.
func (c *config) keepPort() error {
	err := writeNew(filepath.Join(c.dir, portFile), []byte(strconv.Itoa(c.port)+"\n"))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.settlePort() // of a start before this one, or at the same time
}

// secret returns what a file in the folder holds, making it on the first call.
// Files are readable by their owner alone, and what is in them is never shown.
func (c *config) secret(name string, make func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(c.dir, name)
	b, err := os.ReadFile(path)
	if err == nil {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return nil, fmt.Errorf("%s can be read by others; set its mode to 0600", path)
		}
		if len(b) == 0 {
			return nil, fmt.Errorf("%s is empty; put it back, or delete %s to start over", path, c.dir)
		}
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if b, err = make(); err != nil {
		return nil, err
	}
	return b, writeNew(path, b)
}

// writeNew writes a file that must not exist, durably, for its owner alone.
func writeNew(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil { // fails if another process was first
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
