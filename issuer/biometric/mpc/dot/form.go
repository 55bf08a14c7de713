package dot

import (
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Form is a threshold as a linear form over dot products: with n common code
// bits and code = n - 2*differences, two codes match when
//
//	T = Alpha*code - Beta*n - K > 0
//
// that is HD < (1 - Beta/Alpha)/2 - K/(2*Alpha*n): a K above zero demands more of
// pairs of which little is visible. T is computed modulo 2^16 without lifting the
// shares to a larger ring. It fits as long as T <= 2^15, which Check demands, and
// T >= 1 - 2^15: below that, which takes a distance of Wrap or more, it wraps and
// would be a match. No two irises are that far apart (Rule), but an inverted code
// is: the parties must refuse it at enrolment.
type Form struct{ Alpha, Beta, K int }

// least and most are the ends of T.
const (
	least = 1 - 1<<15
	most  = 1 << 15
)

// maxFactor bounds Alpha and Beta, so that no product overflows.
const maxFactor = 64

// T gives the value of the form for bits common bits with diff differences,
// without wrapping.
func (f Form) T(bits, diff int) int { return f.Alpha*(bits-2*diff) - f.Beta*bits - f.K }

// Match decides in the clear what the shares decide: T modulo 2^16 is above
// zero.
func (f Form) Match(d iris.Distance) bool {
	return int16(-f.T(d.Bits, d.Diff)) < 0 // #nosec G115 -- modulo 2^16 is meant
}

// Threshold gives the HD below which bits common bits match.
func (f Form) Threshold(bits int) float64 {
	return (1-float64(f.Beta)/float64(f.Alpha))/2 - float64(f.K)/float64(2*f.Alpha*bits)
}

// Wrap gives the HD from which on bits common bits wrap: at or above 1 they
// never do. It falls with bits.
func (f Form) Wrap(bits int) float64 {
	return float64((f.Alpha-f.Beta)*bits-f.K-least+1) / float64(2*f.Alpha*bits)
}

// Check demands that T fits 16 bits for up to bits common bits, wrapping apart.
func (f Form) Check(bits int) error {
	if f.Alpha < 1 || f.Beta < 0 || f.Alpha > maxFactor || f.Beta > maxFactor || f.K < 0 || f.K > -least {
		return fmt.Errorf("%w: factors", ErrRange)
	}
	if top := f.T(bits, 0); top > most {
		return fmt.Errorf("%w: %d at %d equal bits", ErrRange, top, bits)
	}
	return nil
}

// below reports that Threshold is at most t for any number of bits up to bits.
func (f Form) below(t iris.Threshold, bits int) bool {
	// alpha*(1-2t)*n - beta*n <= K; it grows with n, or is negative.
	return (f.Alpha*(10000-2*int(t))-f.Beta*10000)*bits <= 10000*f.K
}

// above reports that Wrap is at least t for any number of bits up to bits.
func (f Form) above(t iris.Threshold, bits int) bool {
	return f.Alpha*(10000-2*int(t))*bits-f.Beta*10000*bits-10000*f.K >= 10000*least
}

// share gives one party's additive share of -T: over the three parties it adds
// up to a number whose highest bit is the match.
func (f Form) share(party int, code uint16, mask uint32) uint16 {
	x := 2*uint16(f.Beta)*uint16(mask) - uint16(f.Alpha)*code // #nosec G115 -- modulo 2^16 is meant
	if party == 0 {
		x += uint16(f.K) // #nosec G115 -- checked
	}
	return x
}

// Rule is the person rule of biometrics.md section 1 in 16 bits: two people are
// the same when both eyes match under Both or one does under One. Both forms are
// evaluated over the same dot products, over Rows.
type Rule struct {
	Rows      RowSet
	Both, One Form
}

// What Check demands of a rule. One eye alone must pass iris.T1 or stricter.
// Distances of strangers have a mean of .5 and a standard deviation of .032: a
// form may wrap no nearer than 6.3 deviations (Both), and 6.9 (One), which is
// as rare as a false hit at T1.
const (
	looseBoth iris.Threshold = 3600
	wrapBoth  iris.Threshold = 7000
	wrapOne   iris.Threshold = 7200
)

// Bits gives how many code bits can be common under the rule.
func (r Rule) Bits(columns int) int { return r.Rows.rows() * columns * iris.Wavelets * 2 }

// Check demands of both forms that they fit 16 bits for codes of this many
// columns, wrap only where no two irises are, and are no looser than the person
// rule: a looser One is refused.
func (r Rule) Check(columns int) error {
	bits := r.Bits(columns)
	if bits == 0 || !iris.ValidColumns(columns) {
		return fmt.Errorf("%w: nothing to compare", ErrRange)
	}
	for _, f := range []struct {
		form        Form
		loose, wrap iris.Threshold
	}{{r.Both, looseBoth, wrapBoth}, {r.One, iris.T1, wrapOne}} {
		if err := f.form.Check(bits); err != nil {
			return err
		}
		if !f.form.below(f.loose, bits) {
			return fmt.Errorf("%w: %+v accepts HD %.3f", ErrRange, f.form, f.form.Threshold(bits))
		}
		if !f.form.above(f.wrap, bits) {
			return fmt.Errorf("%w: %+v wraps at HD %.3f", ErrRange, f.form, f.form.Wrap(bits))
		}
	}
	return nil
}

// Match decides in the clear what the parties decide together. The distances
// must have been taken over the rule's rows.
func (r Rule) Match(left, right iris.Distance) bool {
	return r.Both.Match(left) && r.Both.Match(right) || r.One.Match(left) || r.One.Match(right)
}

// Third is HD < 1/3 with both eyes and HD < 1/4 with one, over all rows of codes
// of 200 columns. It wraps at .76 and .89.
func Third() Rule { return Rule{AllRows, Form{3, 1, 0}, Form{2, 1, 0}} }

// Inner is for 200 columns too, over 14 rows: with both eyes HD < 3/8 -
// 270/n, .345 at 9,000 common bits and .351 at all 11,200; with one HD < 1/3 -
// 597/n, .28 at 11,200 and .267 at 9,000. It wraps at .71 and .76.
func Inner() Rule { return Rule{InnerRows, Form{4, 1, 2160}, Form{3, 1, 3584}} }

// Third256 is Third for codes of 256 columns, over 14 rows since 16,384 bits do
// not fit. It wraps at .71 and .82.
func Third256() Rule { return Rule{InnerRows, Form{3, 1, 0}, Form{2, 1, 0}} }

// Exact is a threshold as iris-mpc has it (exact32): two codes match when
//
//	Y = A*n - 2^16*code < 0 modulo 2^32, A = floor((1-2t)*2^16)
//
// which is HD < t up to the rounding of A: t = .345 becomes .3450012, and pairs
// at exactly .345 match. It never wraps. It needs shapes with Exact, a third
// more memory, and a comparison of 32 bits.
type Exact struct{ A uint32 }

// NewExact gives the form of t.
func NewExact(t iris.Threshold) (Exact, error) {
	if t <= 0 || t >= 5000 {
		return Exact{}, fmt.Errorf("%w: threshold %d", ErrRange, t)
	}
	return Exact{uint32(10000-2*t) * (1 << 16) / 10000}, nil // #nosec G115 -- below 2^31
}

// Check demands that Y fits 32 bits for up to bits common bits.
func (e Exact) Check(bits int) error {
	if e.A == 0 || e.A >= 1<<16 || (int64(e.A)+1<<16)*int64(bits) >= 1<<31 {
		return fmt.Errorf("%w: %d bits", ErrRange, bits)
	}
	return nil
}

// Match decides in the clear what the shares decide.
func (e Exact) Match(d iris.Distance) bool {
	code, n := d.Dot()
	return int64(e.A)*int64(n)-1<<16*int64(code) < 0
}

// share gives one party's additive share of Y modulo 2^32: its highest bit is the
// match.
func (e Exact) share(code uint16, mask uint32) uint32 { return 2*e.A*mask - uint32(code)<<16 }
