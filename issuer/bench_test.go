package issuer_test

import (
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// One caller, possession check and fsync included, faces, no HTTP.
func BenchmarkIntake(b *testing.B) {
	w, i := start(b)
	enrolCrowd(b, w, i, 1_000_000, 1000)
	reqs := make([]api.EnrolmentRequest, 3000)
	for n := range reqs {
		reqs[n] = w.Start(b, i, testkit.NewPerson(uint64(n+1)))
	}
	n := 0
	b.ResetTimer()
	for b.Loop() {
		if n == len(reqs) {
			b.Fatal("more requests needed: run with -benchtime=2000x")
		}
		if _, err := i.Enrol(b.Context(), reqs[n]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "intakes/s")
}

// An anchor of so many members, per member.
func BenchmarkAnchor(b *testing.B) {
	for _, size := range []int{1, 256} {
		b.Run(map[int]string{1: "single", 256: "batch256"}[size], func(b *testing.B) {
			w, i := start(b)
			person := uint64(0)
			var spent time.Duration
			members := 0
			for b.Loop() {
				b.StopTimer()
				for range size {
					person++
					if _, err := i.Enrol(b.Context(), w.Start(b, i, testkit.NewPerson(person))); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				began := time.Now()
				if _, err := i.Anchor(b.Context()); err != nil {
					b.Fatal(err)
				}
				spent += time.Since(began)
				members += size
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(members), "us/member")
		})
	}
}
