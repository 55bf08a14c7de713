package dot

import (
	"errors"
	"os"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

type preset struct {
	name    string
	columns int
	rule    Rule
}

func presets() []preset {
	return []preset{
		{"third", 200, Third()},
		{"inner", 200, Inner()},
		{"third of 256", 256, Third256()},
		{"third of 64", 64, Third()},
		{"inner of 128", 128, Inner()},
	}
}

// Every number of common bits with every number of differences that a rule can
// meet, below the distance where it wraps: what 16 bits decide is what exact
// arithmetic decides, and no looser than the person rule. In the short run every
// number of bits at both ends, around the threshold and around the wrap.
func TestFormsOverTheirWholeRange(t *testing.T) {
	long := os.Getenv("PERHUMAN_LONG") == "1"
	for _, p := range presets() {
		if err := p.rule.Check(p.columns); err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		top := p.rule.Bits(p.columns)
		for which, f := range []Form{p.rule.Both, p.rule.One} {
			loose := looseBoth
			wrap := wrapBoth
			if which == 1 {
				loose, wrap = iris.T1, wrapOne
			}
			for n := 0; n <= top; n += 2 {
				step := func(diff int) {
					if diff < 0 || diff > n {
						return
					}
					d := iris.Distance{Diff: diff, Bits: n}
					value, got := f.T(n, diff), f.Match(d)
					if value > most || value < -1<<17 {
						t.Fatalf("%s %+v: %d of %d: %d", p.name, f, diff, n, value)
					}
					switch wraps := value < least; {
					case !wraps && got != (value > 0):
						t.Fatalf("%s %+v: %d of %d: %v", p.name, f, diff, n, got)
					case wraps && diff*10000 < int(wrap)*n:
						t.Fatalf("%s %+v: %d of %d wraps before %d", p.name, f, diff, n, wrap)
					case !wraps && got && !d.Below(loose):
						t.Fatalf("%s %+v: %d of %d is looser than %d", p.name, f, diff, n, loose)
					case wraps != (n > 0 && float64(diff)/float64(n) > f.Wrap(n)-1e-12):
						t.Fatalf("%s %+v: %d of %d: wraps %v, said at %f", p.name, f, diff, n, wraps, f.Wrap(n))
					case !wraps && n > 0 && got != (float64(diff)/float64(n) < f.Threshold(n)-1e-12):
						t.Fatalf("%s %+v: %d of %d: %v, said at %f", p.name, f, diff, n, got, f.Threshold(n))
					}
				}
				if long {
					for diff := range n + 1 {
						step(diff)
					}
					continue
				}
				for _, middle := range []int{0, n, int(f.Threshold(n+1) * float64(n)), int(f.Wrap(n+1) * float64(n)), int(wrap) * n / 10000} {
					for diff := middle - 3; diff <= middle+3; diff++ {
						step(diff)
					}
				}
			}
		}
	}
}

// An inverted code is the negative of the original: it wraps into a match with
// the forms of 16 bits, which is why enrolment must refuse it, and not with
// exact32.
func TestInvertedCodesWrap(t *testing.T) {
	d := iris.Distance{Diff: 12800, Bits: 12800}
	if !Third().Both.Match(d) {
		t.Error("the documented wrap is gone: say so in the documentation")
	}
	if e, _ := NewExact(iris.T); e.Match(d) {
		t.Error("exact32 matches an inverted code")
	}
}

func TestRuleRefusals(t *testing.T) {
	good := Inner()
	for name, r := range map[string]Rule{
		"no rows":                  {0, good.Both, good.One},
		"no factor":                {InnerRows, Form{0, 0, 0}, good.One},
		"negative":                 {InnerRows, Form{4, -1, 2160}, good.One},
		"negative K":               {InnerRows, good.Both, Form{2, 1, -1}},
		"huge":                     {InnerRows, Form{65, 64, 0}, good.One},
		"does not fit":             {AllRows, Form{4, 1, 2160}, Form{2, 1, 0}},
		"does not fit by one":      {InnerRows, Form{4, 1, 831}, good.One},
		"both too loose":           {InnerRows, Form{4, 1, 833}, good.One},
		"one looser than T1":       {InnerRows, good.Both, Form{3, 1, 3583}},
		"one wraps too early":      {InnerRows, good.Both, Form{5, 2, 2240}},
		"both wraps too early":     {AllRows, Form{3, 1, 4700}, Form{2, 1, 0}},
		"one of the rule for both": {AllRows, Form{3, 1, 0}, Form{3, 1, 0}},
	} {
		if err := r.Check(200); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Third().Check(256); !errors.Is(err, ErrRange) {
		t.Errorf("16,384 bits in 16: %v", err)
	}
	if err := Third().Check(7); !errors.Is(err, ErrRange) {
		t.Errorf("7 columns: %v", err)
	}
	for _, threshold := range []iris.Threshold{0, -1, 5000} {
		if _, err := NewExact(threshold); !errors.Is(err, ErrRange) {
			t.Errorf("exact at %d: %v", threshold, err)
		}
	}
	if err := (Exact{A: 20316}).Check(1 << 16); !errors.Is(err, ErrRange) {
		t.Errorf("exact over 65,536 bits: %v", err)
	}
}

// Exact is iris.Distance.Below at every distance but the few that the rounding
// of A lets in: those within 1.3 millionths of t.
func TestExactIsTheThreshold(t *testing.T) {
	for _, threshold := range []iris.Threshold{iris.T, iris.T1, 3333, 1, 4999} {
		e, err := NewExact(threshold)
		if err != nil || e.Check(16384) != nil {
			t.Fatal(err)
		}
		for n := 0; n <= 16384; n += 2 {
			middle := int(threshold) * n / 10000
			for diff := max(0, middle-3); diff <= min(n, middle+3); diff++ {
				d := iris.Distance{Diff: diff, Bits: n}
				y := uint32(int64(e.A)*int64(n) - 1<<16*int64(n-2*diff))
				if e.Match(d) != (int32(y) < 0) {
					t.Fatalf("%v: 32 bits say otherwise", d)
				}
				// The rounding is below 1/2^17 of n in HD: no more than the distance itself.
				if e.Match(d) != d.Below(threshold) && (d.Below(threshold) || diff*10000 > int(threshold)*n+n*10000>>17) {
					t.Fatalf("%v at %d: %v", d, threshold, e.Match(d))
				}
			}
			for _, diff := range []int{0, n} {
				if d := (iris.Distance{Diff: diff, Bits: n}); n > 0 && e.Match(d) != d.Below(threshold) {
					t.Fatalf("%v at %d", d, threshold)
				}
			}
		}
	}
	if e, _ := NewExact(iris.T); e.A != 20316 { // iris-mpc's, 31 % of 2^16
		t.Errorf("A = %d", e.A)
	}
}
