// Package galois splits vectors of small integers among three parties so that
// one party's part is uniform noise and a dot product of two split vectors is
// computed without a message.
//
//	shares, err := galois.Split(rand.Reader, values)   // at the capture device
//	galois.Weights(party, w, shares[party])            // a query, at each party
//	sum := w[0]*entry[0] + w[1]*entry[1] + ...         // against an entry's share
//
// The three parties' sums add up to the dot product of the values, modulo 2^16
// (uint16) or 2^32 (uint32).
//
// # The ring
//
// R is the integers modulo 2^16 or 2^32, GR the Galois ring R[x]/(x^4 - x - 1):
// modulo 2 it is the field of 16 elements, so there are enough points with
// invertible differences for Shamir's scheme, which R itself has not. The
// parties stand at e = 1, x and 1 + x.
//
// Four values v become one secret s = v_0*alpha_0 + ... + v_3*alpha_3. The basis
// alpha is self-dual under a linear map phi from GR to R: phi(alpha_i*alpha_j) is
// 1 where i = j and else 0, so phi(s*t) is the dot product of the values of s
// and t, and four products in R are one in GR. Map and basis are constants, found
// by Gram-Schmidt over random vectors; a test checks them.
//
// Party i holds s + r*e_i with r uniform in GR, as four coefficients of 1, x, x^2
// and x^3: as many words as there were values. Since e_i is invertible, one
// share is uniform whatever s is; any two give s. A product of two shares lies
// on a polynomial of degree two, so with Lagrange's weights lambda at zero the
// sum over the parties of phi(lambda_i*share_i*share'_i) is phi(s*t). The left
// factor is prepared once: Weights gives phi(lambda_i*share_i*x^k), and what is
// left is a dot product of plain words.
//
// Everything linear over the quadruples is local: sums, negation, a different
// order of quadruples. What treats the four values of one quadruple differently
// is not, so values that move or change sign together belong into one.
//
// # Refresh
//
// Refresh adds a sharing of zero. Any party can compute the one number r*e_i of
// a sharing of zero of degree one, so the parties draw it from one stream, whose
// key all three contributed to and all three erase: shares stolen before and
// after do not combine (two shares of one epoch always do).
//
// The package has no state, does no I/O but reading the given randomness, and
// links nothing else. A capture page splits with sdk/web/capture, to the same
// numbers.
//
// Source: biometrics.md section 5; Galois rings for dot products of iris codes:
// Bloemen, Gillespie, Kales, Sippl, Walch, "Large-Scale MPC: Scaling Private
// Iris Code Uniqueness Checks to Millions of Users", eprint 2024/705.
package galois
