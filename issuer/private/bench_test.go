//go:build linux

package private_test

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/private"
)

// One person against 20,000, both eyes, by three processes of the released
// command, each with its own folder, and the sequencer in this one: the question
// alone, and a whole enrolment with its input checks and what is written. Traffic
// is what the kernel counted as written by a party's process while it computed:
// TLS records to its neighbour, the answer, and a mark on the disk. The sequencer's
// memory is the most that this process took while it asked.
func TestBenchProcesses(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	const people, few, runs = 20_000, 24, 5
	room := partytest.Through(t, party.Iris, partytest.Issuer, nil, func(int, string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0") // a port that the command takes
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return l.Addr().String()
	})
	crowd := synth.New(71)
	eyes := func(person uint64) match.Template { return match.FromIris(crowd.Person(person).Sample(0)) }
	b := &benchRoom{t: t, Room: room, binary: filepath.Join(t.TempDir(), "perhuman")}
	if out, err := exec.Command("go", "build", "-o", b.binary, "github.com/perhuman/perhuman/sdk/cmd/perhuman").CombinedOutput(); err != nil { // #nosec G204 -- this module
		t.Fatalf("%v: %s", err, out)
	}
	b.start()
	clients := b.clients()
	for n := range few { // the shares of a few, as devices make them
		e := room.Envelope(t, [32]byte{1, byte(n)}, eyes(uint64(n)))
		for _, c := range clients {
			if err := c.Begin(t.Context(), mpc.Serial{1, byte(n)}, n, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.stop()
	for i := range clients {
		multiply(t, room, i, few, people)
	}
	b.start()

	var parties [3]private.Party
	for i, c := range b.clients() {
		parties[i] = c
	}
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil { // the peak begins anew
		t.Fatal(err)
	}
	m, err := private.New(private.Config{Group: room.Group, Parties: parties, Rand: rand.Reader, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	m.Opened()
	prepare := func(n byte, person uint64, want bool) (probe issuer.Probe, took float64) {
		t.Helper()
		e, err := capture.Parse(room.Envelope(t, [32]byte{2, n}, eyes(person)))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		probe, err = m.Prepare(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		took = time.Since(began).Seconds()
		if known, err := m.Match(probe); err != nil || known != want {
			t.Errorf("person %d: known %t, %v", person, known, err)
		}
		return probe, took
	}
	known, _ := prepare(0, 7, true)
	known.Wipe()
	var enrolments []float64
	for n := range byte(runs) {
		probe, took := prepare(1+n, uint64(1000+int(n)), false)
		probe.Wipe()
		enrolments = append(enrolments, took)
		m.Close() // it is freed before the next
	}
	peak := memoryPeak(t)

	// The question alone: the same stranger again and again.
	stranger := mpc.Serial{9}
	e := room.Envelope(t, [32]byte{3}, eyes(2000))
	roll, err := parties[0].Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.all(func(i int) error { return parties[i].Begin(t.Context(), stranger, roll.Places, e) })
	var firsts [3]uint64
	b.all(func(i int) (err error) { firsts[i], err = parties[i].Connect(t.Context(), [16]byte{7}); return err })
	number := firsts[0]
	b.all(func(i int) error {
		valid, err := parties[i].Check(t.Context(), number, stranger)
		if err == nil && !valid[0] {
			t.Error("the inputs of a stranger are refused")
		}
		return err
	})
	number++
	var walls, sent []float64
	for range runs {
		before := b.written(0)
		began := time.Now()
		b.all(func(i int) error {
			known, err := parties[i].Match(t.Context(), number, stranger)
			if err == nil && known[0] {
				t.Error("a stranger is known")
			}
			return err
		})
		walls = append(walls, time.Since(began).Seconds())
		sent = append(sent, float64(b.written(0)-before))
		number++
	}
	b.stop()
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	fmt.Printf("BENCH mpc_query_20k_s %.3f s\n", median(walls))
	fmt.Printf("BENCH mpc_query_20k_bytes %.0f bytes\n", median(sent))
	fmt.Printf("BENCH mpc_enrolment_20k_s %.3f s\n", median(enrolments))
	fmt.Printf("BENCH mpc_sequencer_peak_mb %.0f MB\n", float64(peak)/1e6)
}

// benchRoom runs the parties by the command.
type benchRoom struct {
	*partytest.Room
	t      testing.TB
	binary string
	cmds   []*exec.Cmd
}

func (b *benchRoom) start() {
	b.t.Helper()
	b.cmds = nil
	for i := range 3 {
		cmd := exec.Command(b.binary, "party", "serve", "-dir", b.Folder(i), "-group", filepath.Join(b.Dir, "group.json")) // #nosec G204 -- built above
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			b.t.Fatal(err)
		}
		b.cmds = append(b.cmds, cmd)
		b.t.Cleanup(func() { _ = cmd.Process.Kill() })
		lines, on := bufio.NewScanner(out), false
		for !on && lines.Scan() {
			on = strings.HasPrefix(strings.TrimSpace(lines.Text()), "on ")
		}
		if !on {
			b.t.Fatalf("party %d does not serve", i)
		}
	}
}

func (b *benchRoom) stop() {
	b.t.Helper()
	for i, cmd := range b.cmds {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.t.Errorf("party %d: %v", i, err)
		}
	}
}

func (b *benchRoom) clients() (out [3]*party.Client) {
	for i := range out {
		out[i] = b.Client(b.t, i)
	}
	return out
}

func (b *benchRoom) all(do func(i int) error) {
	b.t.Helper()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := do(i); err != nil {
				b.t.Error(err)
			}
		})
	}
	wg.Wait()
	if b.t.Failed() {
		b.t.FailNow()
	}
}

// written gives the bytes that a party's process has written so far.
func (b *benchRoom) written(i int) int {
	b.t.Helper()
	return figure(b.t, fmt.Sprintf("/proc/%d/io", b.cmds[i].Process.Pid), `wchar: (\d+)`)
}

func figure(t testing.TB, file, pattern string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// memoryPeak is the most memory that this process had since the peak was cleared.
func memoryPeak(t testing.TB) int {
	t.Helper()
	return figure(t, "/proc/self/status", `VmHWM:\s+(\d+) kB`) << 10
}

// multiply makes a stopped party's folder one of many members, who have the shares
// of a few: each place has its own, as it would.
func multiply(t testing.TB, room *partytest.Room, i, few, people int) {
	t.Helper()
	m, err := room.Group.Modality()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(room.Folder(i), "shares.0")
	old, epoch, err := party.OpenShares(path, i, m)
	if err != nil {
		t.Fatal(err)
	}
	var some [][]uint16
	for n := range few {
		words, err := old.Words(n)
		if err != nil {
			t.Fatal(err)
		}
		some = append(some, slices.Clone(words))
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fresh, err := party.CreateShares(path, i, m, epoch)
	if err != nil {
		t.Fatal(err)
	}
	roll := []byte("perhuman roll 1\n")
	record := func(what mpc.State, serial mpc.Serial, c mpc.Capture) {
		number := uint64(len(roll)-16) / 64
		b := append(make([]byte, 16, 72), serial[:]...)
		b[0] = byte(what)
		b = append(b, c[:]...)
		sum := crc32.Checksum(binary.LittleEndian.AppendUint64(b, number), crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(b[1:], sum)
		roll = append(roll, b...)
	}
	for n := range people {
		if err := fresh.Write(n, some[n%few], true); err != nil {
			t.Fatal(err)
		}
		name := []byte{0xff, byte(n), byte(n >> 8), byte(n >> 16)}
		var s mpc.Serial
		var c mpc.Capture
		copy(s[:], name)
		copy(c[:], name)
		record(mpc.Pending, s, c)
		record(mpc.Member, s, mpc.Capture{})
	}
	if err := fresh.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(room.Folder(i), "roll"), roll, 0o600); err != nil {
		t.Fatal(err)
	}
}
