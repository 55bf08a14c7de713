//go:build unix

package semaphore

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// TestBenchTree prints the BENCH lines of groups when PERHUMAN_BENCH=1:
// processor time of a million leaves over that of the hashes alone, memory, a
// snapshot, and a batch of a thousand on top.
func TestBenchTree(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const members, rounds, warm = 1_000_000, 15, 2
	leaves := someLeaves(0, members)
	more := someLeaves(members, 2000)

	const hashes = members / 10
	left, right := make(fr.Vector, poseidon.BulkSize), make(fr.Vector, poseidon.BulkSize)
	out := make(fr.Vector, poseidon.BulkSize)
	left.MustSetRandom()
	right.MustSetRandom()

	var ratio, build, batch []float64
	for round := range rounds + warm {
		start := cpu(t)
		for n := 0; n < hashes; n += len(out) {
			poseidon.HashPairs(out, left, right)
		}
		limit := float64(cpu(t)-start) * (members - 1) / hashes
		runtime.GC()
		start = cpu(t)
		g, err := NewGroup(leaves...)
		if err != nil {
			t.Fatal(err)
		}
		took := float64(cpu(t) - start)
		if err := g.AddMany(more[:1000]); err != nil { // the index grows
			t.Fatal(err)
		}
		start = cpu(t)
		if err := g.AddMany(more[1000:]); err != nil {
			t.Fatal(err)
		}
		if round >= warm {
			batch = append(batch, float64(cpu(t)-start))
			build, ratio = append(build, took), append(ratio, took/limit)
		}
	}
	fmt.Printf("BENCH tree_build_1m_cpu_ms %.0f ms\n", median(build)/1e6)
	fmt.Printf("BENCH tree_build_1m_vs_hash_limit %.3f ratio\n", median(ratio))
	fmt.Printf("BENCH tree_add_1000_to_1m_cpu_ms %.1f ms\n", median(batch)/1e6)

	g, perMember := groupMemory(t, leaves)
	fmt.Printf("BENCH tree_bytes_per_member %.1f bytes\n", perMember)
	const paths = 100_000
	start := cpu(t)
	for i := range paths {
		if _, err := g.Proof(i * 7 % members); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("BENCH tree_proof_cpu_ns %.0f ns\n", float64(cpu(t)-start)/paths)
	benchSnapshot(t, g)
}

// groupMemory gives the heap that a group of leaves adds, after collection.
func groupMemory(t testing.TB, leaves []Element) (*Group, float64) {
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	g, err := NewGroup(leaves...)
	if err != nil {
		t.Fatal(err)
	}
	after := heap()
	if g.IndexOf(leaves[len(leaves)/2]) != len(leaves)/2 {
		t.Fatal("IndexOf")
	}
	return g, (after - before) / float64(len(leaves))
}

func benchSnapshot(t *testing.T, g *Group) {
	file, err := os.CreateTemp(t.TempDir(), "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var write, read []time.Duration
	for range 5 {
		for _, step := range []func() error{
			func() error { _, err := file.Seek(0, 0); return err },
			func() error {
				start := cpu(t)
				_, err := g.WriteTo(file)
				write = append(write, cpu(t)-start)
				return err
			},
			func() error { _, err := file.Seek(0, 0); return err },
			func() error {
				start := cpu(t)
				_, err := ReadGroup(file)
				read = append(read, cpu(t)-start)
				return err
			},
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ms := func(d []time.Duration) float64 {
		var all []float64
		for _, x := range d {
			all = append(all, float64(x)/1e6)
		}
		return median(all)
	}
	fmt.Printf("BENCH tree_snapshot_write_1m_cpu_ms %.0f ms\n", ms(write))
	fmt.Printf("BENCH tree_snapshot_read_1m_cpu_ms %.0f ms\n", ms(read))
}

// TestGroupMemory is the memory figure at a size that a test can afford.
func TestGroupMemory(t *testing.T) {
	leaves := someLeaves(0, 20_000)
	if _, perMember := groupMemory(t, leaves); perMember > 78 {
		t.Errorf("%.1f bytes a member, want at most 78", perMember)
	}
}
