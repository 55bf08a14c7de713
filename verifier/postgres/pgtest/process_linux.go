package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// identity is who runs the server: nil for whoever runs the test.
type identity struct{ cred *syscall.Credential }

// notRoot finds a user for a server that refuses to run as root.
func notRoot() (identity, error) {
	if os.Getuid() != 0 {
		return identity{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return identity{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return identity{}, fmt.Errorf("root may not run PostgreSQL, and there is no user for it")
}

func (i identity) own(dir string) error {
	if i.cred == nil {
		return nil
	}
	return os.Chown(dir, int(i.cred.Uid), int(i.cred.Gid))
}

// attr are the attributes of a process; one that dies with this process leaves
// nothing behind if a test is killed.
func (i identity) attr(diesWithUs bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Credential: i.cred}
	if diesWithUs {
		a.Setpgid, a.Pdeathsig = true, syscall.SIGQUIT
	}
	return a
}

// run starts a process and waits for its end. The kernel ties "dies with us" to
// the thread that started it, so that thread is kept.
func run(cmd *exec.Cmd, started chan<- error, exit chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		_ = cmd.Wait() // how it ended is in its log
	}
	close(exit)
}

func (c *Cluster) interrupt() { _ = syscall.Kill(c.pid, syscall.SIGINT) }

// children are the processes of the server: backends, walreceiver and so on.
func (c *Cluster) children() (pids []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.pid, c.pid))
	if err != nil {
		return nil
	}
	for _, s := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(s); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Kill ends the whole server at once, as a power cut would: SIGKILL to every
// process of it. The data stay until Stop.
func (c *Cluster) Kill() {
	if c.gone() {
		return
	}
	_ = syscall.Kill(c.pid, syscall.SIGSTOP) // it must not start new ones
	for _, pid := range c.children() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = syscall.Kill(c.pid, syscall.SIGKILL)
	<-c.exit
}

// LimitFiles keeps the server, and the sessions that it has and will have, from
// growing any file beyond so many bytes, as a full disk does: the server
// ignores SIGXFSZ, and such a write is an error. Files of the write-ahead log
// have 16 MB and must stay below the limit. lift ends it.
func (c *Cluster) LimitFiles(t testing.TB, bytes int64) (lift func()) {
	t.Helper()
	owner, err := notRoot() // whose processes they are: root needs a capability for others'
	need(t, err)
	set := func(limit string) {
		t.Helper()
		for _, pid := range append(c.children(), c.pid) {
			cmd := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+limit+":") // #nosec G204 -- the server of a test
			cmd.SysProcAttr, cmd.Dir = owner.attr(false), c.dir
			if out, err := cmd.CombinedOutput(); err != nil && pid == c.pid { // others may have ended
				t.Fatalf("prlimit: %v: %s", err, out)
			}
		}
	}
	set(strconv.FormatInt(bytes, 10))
	return func() { set("unlimited") }
}
