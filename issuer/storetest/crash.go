package storetest

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// What a child process is told.
const (
	whereEnv = "PERHUMAN_STORETEST_WHERE"
	firstEnv = "PERHUMAN_STORETEST_FIRST"
)

// Child is the body of a test named TestStoreChild: empty, unless this process
// was started by the crash test.
func Child(t *testing.T, at func(t testing.TB, where string) issuer.Store) {
	where := os.Getenv(whereEnv)
	if where == "" {
		return
	}
	first, err := strconv.ParseUint(os.Getenv(firstEnv), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{World: testkit.NewWorld(t, 1), next: first}
	r.Clock.Move(time.Duration(first) * time.Second)
	r.over(t, at(t, where))
	for {
		id := r.enrol(t, r.person())
		e, err := r.i.Status(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("INTAKE", id, e.Receipt) // one write, after the answer
		if r.next%2 == 0 {
			continue
		}
		r.anchor(t)
		c, err := r.i.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("ANCHOR", base64.StdEncoding.EncodeToString(c))
	}
}

// killNine: T01, a process that enrols and anchors is killed at random times;
// nothing acknowledged is lost, nothing is half done, and every checkpoint that
// was shown is a prefix of the log.
func killNine(t *testing.T, s Store) {
	where := s.Where(t)
	receipts := map[string]string{}
	var checkpoints [][]byte
	seed := mrand.New(mrand.NewPCG(1, uint64(time.Now().UnixNano()))) // #nosec G404 -- times of kills
	for kill := range max(s.Kills, 1) {
		first := uint64(1 + 1000*kill)
		if n := runChild(t, where, first, 3+seed.IntN(12), time.Duration(seed.IntN(10_000))*time.Microsecond, receipts, &checkpoints); n == 0 {
			t.Fatal("the child acknowledged nothing")
		}
		store := s.At(t, where)
		r := &rig{World: testkit.NewWorld(t, 1)}
		r.Clock.Move(time.Duration(first+900) * time.Second)
		r.over(t, store)
		got := report(t, store)
		for id, receipt := range receipts {
			if e, err := r.i.Status(t.Context(), id); err != nil || e.Receipt != receipt {
				t.Errorf("acknowledged intake %s: %v", id, err)
			}
		}
		v, err := setlog.ParseVKey(r.VKey)
		if err != nil {
			t.Fatal(err)
		}
		for _, signed := range checkpoints {
			c, err := setlog.OpenCheckpoint(signed, v)
			if err != nil || c.Size > got.LogSize {
				t.Fatalf("acknowledged checkpoint of size %d, the log has %d: %v", c.Size, got.LogSize, err)
			}
			h, err := tlog.TreeHash(c.Size, tlog.HashReaderFunc(func(n []int64) ([]tlog.Hash, error) { return store.Hashes(t.Context(), n) }))
			if err != nil || h != c.Hash {
				t.Errorf("acknowledged checkpoint of size %d is no prefix: %v", c.Size, err)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("after %d kills", kill+1)
		}
	}
	t.Logf("%d kills, %d intakes and %d anchors acknowledged", s.Kills, len(receipts), len(checkpoints))
}

// runChild runs a child and kills it a while after so many answers.
func runChild(t *testing.T, where string, first uint64, answers int, more time.Duration, receipts map[string]string, checkpoints *[][]byte) (seen int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStoreChild$", "-test.timeout=60s") // #nosec G204 G702 -- this very test
	cmd.Env = append(os.Environ(), whereEnv+"="+where, firstEnv+"="+strconv.FormatUint(first, 10))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[0] == "INTAKE":
			receipts[f[1]] = f[2]
		case len(f) == 2 && f[0] == "ANCHOR":
			c, err := base64.StdEncoding.DecodeString(f[1])
			if err != nil {
				t.Fatal(err)
			}
			*checkpoints = append(*checkpoints, c)
		default:
			t.Log(lines.Text())
			continue
		}
		if seen++; seen == answers {
			time.AfterFunc(more, func() { _ = cmd.Process.Kill() })
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.String() != "signal: killed" {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return seen
}
