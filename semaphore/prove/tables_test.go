package prove

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// TestTables: tables change no proof, come by themselves or by Prepare, and
// keep to their memory.
func TestTables(t *testing.T) {
	s := member(t, "a person", 4, 5)
	without := load(t, 20, WithRand(ones{}), WithoutTables())
	want, err := s.prove(without)
	if err != nil {
		t.Fatal(err)
	}
	bare := without.Memory()
	for range tablesAfter + tablesParts {
		without.tables.proved(1)
	}
	if err := without.Prepare(context.Background()); err != nil || without.Memory() != bare {
		t.Errorf("a prover without tables makes some: %v, %d bytes from %d", err, without.Memory(), bare)
	}

	for _, memory := range []int{1, 5 << 20, 20 << 20, defaultTableMemory} {
		p := load(t, 20, WithRand(ones{}), WithTableMemory(memory))
		before := p.Memory()
		if err := p.Prepare(context.Background()); err != nil {
			t.Fatal(err)
		}
		got, err := s.prove(p)
		if err != nil {
			t.Fatal(err)
		}
		if *got != *want {
			t.Errorf("tables of %d bytes: another proof", memory)
		}
		if grown := p.Memory() - before; before != bare || grown > memory || (grown == 0) != (memory == 1 || runtime.GOARCH == "wasm") {
			t.Errorf("allowed %d bytes for tables, took %d", memory, grown)
		}
	}
}

// TestTablesComeWithProofs: between the first proofs and the last part, and
// proofs are the same throughout.
func TestTablesComeWithProofs(t *testing.T) {
	p := load(t, 20, WithTableMemory(5<<20))
	first := p.tables.current()
	for i := range tablesAfter + tablesParts {
		if p.tables.made {
			t.Errorf("tables after %d proofs", i)
		}
		if (p.tables.next == nil) != (i <= tablesAfter) {
			t.Errorf("begun after %d proofs: %v", i, p.tables.next != nil)
		}
		p.tables.proved(1)
	}
	if !p.tables.made || p.tables.current() == first {
		t.Error("no tables in the end")
	}
	if proof, err := member(t, "a person", 4, 5).prove(p); err != nil {
		t.Error(err)
	} else if err := gnarkVerify(t, proof); err != nil {
		t.Error(err)
	}
}

func TestPrepareGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := load(t, 20)
	if err := p.Prepare(ctx); !errors.Is(err, context.Canceled) || p.tables.made {
		t.Errorf("%v, made: %v", err, p.tables.made)
	}
	if err := load(t, 20, WithoutTables()).Prepare(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestMemory holds Memory against the heap.
func TestMemory(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	load(t, 20) // what is made once
	for _, prepare := range []bool{false, true} {
		before := heap()
		p := load(t, 20)
		if prepare {
			if err := p.Prepare(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		grown, says := heap()-before, p.Memory()
		if says < grown*9/10 || says > grown*11/10 {
			t.Errorf("Memory says %d, the heap has grown by %d", says, grown)
		}
		runtime.KeepAlive(p)
	}
}
