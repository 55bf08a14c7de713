package sqlite

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// The child's part of T01 and T06: this test binary, run again.
const (
	childEnv = "PERHUMAN_ISSUER_CHILD" // intake, anchor, or open
	pathEnv  = "PERHUMAN_ISSUER_DB"
	firstEnv = "PERHUMAN_ISSUER_FIRST" // number of the first person
	pointEnv = "PERHUMAN_ISSUER_POINT" // "", or <where>:<which transaction>
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Args = []string{os.Args[0], "-test.run=^TestChild$", "-test.timeout=60s"}
	}
	os.Exit(m.Run())
}

// TestChild is empty unless this process is a child.
func TestChild(t *testing.T) {
	switch os.Getenv(childEnv) {
	case "":
		return // only a child of the crash tests has work here
	case "open":
		_, err := Open(os.Getenv(pathEnv))
		fmt.Println("OPEN", errors.Is(err, issuer.ErrLocked), err)
		return
	case "recovery", "deletion":
		childLife(t, os.Getenv(childEnv))
		return
	case "share":
		childShare(t)
		return
	}
	child(t, os.Getenv(childEnv))
}

// child enrols people, or enrols and anchors, until it is killed. A line is
// printed only after the answer was given.
func child(t *testing.T, kind string) {
	say := func(parts ...any) { fmt.Println(parts...) } // one write, unbuffered
	s, f := openFaulty(t, os.Getenv(pathEnv))
	w := testkit.NewWorld(t, 1)
	w.Clock.Move(time.Duration(mustInt(t, os.Getenv(firstEnv))) * time.Second)
	i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
	if err != nil {
		say("FAILED", err)
		return
	}
	request := func(n int) api.EnrolmentRequest { return w.Start(t, i, testkit.NewPerson(uint64(n))) }
	armed := func() {}
	if where, which, ok := strings.Cut(os.Getenv(pointEnv), ":"); ok {
		armed = arm(t, f, kind, where, mustInt(t, which), say)
	}
	for n := mustInt(t, os.Getenv(firstEnv)); ; n++ {
		req := request(n)
		raw, _ := json.Marshal(req)
		say("TRY", n, base64.StdEncoding.EncodeToString(raw))
		if kind == "intake" {
			armed()
		}
		r, err := i.Enrol(t.Context(), req)
		if err != nil {
			say("FAILED", err)
			return
		}
		say("INTAKE", n, r.Enrolment.ID, r.Enrolment.Receipt)
		if kind != "anchor" {
			continue
		}
		w.Clock.Move(time.Millisecond)
		armed()
		done, err := i.Anchor(t.Context())
		if err != nil {
			say("FAILED", err)
			return
		}
		c, _ := i.Checkpoint()
		say("ANCHOR", done.Seq, base64.StdEncoding.EncodeToString(c))
	}
}

// arm makes the fault point: from the given act on, it announces itself inside
// the transaction, and waits there for the kill.
func arm(t *testing.T, f *faults, kind, where string, which int, say func(...any)) func() {
	act := 0
	block := func() {
		say("POINT", kind, where)
		select {}
	}
	return func() {
		if act++; act != which {
			return
		}
		statements := 0
		f.set(func(string) error {
			if statements++; where == "statement" && statements == 4 {
				block()
			}
			return nil
		}, func(real func() error) error {
			if where == "before-commit" {
				block()
			}
			err := real()
			if where == "after-commit" {
				block()
			}
			return err
		})
	}
}

func mustInt(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// acked is what children were seen to acknowledge.
type acked struct {
	receipts    map[string]string // id -> receipt
	checkpoints [][]byte
	acked       int                          // receipts and checkpoints that came before a kill
	last        map[int]api.EnrolmentRequest // the newest child's requests
}

// T01: a process that enrols and anchors is killed at random times and inside
// its transactions; nothing acknowledged is lost and nothing is half done.
func TestT01KillNine(t *testing.T) {
	const atRandom, atPoint, enough = 20, 9, 250 // of each kind; two points in three lie inside the transaction
	path := filepath.Join(t.TempDir(), "issuer.db")
	a := &acked{receipts: map[string]string{}}
	wheres := []string{"statement", "before-commit", "after-commit"}
	seed := mrand.New(mrand.NewPCG(1, uint64(time.Now().UnixNano())))
	first := 1
	for _, kind := range []string{"intake", "anchor"} {
		random, points, before := 0, 0, a.acked
		// A busy machine gets little done between two kills: then there are more.
		for random < atRandom || points < atPoint || a.acked-before < enough {
			point := ""
			if points < atPoint {
				point = wheres[points%len(wheres)] + ":" + strconv.Itoa(1+seed.IntN(4))
			}
			switch reached := runChild(t, a, kind, path, first, point, 4+seed.IntN(16), time.Duration(seed.IntN(10_000))*time.Microsecond); {
			case reached:
				points++
			case point != "":
				t.Fatalf("%s: the fault point %q was not reached", kind, point)
			default:
				random++
			}
			if !a.check(t, path, first) {
				t.Fatalf("after %d kills of %s at random times and %d at points", random, kind, points)
			}
			first += 1000
		}
		t.Logf("%s: %d kills at random times, %d at points (%d inside the transaction), %d acknowledged operations", kind, random, points, points*2/3, a.acked-before)
	}
}

// runChild runs one child and kills it: a while after so many tries, or at its
// fault point. It reports whether the point was reached.
func runChild(t *testing.T, a *acked, kind, path string, first int, point string, tries int, life time.Duration) (reached bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+kind, pathEnv+"="+path, firstEnv+"="+strconv.Itoa(first), pointEnv+"="+point)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a.last = map[int]api.EnrolmentRequest{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) > 0 && f[0] == "POINT":
			reached = true
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		case len(f) > 0 && f[0] == "FAILED":
			t.Fatalf("child: %s", lines.Text())
		case len(f) == 3 && f[0] == "TRY":
			var req api.EnrolmentRequest
			raw, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil || json.Unmarshal(raw, &req) != nil {
				t.Fatal("child printed half a line")
			}
			if tries--; tries == 0 && point == "" {
				time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
			}
			a.last[mustInt(t, f[1])] = req
		case len(f) == 4 && f[0] == "INTAKE":
			a.receipts[f[2]] = f[3]
			a.acked++
		case len(f) == 3 && f[0] == "ANCHOR":
			c, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			a.checkpoints = append(a.checkpoints, c)
			a.acked++
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.String() != "signal: killed" {
		t.Fatalf("child ended by itself: %v", err)
	}
	return reached
}

// check opens the database as a new process would and compares it with what
// was acknowledged.
func (a *acked) check(t *testing.T, path string, first int) bool {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Error(err)
		return false
	}
	defer func() { _ = s.Close() }()
	w := testkit.NewWorld(t, 1)
	w.Clock.Move(time.Duration(first+500) * time.Second)
	// Replays the log: members = entries, stored hashes, LeanIMT root = last
	// entry's root, last checkpoint.
	i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
	if err != nil {
		t.Error(err)
		return false
	}
	c := count(t, s)
	if c.Pending != c.Matched || c.Templates != c.Matched+c.Committed || c.Live != c.Committed {
		t.Errorf("half an act is stored: %+v", c)
	}
	for id, receipt := range a.receipts {
		if e, err := i.Status(t.Context(), id); err != nil || e.Receipt != receipt {
			t.Errorf("acknowledged intake %s: %v", id, err)
		}
	}
	a.checkPrefixes(t, w, s)
	a.retry(t, w, i)
	return !t.Failed()
}

// checkPrefixes proves that the log extends every acknowledged checkpoint.
func (a *acked) checkPrefixes(t *testing.T, w *testkit.World, s *Store) {
	t.Helper()
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	if err := s.r.QueryRow(`SELECT count(*) FROM changes`).Scan(&size); err != nil {
		t.Fatal(err)
	}
	r := tlog.HashReaderFunc(func(n []int64) ([]tlog.Hash, error) { return s.Hashes(t.Context(), n) })
	for _, signed := range a.checkpoints {
		c, err := setlog.OpenCheckpoint(signed, v)
		if err != nil {
			t.Fatal(err)
		}
		if c.Size > size {
			t.Errorf("acknowledged checkpoint of size %d, log has %d", c.Size, size)
		} else if h, err := tlog.TreeHash(c.Size, r); err != nil || h != c.Hash {
			t.Errorf("acknowledged checkpoint of size %d is no prefix: %v", c.Size, err)
		}
	}
}

// retry sends the newest child's requests again, as a client would that got no
// answer: an acknowledged one gets its receipt again, and afterwards the same
// person is known under any secret.
func (a *acked) retry(t *testing.T, w *testkit.World, i *issuer.Issuer) {
	t.Helper()
	done := 0
	for n, req := range a.last {
		if _, later := a.last[n+3]; later { // the last few suffice
			continue
		}
		r, err := i.Enrol(t.Context(), req)
		if err != nil {
			t.Errorf("person %d again: %v", n, err)
			continue
		}
		if receipt, ok := a.receipts[r.Enrolment.ID]; ok && (!r.Repeated || receipt != r.Enrolment.Receipt) {
			t.Errorf("person %d got another receipt", n)
		}
		a.receipts[r.Enrolment.ID] = r.Enrolment.Receipt
		if done++; done == 1 {
			double := w.Start(t, i, testkit.NewPerson(uint64(n)).Again(uint64(n)+1_000_000))
			if _, err := i.Enrol(t.Context(), double); api.CodeOf(err) != api.AlreadyEnrolled {
				t.Errorf("person %d under another secret: %v", n, err)
			}
		}
	}
}
