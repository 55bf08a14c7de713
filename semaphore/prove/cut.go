package prove

import (
	"context"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// cut is one of the three sums of a proof, in parts. Without helpers there is
// one part.
type cut[J any] struct {
	n     int // points
	parts []part[J]
	add   func(sum, part *J)
	read  func([]byte) (J, bool)
}

// part is the points from .. to-1 of a sum. section is their number among the
// helpers' sections, or -1.
type part[J any] struct {
	from, to int
	section  int
	weight   int // of progress
	multiplier[J]
}

// loader numbers sections and gives them to helpers until one fails.
type loader struct {
	helpers  Helpers
	own      int // the worker that is not a helper
	sections int
	err      error
}

func cutPoints[P, J any](l *loader, points []P, spans []span, weight int, sum func([]P) multiplier[J], data func([]P) Points) cut[J] {
	c := cut[J]{n: len(points)}
	for _, sp := range spans {
		own := points[sp.from:sp.to]
		section := -1
		if sp.worker != l.own {
			section = l.sections
			l.sections++
			if l.err == nil {
				l.err = l.helpers.Load(sp.worker, section, data(own))
			}
		}
		c.parts = append(c.parts, part[J]{sp.from, sp.to, section, weight, sum(own)})
	}
	return c
}

// unit is the size of one of a part's steps.
func (p *part[J]) unit(workers int) int {
	return p.cost() * p.weight / p.steps(workers) / 1000
}

func (c *cut[J]) units(workers int) (n int) {
	for _, p := range c.parts {
		n += p.steps(workers) * p.unit(workers)
	}
	return n
}

func (c *cut[J]) bytes() (n int) {
	for _, p := range c.parts {
		n += p.bytes()
	}
	return n
}

// withTable gives the same sum with tables, once all the jobs are done.
func (c *cut[J]) withTable(levels int) (next cut[J], jobs []func()) {
	next = *c
	next.parts = slices.Clone(c.parts)
	for i := range next.parts {
		m, more := c.parts[i].withTable(levels)
		next.parts[i].multiplier = m
		jobs = append(jobs, more...)
	}
	return next, jobs
}

// running is a sum on its way. begin, own and join are called in this order,
// begin more than once if scalars become known one after the other.
type running[J any] struct {
	*cut[J]
	prover  *Prover
	stage   string
	report  *progress
	scalars []fr.Element
	begun   int
	waits   []func(context.Context) ([]byte, error)
	total   J
}

func (c *cut[J]) run(p *Prover, stage string, report *progress, scalars []fr.Element) *running[J] {
	return &running[J]{cut: c, prover: p, stage: stage, report: report, scalars: scalars,
		waits: make([]func(context.Context) ([]byte, error), len(c.parts))}
}

// begin sends off the parts whose scalars are among the first n.
func (r *running[J]) begin(n int) {
	for i, p := range r.parts {
		if p.section < 0 || p.from < r.begun || p.to > n {
			continue
		}
		b := appendLimbs(make([]byte, 0, (p.to-p.from)*fr.Bytes), r.scalars[p.from:p.to]...)
		r.waits[i] = r.prover.helpers.Start(p.section, b)
		clear(b)
		r.begun = p.to
	}
}

// own computes the parts that no helper has.
func (r *running[J]) own(ctx context.Context) error {
	for _, p := range r.parts {
		if p.section < 0 {
			if err := r.compute(ctx, p); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (r *running[J]) compute(ctx context.Context, p part[J]) error {
	workers := r.prover.workers
	unit := p.unit(workers)
	sum, err := p.sum(ctx, r.scalars[p.from:p.to], workers, func() { r.report.step(r.stage, unit) })
	if err == nil {
		r.add(&r.total, &sum)
	}
	return err
}

// join waits for the helpers, does the work of those that failed, and gives
// the sum.
func (r *running[J]) join(ctx context.Context) (sum J, err error) {
	for i, p := range r.parts {
		if p.section < 0 {
			continue
		}
		answer, err := r.waits[i](ctx)
		if ctx.Err() != nil {
			return sum, ctx.Err()
		}
		point, ok := r.read(answer)
		if err != nil || !ok {
			if err := r.compute(ctx, p); err != nil {
				return sum, err
			}
			continue
		}
		r.add(&r.total, &point)
		r.report.step(r.stage, p.steps(r.prover.workers)*p.unit(r.prover.workers))
	}
	return r.total, nil
}

// The cost of what a proof does besides sums in G1, counted in points of G1.
const (
	costG2       = 2.3  // of a point of G2
	costQuotient = 0.35 // of a row of the quotient, on the Prover's own thread
)

// span is the points from .. to-1 of a list, for one worker.
type span struct{ from, to, worker int }

// share cuts lists of points among workers 0 .. n-1, in order and by cost, so
// that each worker holds few pieces; the last worker has other work of a given
// cost to do beside. Cuts that would leave crumbs are moved to the end of the
// list.
func share(lists []int, costs []float64, workers int, beside float64) [][]span {
	total := beside
	for i, n := range lists {
		total += float64(n) * costs[i]
	}
	each := total / float64(workers)
	crumb := each / 12
	out := make([][]span, len(lists))
	worker, room := 0, each
	for i, n := range lists {
		for from := 0; from < n; {
			left := float64(n-from) * costs[i]
			to := n
			if worker < workers-1 && left > room+crumb {
				to = from + int(room/costs[i])
			}
			if to > from {
				out[i] = append(out[i], span{from, to, worker})
				room -= float64(to-from) * costs[i]
			}
			from = to
			if worker < workers-1 && room < crumb {
				worker, room = worker+1, room+each
			}
		}
	}
	return out
}
