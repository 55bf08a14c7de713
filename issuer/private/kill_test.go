package private_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

const killed = "PERHUMAN_TEST_KILLED" // of a child: what it is made of

func TestMain(m *testing.M) {
	if text, child := os.LookupEnv(killed); child {
		os.Exit(enrolUntilKilled(text))
	}
	os.Exit(partytest.Main(m))
}

// orders is what the child is told.
type orders struct {
	Database    string
	Group       party.Group
	Front, Root []byte
	From, To    uint64
	Careless    bool
}

// childTest stands in for a test in the child.
type childTest struct{ testing.TB }

func (childTest) Helper()                      {}
func (childTest) Context() context.Context     { return context.Background() }
func (childTest) Logf(string, ...any)          {}
func (childTest) Cleanup(func())               {}
func (childTest) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (childTest) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// enrolUntilKilled enrols people and says of each that it was done. A careless one
// says so before it is.
func enrolUntilKilled(text string) int {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	h := &house{World: testkit.NewWorld(childTest{}, 9), t: childTest{}, db: o.Database, root: o.Root, room: &partytest.Room{Group: o.Group, Front: o.Front}}
	h.room.Now = h.Clock.Now
	h.policy()
	for i := range h.parties {
		h.parties[i] = h.room.Client(h.t, i)
	}
	h.open()
	for n := o.From; n < o.To; n++ {
		req := h.request(testkit.NewPerson(n))
		if o.Careless {
			fmt.Println(n)
		}
		if _, err := h.issuer.Enrol(context.Background(), req); err != nil {
			panic(err)
		}
		if !o.Careless {
			fmt.Println(n)
		}
	}
	return 0
}

func (h *house) policy() {
	h.Policy = capture.Virtual(testkit.Name, capture.VirtualRoot(ed25519.PrivateKey(h.root).Public().(ed25519.PublicKey)))
	h.Policy.Parties = 3
}

// run has a child enrol people from a number on, kills it at a moment that chance
// chooses after some of them, and gives the first number that it did not get to
// say.
func (h *house) run(t *testing.T, r *rand.Rand, from uint64, careless bool) (next uint64) {
	t.Helper()
	o := orders{Database: h.db, Group: h.room.Group, Front: h.room.Front, Root: h.root, From: from, To: from + 1000, Careless: careless}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self) // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), killed+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next = from
	lines := bufio.NewScanner(out)
	left := 1 + r.IntN(4)
	for lines.Scan() {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil || n != next {
			t.Fatalf("the child says %q", lines.Text())
		}
		next++
		if left--; left == 0 {
			// Somewhere within the next enrolment, which takes some 10 ms.
			if !careless {
				time.Sleep(time.Duration(r.IntN(12_000)) * time.Microsecond)
			}
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	return next
}

// The issuer is killed at any moment of an enrolment: whoever was told that they
// are in is in; nobody is pending or a member at the parties without being on
// record, once the next one has come.
func TestKillIssuer(t *testing.T) {
	for _, careless := range []bool{false, true} {
		t.Run(fmt.Sprintf("careless=%t", careless), func(t *testing.T) {
			h := newHouse(t, nil)
			h.close()
			r := rand.New(rand.NewPCG(3, 4)) // #nosec G404 -- repeatable chance for a test
			next, lost := uint64(1000), 0
			said := map[uint64]bool{}
			rounds := 6
			if os.Getenv("PERHUMAN_LONG") == "1" {
				rounds = 60
			}
			for range rounds {
				from := next
				next = h.run(t, r, from, careless)
				for n := from; n < next; n++ {
					said[n] = true
				}
				next++ // perhaps it is in
			}
			h.open()
			for n := range said {
				if err := h.enrol(testkit.NewPerson(n).Again(n + 100_000)); err == nil {
					lost++
				} else {
					wantCode(t, err, api.AlreadyEnrolled)
				}
			}
			if careless {
				if lost == 0 {
					t.Error("the control lost nobody: the test is no test")
				}
				return
			}
			if lost > 0 {
				t.Errorf("%d of %d who were told that they are in are not", lost, len(said))
			}
			if _, err := h.issuer.Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.settled(int(h.live()))
		})
	}
}

func (h *house) live() uint64 {
	h.t.Helper()
	head, _ := h.issuer.Current()
	return head.Live
}
