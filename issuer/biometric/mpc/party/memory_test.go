package party

import (
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// A person with two eyes takes 76,800 bytes of a party's memory, the pages of the
// file among them, and at most a tenth on top.
func TestMemoryOfAPerson(t *testing.T) {
	resident := func() int {
		debug.FreeOSMemory()
		b, err := os.ReadFile("/proc/self/status")
		m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
		if m == nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("no figures of this process's memory: ", err)
			}
			t.Skip("no figures of this process's memory: ", err)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n << 10
	}
	const people = 1000
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
	before := resident()
	f = open()
	each := (resident() - before) / people
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if each < 76_800 || each > 76_800*110/100 {
		t.Errorf("%d bytes a person", each)
	}
	t.Logf("%d bytes a person", each)
}
