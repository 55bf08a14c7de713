package report

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// ErrSet: a set that nothing can be measured on.
var ErrSet = errors.New("report: unusable set")

// Capture is both eyes of a person, from one occasion.
type Capture struct {
	Person string
	Eyes   iris.Pair
}

// Options bound the work. The zero value takes the defaults.
type Options struct {
	// MaxImpostorPairs is how many pairs of people are compared at most, 200,000
	// if 0: some 3 us each with vectors. Pairs are spread evenly over people.
	MaxImpostorPairs int
}

// Report is what was measured.
type Report struct {
	People   int `json:"people"`
	Captures int `json:"captures"`
	Refused  int `json:"refused_by_quality"` // of Captures
	Columns  int `json:"columns"`

	Genuine   Distances `json:"genuine"`   // each eye's least distance over rotations
	Impostors Distances `json:"impostors"` // the same
	Unrotated Distances `json:"unrotated"` // of impostors

	// Freedom is the number of independent binary decisions that impostors'
	// unrotated distances vary like; Decidability how far genuine and impostor
	// distances lie apart, in deviations. 0 where the set is too small for one.
	Freedom      float64 `json:"degrees_of_freedom"`
	Decidability float64 `json:"decidability"`

	Rates   []Row  `json:"rates"`
	Nearest []Near `json:"nearest_impostors"` // at most ten, nearest first
}

// Row is the rates at one threshold.
type Row struct {
	Threshold  iris.Threshold `json:"threshold"` // ten-thousandths
	EyeFMR     Rate           `json:"eye_fmr"`
	EyeFNMR    Rate           `json:"eye_fnmr"`
	PersonFMR  Rate           `json:"person_fmr"`
	PersonFNMR Rate           `json:"person_fnmr"`
}

// Near is a pair of people and the distance of their nearer eyes.
type Near struct {
	A        string  `json:"a"`
	B        string  `json:"b"`
	Distance float64 `json:"distance"`
}

// scores is one compared pair of captures, upright and mirrored.
type scores [2]iris.Score

// matches is the person rule at another T.
func (s scores) matches(t iris.Threshold) bool {
	for _, o := range s {
		if o.Left.Below(t) && o.Right.Below(t) || o.Left.Below(iris.T1) || o.Right.Below(iris.T1) {
			return true
		}
	}
	return false
}

// New measures a set. It computes on one core until it is done or ctx is.
func New(ctx context.Context, captures []Capture, o Options) (*Report, error) {
	if o.MaxImpostorPairs == 0 {
		o.MaxImpostorPairs = 200_000
	}
	r := &Report{Captures: len(captures)}
	people, err := r.group(captures)
	if err != nil {
		return nil, err
	}
	genuine, err := r.genuine(ctx, people)
	if err != nil {
		return nil, err
	}
	impostors, err := r.impostors(ctx, people, o.MaxImpostorPairs)
	if err != nil {
		return nil, err
	}
	for t := iris.Threshold(2400); t <= 4000; t += 50 {
		row := Row{Threshold: t}
		for _, s := range genuine {
			row.EyeFNMR.add(!s[0].Left.Below(t))
			row.EyeFNMR.add(!s[0].Right.Below(t))
			row.PersonFNMR.add(!s.matches(t))
		}
		for _, s := range impostors {
			row.EyeFMR.add(s[0].Left.Below(t))
			row.EyeFMR.add(s[0].Right.Below(t))
			row.PersonFMR.add(s.matches(t))
		}
		r.Rates = append(r.Rates, row)
	}
	if d := r.Unrotated.Deviation; d > 0 {
		r.Freedom = r.Unrotated.Mean * (1 - r.Unrotated.Mean) / d / d
	}
	if d := math.Hypot(r.Genuine.Deviation, r.Impostors.Deviation); d > 0 && r.Genuine.Count > 1 {
		r.Decidability = (r.Impostors.Mean - r.Genuine.Mean) / d * math.Sqrt2
	}
	return r, nil
}

// person is one person's captures, in the order of the set.
type person struct {
	name     string
	captures []iris.Pair
}

func (r *Report) group(captures []Capture) ([]person, error) {
	var people []person
	at := map[string]int{}
	for i, c := range captures {
		cols := c.Eyes.Left.Columns()
		if r.Columns == 0 {
			r.Columns = cols
		}
		switch err := c.Eyes.CheckQuality(); {
		case errors.Is(err, iris.ErrQuality):
			r.Refused++
			continue
		case err != nil:
			return nil, fmt.Errorf("%w: capture %d: %w", ErrSet, i+1, err)
		case cols != r.Columns:
			return nil, fmt.Errorf("%w: capture %d has %d columns, others %d", ErrSet, i+1, cols, r.Columns)
		}
		k, ok := at[c.Person]
		if !ok {
			k = len(people)
			at[c.Person] = k
			people = append(people, person{name: c.Person})
		}
		people[k].captures = append(people[k].captures, c.Eyes)
	}
	if r.People = len(people); r.People < 2 {
		return nil, fmt.Errorf("%w: fewer than two people pass the quality gate", ErrSet)
	}
	return people, nil
}

// walk compares one capture with others.
func walk(probe iris.Pair, n int, other func(i int) iris.Pair, found func(i int, s scores)) {
	iris.NewPairQuery(probe).Walk(n, other, func(i int, upright, mirrored iris.Score) { found(i, scores{upright, mirrored}) })
}

func (r *Report) genuine(ctx context.Context, people []person) (all []scores, err error) {
	for _, p := range people {
		for i, probe := range p.captures {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rest := p.captures[i+1:]
			walk(probe, len(rest), func(i int) iris.Pair { return rest[i] }, func(_ int, s scores) { all = append(all, s) })
		}
	}
	r.Genuine = distances(least(all))
	return all, nil
}

// impostors goes round the circle of people by growing steps, so that a bounded
// number of pairs has everybody in it equally often.
func (r *Report) impostors(ctx context.Context, people []person, limit int) (all []scores, err error) {
	n := len(people)
	total := min(limit, n*(n-1)/2)
	var straight []float64
	for i := range people {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Person i meets i+1, i+2, ..., and the last step only where pairs are left.
		steps := total / n
		if i < total%n {
			steps++
		}
		other := func(k int) person { return people[(i+1+k)%n] }
		own := people[i].captures[0]
		walk(own, steps, func(k int) iris.Pair { return other(k).captures[0] }, func(k int, s scores) {
			all = append(all, s)
			e := other(k).captures[0]
			straight = append(straight, iris.Between(own.Left, e.Left).HD(), iris.Between(own.Right, e.Right).HD())
			r.near(Near{people[i].name, other(k).name, min(s[0].Least().HD(), s[1].Least().HD())})
		})
	}
	r.Impostors, r.Unrotated = distances(least(all)), distances(straight)
	return all, nil
}

// near keeps the ten nearest pairs.
func (r *Report) near(n Near) {
	at, _ := slices.BinarySearchFunc(r.Nearest, n, func(a, b Near) int {
		if a.Distance <= b.Distance {
			return -1
		}
		return 1
	})
	if at < 10 {
		r.Nearest = slices.Insert(r.Nearest, at, n)
		r.Nearest = r.Nearest[:min(10, len(r.Nearest))]
	}
}

// least gives the upright distances of the eyes.
func least(all []scores) []float64 {
	var out []float64
	for _, s := range all {
		out = append(out, s[0].Left.HD(), s[0].Right.HD())
	}
	return out
}
