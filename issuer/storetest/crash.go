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
	hastyEnv = "PERHUMAN_STORETEST_HASTY" // what the store answers before its commit
	limitEnv = "PERHUMAN_STORETEST_LIMIT" // after how many answers it ends by itself, 0: never
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
	limit, err := strconv.Atoi(os.Getenv(limitEnv))
	if err != nil {
		t.Fatal(err)
	}
	answered, failures := 0, 0
	answer := func(words ...any) {
		fmt.Println(words...) // one write, after the answer
		if answered++; answered == limit {
			os.Exit(0) // without closing anything
		}
	}
	r := &rig{World: testkit.NewWorld(t, 1), next: first}
	r.Clock.Move(time.Duration(first) * time.Second)
	store := at(t, where)
	if of := os.Getenv(hastyEnv); of != "" {
		store = &hasty{Store: store, of: of}
	}
	r.over(t, store)
	// A child whose database fails goes on, as a service does.
	failed := func(err error) bool {
		if err == nil {
			return false
		}
		if failures++; limit == 0 || failures > 20 {
			t.Fatal(err)
		}
		return true
	}
	for {
		got, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person()))
		if failed(err) {
			continue
		}
		answer("INTAKE", got.Enrolment.ID, got.Enrolment.Receipt)
		if r.next%2 == 0 {
			continue
		}
		r.Clock.Move(time.Second)
		if _, err := r.i.Anchor(t.Context()); failed(err) {
			continue
		}
		c, err := r.i.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		answer("ANCHOR", base64.StdEncoding.EncodeToString(c))
	}
}

// answered is what children were told, and what has to be there for ever.
type answered struct {
	receipts    map[string]string // by intake
	checkpoints [][]byte
}

// errLost: what was answered is not there after a crash.
var errLost = errors.New("acknowledged and lost")

// killNine: T01, a process that enrols and anchors is killed at random times;
// nothing acknowledged is lost, nothing is half done, and every checkpoint that
// was shown is a prefix of the log.
func killNine(t *testing.T, s Store) {
	where := s.Where(t)
	told := answered{receipts: map[string]string{}}
	seed := mrand.New(mrand.NewPCG(1, uint64(time.Now().UnixNano()))) // #nosec G404 -- times of kills
	for kill := range max(s.Kills, 1) {
		first := uint64(1 + 1000*kill)
		told.runChild(t, where, first, 3+seed.IntN(12), time.Duration(seed.IntN(10_000))*time.Microsecond, "")
		if err := told.kept(t, s, where, first); err != nil {
			t.Fatalf("after %d kills: %v", kill+1, err)
		}
	}
	t.Logf("%d kills, %d intakes and %d anchors acknowledged", s.Kills, len(told.receipts), len(told.checkpoints))
}

// killHasty: the control of T01. The same test has to find what a store loses
// that answers before its commit.
func killHasty(t *testing.T, s Store) {
	for _, of := range []string{hastyIntakes, hastyAnchors} {
		where := s.Where(t)
		told := answered{receipts: map[string]string{}}
		told.runChild(t, where, 1, 3, 0, of)
		if err := told.kept(t, s, where, 1); !errors.Is(err, errLost) {
			t.Errorf("a store that answers %s before their commit passes: %v", of, err)
		}
	}
}

// kept opens the database of a killed child and looks for everything that was
// answered. The error is errLost; anything else that is wrong fails the test.
func (a *answered) kept(t *testing.T, s Store, where string, first uint64) (err error) {
	t.Helper()
	store := s.At(t, where)
	defer func() {
		if cerr := store.Close(); cerr != nil {
			t.Error(cerr)
		}
	}()
	r := &rig{World: testkit.NewWorld(t, 1)}
	r.Clock.Move(time.Duration(first+900) * time.Second)
	r.over(t, store)
	got := report(t, store)
	for id, receipt := range a.receipts {
		if e, serr := r.i.Status(t.Context(), id); serr != nil || e.Receipt != receipt {
			err = errors.Join(err, fmt.Errorf("%w: intake %s: %v", errLost, id, serr))
		}
	}
	v, verr := setlog.ParseVKey(r.VKey)
	if verr != nil {
		t.Fatal(verr)
	}
	for _, signed := range a.checkpoints {
		c, cerr := setlog.OpenCheckpoint(signed, v)
		if cerr != nil {
			t.Fatal(cerr)
		}
		if c.Size > got.LogSize {
			err = errors.Join(err, fmt.Errorf("%w: checkpoint of size %d, the log has %d", errLost, c.Size, got.LogSize))
			continue
		}
		h, herr := tlog.TreeHash(c.Size, tlog.HashReaderFunc(func(n []int64) ([]tlog.Hash, error) { return store.Hashes(t.Context(), n) }))
		if herr != nil {
			t.Fatal(herr)
		}
		if h != c.Hash {
			err = errors.Join(err, fmt.Errorf("%w: checkpoint of size %d is no prefix of the log", errLost, c.Size))
		}
	}
	return err
}

// command starts this test again as a child of the crash tests.
func command(ctx context.Context, where string, first uint64, hasty string, limit int, under ...string) *exec.Cmd {
	args := append(under, os.Args[0], "-test.run=^TestStoreChild$", "-test.timeout=60s")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 G702 -- this very test, or a tracer over it
	cmd.Env = append(os.Environ(), whereEnv+"="+where, firstEnv+"="+strconv.FormatUint(first, 10), hastyEnv+"="+hasty, limitEnv+"="+strconv.Itoa(limit))
	cmd.Stderr = os.Stderr
	return cmd
}

// runChild runs a child and kills it a while after so many answers.
func (a *answered) runChild(t *testing.T, where string, first uint64, answers int, more time.Duration, hasty string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := command(ctx, where, first, hasty, 0)
	seen := 0
	err := a.listen(t, cmd, func() {
		if seen++; seen == answers {
			time.AfterFunc(more, func() { _ = cmd.Process.Kill() })
		}
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.String() != "signal: killed" {
		t.Fatalf("the child ended by itself: %v", err)
	}
	if seen < answers {
		t.Fatalf("the child answered %d times, and was to do so %d times", seen, answers)
	}
}

// listen runs a child and notes what it answers; heard is called for each. The
// error is how it ended.
func (a *answered) listen(t *testing.T, cmd *exec.Cmd, heard func()) error {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[0] == "INTAKE":
			a.receipts[f[1]] = f[2]
		case len(f) == 2 && f[0] == "ANCHOR":
			c, err := base64.StdEncoding.DecodeString(f[1])
			if err != nil {
				t.Fatal(err)
			}
			a.checkpoints = append(a.checkpoints, c)
		default:
			if len(f) > 1 && f[0] != "===" && f[0] != "---" {
				t.Log(lines.Text())
			}
			continue
		}
		heard()
	}
	return cmd.Wait()
}
