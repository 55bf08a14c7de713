package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

const sharedPeople = 6

// childShare takes the database whenever the other process lets it go, and
// enrols the next person with secrets of its own.
func childShare(t *testing.T) {
	mine := uint64(mustInt(t, os.Getenv(firstEnv)))
	for n := uint64(1); n <= sharedPeople; n++ {
		s, err := Open(os.Getenv(pathEnv))
		for deadline := time.Now().Add(30 * time.Second); errors.Is(err, issuer.ErrLocked) && time.Now().Before(deadline); s, err = Open(os.Getenv(pathEnv)) {
			time.Sleep(time.Millisecond)
		}
		if err != nil {
			fmt.Println("FAILED", err)
			return
		}
		w := testkit.NewWorld(t, 1)
		w.Clock.Move(time.Duration(n) * time.Second)
		i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
		if err != nil {
			fmt.Println("FAILED", err)
			return
		}
		session, err := i.StartSession(t.Context())
		if err != nil {
			fmt.Println("FAILED", err)
			return
		}
		_, err = i.Enrol(t.Context(), w.RequestBy(t, w.NewDevice(t), session, testkit.NewPerson(n).Again(mine+n)))
		code := api.OK
		if err != nil {
			code = api.CodeOf(err)
		}
		fmt.Println("PERSON", n, code)
		if err := s.Close(); err != nil {
			fmt.Println("FAILED", err)
		}
	}
}

// T12: two processes that take turns with one database, and enrol the same
// people under different secrets, make one member of each.
func TestT12TwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	var mu sync.Mutex
	codes := map[string]int{}
	var wg sync.WaitGroup
	for k := range 2 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=share", pathEnv+"="+path, firstEnv+"="+strconv.Itoa(1000*(k+1)))
			out, err := cmd.Output()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for line := range strings.Lines(string(out)) {
				f := strings.Fields(line)
				switch {
				case len(f) == 3 && f[0] == "PERSON":
					codes[f[1]+" "+f[2]]++
				case len(f) > 0 && f[0] == "FAILED":
					t.Error(line)
				}
			}
		})
	}
	wg.Wait()
	for n := 1; n <= sharedPeople; n++ {
		p := strconv.Itoa(n)
		if codes[p+" "+string(api.OK)] != 1 || codes[p+" "+string(api.AlreadyEnrolled)] != 1 {
			t.Errorf("person %d: %v", n, codes)
		}
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	w := testkit.NewWorld(t, 1)
	w.Clock.Move(time.Minute)
	i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := i.Anchor(t.Context()); err != nil || done.Changes != sharedPeople {
		t.Errorf("%+v, %v", done, err)
	}
}

// T12: and when the lock between them does not hold, the older one is fenced
// off: of two issuers that take the same people in at the same time, one does.
func TestT12TwoWriters(t *testing.T) {
	r := newRig(t)
	path := r.path(t)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	j, err := issuer.New(t.Context(), r.Config(other, r.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	const people = 6
	results := make([][2]error, people)
	var wg sync.WaitGroup
	for n := range results {
		for k, i := range []*issuer.Issuer{r.i, j} {
			// Another secret at the one, the same at the other every second time.
			p := testkit.NewPerson(uint64(n + 1)).Again(uint64(100 + n))
			if n%2 == 0 && k == 1 {
				p = testkit.NewPerson(uint64(n + 1)).Again(uint64(200 + n))
			}
			session, err := j.StartSession(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			req := r.RequestBy(t, r.NewDevice(t), session, p)
			wg.Go(func() { _, results[n][k] = i.Enrol(t.Context(), req) })
		}
	}
	wg.Wait()
	for n, pair := range results {
		if pair[1] != nil || !errors.Is(pair[0], issuer.ErrFenced) {
			t.Errorf("person %d: %v, %v", n, pair[0], pair[1])
		}
	}
	if done, err := j.Anchor(t.Context()); err != nil || done.Changes != people {
		t.Errorf("%+v, %v", done, err)
	}
}
