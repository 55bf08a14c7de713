package sqlite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// The tests of this file run this very binary again as a child that spends,
// and kill it.
const childEnv = "PERHUMAN_SQLITE_CHILD"

// errand is what a child is to do.
type errand struct {
	Path     string
	From, To int  // numbers of the acts to spend
	Salt     byte // acts of one number and different salts share a nullifier and nothing else
	InsideAt int  // > 0: SIGKILL itself in the middle of this batch
	Tail     int  // > 0: how many rows wait for the index at most
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		var e errand
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			panic(err)
		}
		e.run()
		return
	}
	os.Exit(m.Run())
}

// act makes act number n: 2n and 2n+1 are rivals for one nullifier.
func (e errand) act(n int) verifier.Act {
	a := storetest.NewAct(e.Salt, uint64(n))
	shared := storetest.NewAct(1, uint64(n/2))
	a.Nullifier, a.Scope = shared.Nullifier, shared.Scope
	a.Credential, a.Key = "app", fmt.Sprintf("%d/%d", e.Salt, n)
	return a
}

// run spends with 8 workers and reports each answer with one write, so that a
// line in the pipe means that the answer was given before the kill.
func (e errand) run() {
	var f faults
	var batches atomic.Int32
	if e.InsideAt > 0 {
		f.inside = func() {
			if int(batches.Add(1)) == e.InsideAt {
				_, _ = os.Stdout.WriteString("inside\n")
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
	s, err := open(e.Path, Options{}, f)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
	if e.Tail > 0 {
		s.w.tailLimit = int64(e.Tail)
	}
	var next atomic.Int64
	next.Store(int64(e.From))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if n >= e.To {
					return
				}
				a := e.act(n)
				a.Record = []byte("pid " + strconv.Itoa(os.Getpid()))
				out, err := s.Spend(context.Background(), a)
				if err != nil {
					fmt.Println("error", err)
					os.Exit(3)
				}
				line := "ack " + strconv.Itoa(n) + " " + strconv.Itoa(int(out.Result)) + " " + strconv.FormatBool(out.Replayed) + " " + string(a.Record) + "\n"
				_, _ = os.Stdout.WriteString(line)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
}

type ack struct {
	n        int
	result   verifier.Result
	replayed bool
	record   string
}

// child starts an errand and sends its answers down a channel, which closes at
// the child's end. killed tells whether it died of SIGKILL.
func (e errand) start(t *testing.T) (cmd *exec.Cmd, acks <-chan ack, inside *atomic.Bool) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ch := make(chan ack, e.To-e.From+1)
	inside = &atomic.Bool{}
	go func() {
		defer close(ch)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("pipe: %v", err)
				}
				return // an unfinished line is no answer
			}
			words := strings.SplitN(strings.TrimSpace(line), " ", 5)
			switch {
			case words[0] == "inside":
				inside.Store(true)
			case words[0] == "ack" && len(words) == 5:
				n, _ := strconv.Atoi(words[1])
				result, _ := strconv.Atoi(words[2])
				ch <- ack{n, verifier.Result(result), words[3] == "true", words[4]}
			default:
				t.Errorf("child: %s", line)
			}
		}
	}()
	return cmd, ch, inside
}

func wasKilled(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// T02: SIGKILL at random times and inside transactions. Whatever was
// acknowledged is there afterwards, and no nullifier is won twice. SIGKILL
// keeps the page cache: this tests atomicity, not power loss.
func TestT02KillNineOnSpend(t *testing.T) {
	const atRandom, inTransaction = 22, 8
	path := filepath.Join(t.TempDir(), "spend.db")
	r := rand.New(rand.NewPCG(2, 2))
	e := errand{Path: path, Salt: 2}
	winner := map[int]int{} // nullifier -> number of the act that won it
	first := map[int]ack{}  // the first answer of each act
	kills, insideKills, acked := 0, 0, 0

	win := func(n int) {
		if w, ok := winner[n/2]; ok && w != n {
			t.Errorf("nullifier %d was won by %d and by %d", n/2, w, n)
		}
		winner[n/2] = n
	}
	// A busy machine gets little done between two kills: then there are more.
	for kills < atRandom || insideKills < inTransaction || acked < 500 {
		e.From, e.To, e.InsideAt = e.To, e.To+3000, 0
		e.Tail = r.IntN(40)
		if insideKills < inTransaction && (r.IntN(3) == 0 || kills >= atRandom) {
			e.InsideAt = 1 + r.IntN(6)
		}
		cmd, acks, inside := e.start(t)
		highest := e.From
		note := func(a ack) {
			acked++
			highest = max(highest, a.n+1)
			first[a.n] = a
			if a.result == verifier.Accepted {
				win(a.n)
			}
		}
		if e.InsideAt == 0 {
			if a, ok := <-acks; ok { // it runs; let it run a random while
				note(a)
			}
			time.Sleep(time.Duration(r.IntN(12_000)) * time.Microsecond)
			if err := cmd.Process.Kill(); err != nil {
				t.Logf("the child was done before its kill: %v", err)
			}
		}
		for a := range acks {
			note(a)
		}
		switch err := cmd.Wait(); {
		case !wasKilled(err):
			t.Fatalf("the child was not killed: %v", err)
		case e.InsideAt > 0 && !inside.Load():
			t.Fatal("the fault point was not reached")
		case e.InsideAt > 0:
			insideKills++
		default:
			kills++
		}

		// After the restart: every act of this life again, under its own key.
		s := mustOpen(t, path, faults{})
		e.To = highest + 16 // what may have been under way without an answer
		for n := e.From; n < e.To; n++ {
			out, err := s.Spend(t.Context(), e.act(n))
			if err != nil {
				t.Fatal(err)
			}
			was, answered := first[n]
			if answered && (!out.Replayed || out.Result != was.result || string(out.Record) != was.record) {
				t.Errorf("act %d was answered %+v before the kill and %+v after it", n, was, out)
			}
			if out.Result == verifier.Accepted {
				win(n)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// And at the end: all that was ever acknowledged, in all lives.
	s := mustOpen(t, path, faults{})
	defer s.Close()
	for n, was := range first {
		out, err := s.Spent(t.Context(), e.act(n))
		if err != nil || !out.Replayed || out.Result != was.result || string(out.Record) != was.record {
			t.Errorf("act %d was answered %+v and is now %+v, %v", n, was, out, err)
		}
	}
	if kills < 20 || insideKills < 5 || acked < 500 {
		t.Errorf("too little happened: %d kills, %d inside a transaction, %d acknowledged", kills, insideKills, acked)
	}
	t.Logf("%d kills at random times, %d inside a transaction, %d acknowledged spends", kills, insideKills, acked)
}

// T11: several processes on one file race for the same nullifiers.
func TestT11ProcessesRace(t *testing.T) {
	processes, rivals := 3, 400
	if os.Getenv("PERHUMAN_LONG") == "1" {
		processes, rivals = 4, 10_000
	}
	path := filepath.Join(t.TempDir(), "spend.db")
	if err := mustOpen(t, path, faults{}).Close(); err != nil {
		t.Fatal(err)
	}
	won := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range processes {
		e := errand{Path: path, To: rivals, Salt: byte(2 + p), Tail: []int{0, 7, 60, 0}[p]}
		cmd, acks, _ := e.start(t)
		wg.Go(func() {
			n := 0
			for a := range acks {
				n++
				if a.result == verifier.Accepted {
					mu.Lock()
					won[a.n/2]++
					mu.Unlock()
				}
			}
			if err := cmd.Wait(); err != nil || n != rivals {
				t.Errorf("a process answered %d of %d: %v", n, rivals, err)
			}
		})
	}
	wg.Wait()
	for n := range rivals / 2 {
		if won[n] != 1 {
			t.Errorf("nullifier %d was won %d times", n, won[n])
		}
	}
}
