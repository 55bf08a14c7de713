//go:build unix

package mpc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// gallery enrols people at three parties that speak TLS over TCP on this machine:
// templates of a few, shared once each and copied, so that every place has memory
// of its own, as it has in a party, and the shares are ones of eyes.
func gallery(t testing.TB, people, few int) *parties {
	t.Helper()
	p := &parties{t: t, shape: shape, sessions: tlsSessions(t, newRoom(t), 0)}
	p.number = p.sessions[0].First()
	m := irises(t, shape, dot.Third())
	crowd := synth.New(71)
	var some [3][][]uint16
	for n := range few {
		shares := splitPair(t, byte(n), crowd.Person(uint64(n)).Sample(0))
		for i := range some {
			some[i] = append(some[i], sealed(t, m, i, shares[i]))
		}
	}
	for i := range p.all {
		var err error
		if p.all[i], err = mpc.NewParty(i, m, rollOf(t, people), mpc.Epoch{}, mpc.Prefix); err != nil {
			t.Fatal(err)
		}
		memory := make([]uint16, people*m.Words())
		for k := range people {
			words := memory[k*m.Words():][:m.Words()]
			copy(words, some[i][k%few])
			if err := p.all[i].Restore(words); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.all[i].Connect(p.sessions[i]); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// rollOf makes the roll of so many members. Each change is synced, which a bench
// does not wait for: the file is written at once.
func rollOf(t testing.TB, people int) *mpc.Roll {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roll")
	if err := os.WriteFile(path, mpc.RollBytes(people), 0o600); err != nil {
		t.Fatal(err)
	}
	return openRoll(t, path)
}

// A gallery of more than one part, which several cores compute: who is at a seam
// is found where he is, also while others begin.
func TestManyPeople(t *testing.T) {
	const people = 2*128 + 20
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	p := gallery(t, people, people)
	crowd := synth.New(71)
	var serials []mpc.Serial
	at := []int{0, people/2 - 1, people / 2, people - 1}
	for n, person := range append(at, 5000) {
		p.begin(byte(n), crowd.Person(uint64(person)).Sample(3))
		serials = append(serials, mpc.Serial{byte(n)})
	}
	if got := p.check(serials...); slices.Contains(got, false) {
		t.Fatalf("inputs: %v", got)
	}
	later := make(chan struct{})
	go func() { // people who come meanwhile change nothing
		defer close(later)
		for n := range uint64(3) {
			p.begin(byte(100+n), crowd.Person(6000+n).Sample(0))
		}
	}()
	got := p.match(serials...)
	<-later
	if !slices.Equal(got, []bool{true, true, true, true, false}) {
		t.Errorf("known are %v", got)
	}
	for n, person := range at {
		if place, known := p.find(serials[n]); !known || place != person {
			t.Errorf("person %d is found at %d, %v", person, place, known)
		}
	}
}

// What one person's enrolment takes against 20,000 people, both eyes, both
// orientations, both forms: from shares to the opened bit, by three parties over
// TLS on the loopback. CPU time is that of the three over three, in one process;
// a comparison is one of one eye in one rotation and orientation, with both
// forms. One query at a time, then eight in a batch. Package private measures the
// wall time and traffic of three processes.
func TestBenchGallery(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	for _, people := range []int{1000, 5000, 20000} { // the first two for the chart of the cost
		one, batch := measure(t, people)
		for _, m := range []measured{one, batch} {
			t.Logf("%d people, %d queries: %.3f s of CPU a query and party, %.2f MB a query, %d rounds", people, m.queries, m.cpu/float64(m.queries), m.traffic/1e6/float64(m.queries), m.rounds)
		}
		if people < 20000 {
			continue
		}
		fmt.Printf("BENCH mpc_comparisons_per_s_core %.0f 1/s\n", batch.rate(people))
		fmt.Printf("BENCH mpc_comparisons_per_s_core_single %.0f 1/s\n", one.rate(people))
		fmt.Printf("BENCH mpc_query_20k_rounds %d rounds\n", one.rounds)
		fmt.Printf("BENCH mpc_query_20k_bytes_per_form %.3f bytes\n", one.traffic/float64(people*2*dot.Comparisons))
	}
}

// measured is one batch: CPU time in seconds, and bytes sent, of a party.
type measured struct {
	queries, rounds int
	cpu, traffic    float64
}

func (m measured) rate(people int) float64 {
	return float64(m.queries*people*dot.Comparisons) / m.cpu
}

func measure(t *testing.T, people int) (one, batch measured) {
	const few, most, runs = 48, 8, 3
	p := gallery(t, people, few)
	defer func() {
		for _, s := range p.sessions {
			_ = s.Close()
		}
		runtime.GC() // 4.6 GB of shares
	}()
	crowd := synth.New(71)
	var serials []mpc.Serial
	for n := range most {
		p.begin(byte(n), crowd.Person(uint64(100+n)).Sample(0))
		serials = append(serials, mpc.Serial{byte(n)})
	}
	p.begin(99, crowd.Person(7).Sample(3)) // who is known
	if got := p.check(append(serials, mpc.Serial{99})...); slices.Contains(got, false) {
		t.Fatalf("inputs: %v", got)
	}
	if got := p.match(mpc.Serial{99}); !got[0] {
		t.Error("a known person passes")
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	run := func(queries, procs int) measured {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		var cpus []float64
		sent := p.sessions[0].Sent()
		for range runs {
			start := cpuTime(t)
			if got := p.match(serials[:queries]...); slices.Contains(got, true) {
				t.Errorf("strangers are known: %v", got)
			}
			cpus = append(cpus, (cpuTime(t)-start).Seconds()/3)
		}
		return measured{queries, p.sessions[0].Rounds(), median(cpus), float64(p.sessions[0].Sent()-sent) / runs}
	}
	return run(1, runtime.GOMAXPROCS(0)), run(most, 1)
}
