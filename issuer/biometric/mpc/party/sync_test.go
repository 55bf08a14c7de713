package party_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// A kill -9 does not show what a power cut would lose: the machine still has what
// it was told to write. So here the order of the calls is read: whenever a party
// sends something, its disk has every change of its folder. A party whose syncs do
// nothing is found by the same test.
func TestSyncedBeforeAnswered(t *testing.T) {
	tracer, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is needed: ", err)
		}
		t.Skip("strace is not installed: ", err)
	}
	synced, early := tracedParty(t, tracer)
	if len(early) > 0 || synced < 6 { // two files for each of three, less one for a commit
		t.Errorf("%d syncs; sent before them: %q", synced, early)
	}
	synced, early = tracedParty(t, tracer, "-e", "inject=fsync:retval=0")
	if len(early) == 0 || synced != 0 {
		t.Errorf("a party that does not sync is not found: %d syncs", synced)
	}
}

// tracedParty runs a party that makes somebody pending, lets them in and forgets
// them, and reads its calls.
func tracedParty(t *testing.T, tracer string, more ...string) (synced int, early []string) {
	t.Helper()
	room := partytest.New(t, party.Face)
	envelope := room.Envelope(t, [32]byte{1}, faceOf(synth.New(8).Person(1), 0))
	trace := filepath.Join(t.TempDir(), "calls")
	p := room.Spawn(t, 0, append([]string{tracer, "-f", "-y", "-qqq", "-s", "0", "-o", trace, "-e", "trace=write,pwrite64,ftruncate,renameat,fsync"}, more...)...)
	c := room.Client(t, 0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Begin(ctx, serial(1), 0, envelope); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(ctx, serial(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Free(ctx, serial(1)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	p.Stop()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return unsynced(strings.Split(string(b), "\n"), room.Folder(0))
}

// unsynced reads a trace of several threads. A change counts from the call on, a
// sync from when it came back.
func unsynced(lines []string, folder string) (synced int, early []string) {
	call := regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>`)
	rename := regexp.MustCompile(`^\d+ +renameat\(.*"(` + regexp.QuoteMeta(folder) + `)/`)
	back := regexp.MustCompile(`^(\d+) +<\.\.\. fsync resumed`)
	dirty := map[string]bool{}
	waits := map[string]string{} // of a thread: what it syncs
	done := func(path, line string) {
		if strings.Contains(line, "= 0") && !strings.Contains(line, "INJECTED") && strings.HasPrefix(path, folder) {
			delete(dirty, path)
			synced++
		}
	}
	for _, line := range lines {
		if m := rename.FindStringSubmatch(line); m != nil {
			dirty[m[1]] = true
			continue
		}
		if m := back.FindStringSubmatch(line); m != nil {
			done(waits[m[1]], line)
			continue
		}
		m := call.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[2] == "fsync" && strings.Contains(line, "unfinished"):
			waits[m[1]] = m[3]
		case m[2] == "fsync":
			done(m[3], line)
		case strings.HasPrefix(m[3], folder):
			dirty[m[3]] = true
		case strings.HasPrefix(m[3], "socket:") || strings.HasPrefix(m[3], "TCP"):
			if len(dirty) > 0 {
				early = append(early, fmt.Sprint(line, dirty))
			}
		}
	}
	return synced, early
}
