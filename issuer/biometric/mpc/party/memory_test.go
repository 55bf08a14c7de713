package party

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

const inChild = "PERHUMAN_TEST_MEMORY" // of a child: how many people

// A person with two eyes takes 76,800 bytes of a party's memory, the pages of the
// file among them, and at most a tenth on top.
func TestMemoryOfAPerson(t *testing.T) {
	if text, child := os.LookupEnv(inChild); child {
		people, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		before, after := residentWith(t, people)
		fmt.Printf("resident %d %d\n", before, after)
		return
	}
	before, after := memoryOf(t, 1000)
	each := (after - before) / 1000
	if each < 76_800 || each > 76_800*110/100 {
		t.Errorf("%d bytes a person", each)
	}
	t.Logf("%d bytes a person", each)
}

// All that a party's process takes, of a person: what it needs besides is in it.
func TestBenchPartyMemory(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures it")
	}
	const people = 10_000
	_, after := memoryOf(t, people)
	fmt.Printf("BENCH mpc_party_bytes_per_person %d bytes\n", after/people)
}

// memoryOf measures in a process of its own: what other tests leave in this one
// would be counted.
func memoryOf(t *testing.T, people int) (before, after int) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no figures of a process's memory: ", err)
		}
		t.Skip("no figures of a process's memory: ", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestMemoryOfAPerson$") // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", inChild, people))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := regexp.MustCompile(`resident (\d+) (\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("the child says %q", out)
	}
	before, _ = strconv.Atoi(string(m[1]))
	after, _ = strconv.Atoi(string(m[2]))
	return before, after
}

// residentWith gives the bytes of this process that are in memory, before it opens
// a folder of so many people and after.
func residentWith(t *testing.T, people int) (before, after int) {
	t.Helper()
	resident := func() int {
		debug.FreeOSMemory()
		b, err := os.ReadFile("/proc/self/status")
		m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
		if m == nil {
			t.Fatal("no figures of this process's memory: ", err)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n << 10
	}
	g, dirs := testGroup(t, Iris)
	open := func() *Folder {
		f, err := OpenFolder(dirs[0], g, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	words := make([]uint16, f.group.modality.Words())
	for i := range words {
		words[i] = uint16(i) * 7
	}
	for n := range people {
		if err := f.shares.Write(n, words, true); err != nil {
			t.Fatal(err)
		}
		if _, err := f.roll.Begin(mpc.Serial{byte(n), byte(n >> 8)}, mpc.Capture{byte(n), byte(n >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before = resident()
	f = open()
	after = resident()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return before, after
}
