package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// The tests of this file run this very binary again as a child that spends.
const childEnv = "PERHUMAN_POSTGRES_CHILD" // salt, number of nullifiers, DSN

func TestMain(m *testing.M) {
	if errand := os.Getenv(childEnv); errand != "" {
		if err := spendAll(errand); err != nil {
			fmt.Println("error", err)
			os.Exit(3)
		}
		return
	}
	os.Exit(shared.Main(m))
}

// spendAll spends the nullifiers 0 to n-1, with challenges of its own, and
// writes down which of them it won.
func spendAll(errand string) error {
	words := strings.SplitN(errand, " ", 3)
	salt, err := strconv.Atoi(words[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return err
	}
	s, err := open(context.Background(), One(words[2], "forum.example"), Options{}, faults{noFsync: true})
	if err != nil {
		return err
	}
	// All processes start at one moment: they say that they are ready, and wait
	// for a line.
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	order := rand.New(rand.NewPCG(uint64(salt), 11)).Perm(n) // or the first to start would win all
	var next atomic.Int64
	var mu sync.Mutex
	var failed error
	out := bufio.NewWriter(os.Stdout)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				at := int(next.Add(1) - 1)
				if at >= n {
					return
				}
				i := order[at]
				a := storetest.NewAct(1, uint64(i))
				a.Nonce = storetest.NewAct(byte(salt), uint64(i)).Nonce
				got, err := s.Spend(context.Background(), a)
				mu.Lock()
				if err != nil {
					failed = err
				} else if got.Result == verifier.Accepted {
					fmt.Fprintln(out, i)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return s.Close()
}

// T11: processes on one database race for the same nullifiers; each is accepted
// once.
func TestT11ProcessesRace(t *testing.T) {
	processes, n := 2, 1_000
	if os.Getenv("PERHUMAN_LONG") == "1" {
		processes, n = 4, 10_000
	}
	dsn := shared.Schema(t)
	mustOpen(t, One(dsn, "forum.example"), Options{}, faults{})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	won := make([]int, n)
	shares := make([]int, processes)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var ready sync.WaitGroup
	start := make(chan struct{})
	for p := range processes {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", childEnv, 2+p, n, dsn))
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		ready.Add(1)
		wg.Go(func() {
			lines := bufio.NewScanner(out)
			isReady := lines.Scan() && lines.Text() == "ready"
			ready.Done()
			<-start
			_, err := fmt.Fprintln(in)
			for isReady && lines.Scan() {
				i, err := strconv.Atoi(lines.Text())
				if err != nil {
					t.Errorf("a process said %q", lines.Text())
					continue
				}
				mu.Lock()
				won[i]++
				shares[p]++
				mu.Unlock()
			}
			if err = errors.Join(err, lines.Err(), cmd.Wait()); err != nil || !isReady {
				t.Errorf("a process ended with %v", err)
			}
		})
	}
	ready.Wait()
	close(start)
	wg.Wait()
	for i, times := range won {
		if times != 1 {
			t.Fatalf("nullifier %d was won %d times", i, times)
		}
	}
	t.Logf("the processes won %v of %d", shares, n)
}
