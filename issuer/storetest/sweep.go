package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Sweep is T03 for a store in files: a child enrols and anchors while a tracer
// makes one system call fail, or kills the process at it: each kind of call, the
// first one, the second and so on, until the child makes none more. Whatever
// came of it, nothing that was answered is lost, and the database agrees with
// itself when it is opened again. Every fault has to have fired. It takes minutes
// and needs strace.
func Sweep(t *testing.T, s Store, calls ...string) {
	if os.Getenv("PERHUMAN_LONG") == "" {
		t.Skip("takes minutes: PERHUMAN_LONG=1")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("the sweep of system calls needs strace: ", err)
	}
	log := filepath.Join(t.TempDir(), "log")
	fired := map[string]int{}
	for _, call := range calls {
		for _, fault := range []string{"error=EIO", "error=ENOSPC", "signal=SIGKILL"} {
			for when, step := 1, 1; ; when += step {
				if when > 8 {
					step = 1 + when/4 // the later ones are of a kind
				}
				where := s.Where(t)
				told := answered{receipts: map[string]string{}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				cmd := command(ctx, where, 1, "", 9, strace, "-f", "-q", "-o", log, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, when))
				cmd.Stderr = nil // what it says of its fault is of no interest
				err := told.listen(t, cmd, func() {})
				cancel()
				trace, lerr := os.ReadFile(log) // #nosec G304 -- ours
				if lerr != nil {
					t.Fatal(lerr)
				}
				var exit *exec.ExitError // strace ends as its child did
				hit := bytes.Contains(trace, []byte("(INJECTED)")) || errors.As(err, &exit) && exit.String() == "signal: killed"
				if err := told.kept(t, s, where, 1); err != nil {
					t.Errorf("%s, %s at the %d. call: %v", call, fault, when, err)
				}
				if !hit {
					break
				}
				fired[call+" "+fault]++
			}
			if fired[call+" "+fault] == 0 {
				t.Errorf("%s, %s: no fault fired", call, fault)
			}
		}
	}
	t.Logf("%v", fired)
}
