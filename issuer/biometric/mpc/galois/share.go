package galois

import (
	"errors"
	"fmt"
	"io"
)

// Refusals of this package.
var (
	// ErrLength: not a whole number of quadruples, or lengths that differ.
	ErrLength = errors.New("galois: not a whole number of quadruples")
	// ErrParty: not a party, which are 0, 1 and 2.
	ErrParty = errors.New("galois: no such party")
	// ErrInconsistent: three shares that do not lie on a line: one of them is not
	// a share of the same values.
	ErrInconsistent = errors.New("galois: shares do not agree")
)

// Split gives the three parties' shares of values, each as long as values, whose
// length is a multiple of 4. It reads as many bytes of randomness as the values
// have; rand must be a cryptographic source.
func Split[W Word](rand io.Reader, values []W) (shares [Parties][]W, err error) {
	if len(values)%Degree != 0 {
		return shares, ErrLength
	}
	for i := range shares {
		shares[i] = make([]W, len(values))
	}
	masks, err := uniform[W](rand, len(values))
	defer clear(masks)
	if err != nil {
		return [Parties][]W{}, err
	}
	for at := 0; at < len(values); at += Degree {
		s, r := Embed([Degree]W(values[at:])), Element[W](masks[at:])
		for i, share := range shares {
			e := s.Add(r.Mul(point[W](i)))
			copy(share[at:], e[:])
		}
	}
	return shares, nil
}

// uniform reads n words.
func uniform[W Word](rand io.Reader, n int) ([]W, error) {
	size := 2
	if uint64(^W(0)) > 0xffff {
		size = 4
	}
	b := make([]byte, n*size)
	defer clear(b)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("galois: randomness: %w", err)
	}
	out := make([]W, n)
	for i := range out {
		for k := range size {
			out[i] |= W(b[i*size+k]) << (8 * k)
		}
	}
	return out, nil
}

// Open gives the values of three shares and checks that they agree. Whoever can
// call it holds a template: it is for audits of planted entries and for tests.
func Open[W Word](shares [Parties][]W) ([]W, error) {
	n := len(shares[0])
	if n%Degree != 0 || len(shares[1]) != n || len(shares[2]) != n {
		return nil, ErrLength
	}
	out := make([]W, n)
	over := point[W](1).Sub(point[W](0)).inverse()
	for at := 0; at < n; at += Degree {
		a, b, c := Element[W](shares[0][at:]), Element[W](shares[1][at:]), Element[W](shares[2][at:])
		r := b.Sub(a).Mul(over)
		s := a.Sub(r.Mul(point[W](0)))
		if s.Add(r.Mul(point[W](2))) != c {
			return nil, ErrInconsistent
		}
		v := s.Values()
		copy(out[at:], v[:])
	}
	return out, nil
}

// linear gives, for every quadruple of share, the four sums
// phi(factors[k]*share) in dst. dst may be share.
func linear[W Word](factors [Degree]Element[W], dst, share []W) error {
	if len(share)%Degree != 0 || len(dst) != len(share) {
		return ErrLength
	}
	var rows [Degree]Element[W] // phi(factors[k]*x^l)
	for k, f := range factors {
		for l := range rows[k] {
			var x Element[W]
			x[l] = 1
			rows[k][l] = f.Mul(x).Phi()
		}
	}
	for at := 0; at < len(share); at += Degree {
		s := Element[W](share[at:])
		for k, row := range rows {
			dst[at+k] = row[0]*s[0] + row[1]*s[1] + row[2]*s[2] + row[3]*s[3]
		}
	}
	return nil
}

// Weights gives what a query's share contributes to dot products: with it the
// sum of dst[i]*entry[i], entry being the same party's share of other values, is
// that party's additive share of the dot product. dst may be share.
func Weights[W Word](party int, dst, share []W) error {
	if party < 0 || party >= Parties {
		return ErrParty
	}
	l := lambda[W](party)
	factors := [Degree]Element[W]{l}
	for k := 1; k < Degree; k++ {
		factors[k] = factors[k-1].Mul(Element[W]{0, 1})
	}
	return linear(factors, dst, share)
}

// Additive turns a party's share into additive shares of the values themselves:
// over the three parties dst[i] adds up to values[i]. Input checks start from
// it. dst may be share.
func Additive[W Word](party int, dst, share []W) error {
	if party < 0 || party >= Parties {
		return ErrParty
	}
	l := lambda[W](party)
	var factors [Degree]Element[W]
	for j := range factors {
		factors[j] = l.Mul(alpha[W](j))
	}
	return linear(factors, dst, share)
}

// Refresh adds a sharing of zero to share, in place. All three parties must
// read the same stream, never used before, for the same entry: with different
// streams the entry is lost. The stream must be secret to the three and
// forgotten by them. It reads as many bytes as the share has; on an error the
// share is unchanged.
func Refresh[W Word](zero io.Reader, party int, share []W) error {
	if party < 0 || party >= Parties {
		return ErrParty
	}
	if len(share)%Degree != 0 {
		return ErrLength
	}
	masks, err := uniform[W](zero, len(share))
	defer clear(masks)
	if err != nil {
		return err
	}
	e := point[W](party)
	for at := 0; at < len(share); at += Degree {
		s := Element[W](share[at:]).Add(Element[W](masks[at:]).Mul(e))
		copy(share[at:], s[:])
	}
	return nil
}
