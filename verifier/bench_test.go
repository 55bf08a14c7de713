package verifier_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

// BenchmarkConsume measures the CPU of one Consume over SQLite by 64 callers,
// with the queue, without it, and in batches, and of the pairing alone. Each act
// is a new one for the store: the same proof, counted in an environment of its
// own, so that no proof has to be made.
func BenchmarkConsume(b *testing.B) {
	store, err := sqlite.Open(filepath.Join(b.TempDir(), "s.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	fresh := &relabelled{Store: store}
	scenes := map[bool]*scene{}
	for _, alone := range []bool{false, true} {
		scenes[alone] = newScene(b, func(c *verifier.Config) { c.Store, c.NoQueue = fresh, alone })
	}
	s := scenes[false]
	r := s.request(0, scope.PerDay(5), 0, s.ask(scope.PerDay(5)))
	for name, alone := range map[string]bool{"queue": false, "alone": true} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			from := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if v, err := scenes[alone].v.Consume(context.Background(), r); err != nil || !v.Success {
						b.Errorf("%+v %v", v, err)
					}
				}
			})
			b.ReportMetric(float64(cpu(b)-from)/float64(b.N)/1e3, "cpu-us/op")
		})
	}
	b.Run("batch", func(b *testing.B) {
		batch := make([]verifier.Request, 512)
		for i := range batch {
			batch[i] = r
		}
		from := cpu(b)
		done := 0
		for b.Loop() {
			for _, out := range s.v.ConsumeBatch(context.Background(), batch) {
				if done++; !out.Verdict.Success {
					b.Errorf("%+v", out)
				}
			}
		}
		b.ReportMetric(float64(cpu(b)-from)/float64(done)/1e3, "cpu-us/proof")
	})
	b.Run("pairing", func(b *testing.B) {
		from := cpu(b)
		for range b.N {
			if err := s.v.Proofs().Verify(r.Proof); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu(b)-from)/float64(b.N)/1e3, "cpu-us/op")
	})
}

// relabelled makes every act a new one by its environment.
type relabelled struct {
	verifier.Store
	n atomic.Int64
}

func (r *relabelled) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	a.Environment = fmt.Sprint(r.n.Add(1))
	return r.Store.Spend(ctx, a)
}

// cpu is this process's CPU time in nanoseconds.
func cpu(t testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
