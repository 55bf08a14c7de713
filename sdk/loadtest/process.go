package loadtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Listening is the line that a server process prints first, before its address.
const Listening = "loadtest server on "

// Process is a server in a process of its own.
type Process struct {
	URL string

	cmd    *exec.Cmd
	dir    string
	exited chan error
}

// Start runs a command that prints Listening and an address, which must be a
// program around Serve, with GOMAXPROCS as given and a folder that is deleted
// with the process.
func Start(ctx context.Context, procs int, command func(dir string) *exec.Cmd) (*Process, error) {
	dir, err := os.MkdirTemp("", "perhuman-loadtest-*")
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: command(dir), dir: dir, exited: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", procs))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	line := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		line <- lines.Text()
		for lines.Scan() {
		}
		p.exited <- p.cmd.Wait()
	}()
	select {
	case text := <-line:
		addr, ok := strings.CutPrefix(text, Listening)
		if !ok {
			return nil, errors.Join(fmt.Errorf("loadtest: the server did not start: %q", text), p.Stop())
		}
		p.URL = "http://" + addr
		return p, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.Stop())
	case <-time.After(time.Minute):
		return nil, errors.Join(errors.New("loadtest: the server says nothing"), p.Stop())
	}
}

// Stop ends the process, kindly at first.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return os.RemoveAll(p.dir)
}
