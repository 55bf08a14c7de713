// Package pairing8 computes pairings of BN254 in the lanes of AVX-512 registers,
// with the 52-bit multiply-and-add instructions of AVX-512 IFMA. Where
// [Available] is false, on other processors and in builds for them, nothing else
// of the package may be called.
//
// Lanes are used in three ways. [MillerLoop] walks eight pairs at a time, one in
// each lane; all multiply into the accumulator of their lane, and the eight are
// multiplied together at the end. [Scale] multiplies sixteen points of G1 at a
// time. An [Accumulator], and [FinalExponentiation], have a single element of
// Fp12, whose six coefficients are computed side by side.
//
// It is for public data only: proofs that are verified. Nothing here depends
// on the values in time, but nothing was done to make sure of it either.
//
// # Numbers
//
// An element of the base field is five limbs of 52 bits, in Montgomery form
// with R = 2^260; p has 254 bits and R is 84.6p. An [Fp] holds eight of them limb
// by limb, an [E2] two Fp: the halves of elements of Fp2, or sixteen elements
// of the base field.
//
// The instructions read the low 52 bits of each operand and ignore what is
// above, so that a limb that was not carried would silently be cut. Hence one
// invariant for whatever lies in memory, which every operation may assume of
// its operands and keeps for its result:
//
//	every limb is below 2^52, and the number is at least 0 and below 3p.
//
// A sum of k products in Fp2, k <= 6, is computed by Karatsuba's method on the
// columns before their carries, which are signed 64-bit numbers:
//
//	c0 = sum a0*b0 - sum a1*b1
//	c1 = sum (a0+a1)(b0+b1) - sum a0*b0 - sum a1*b1
//
// Columns: an instruction adds less than 2^52, a product at most ten times into
// one column; there are up to 3k products and then the ten of the reduction: at
// most 190*2^52 < 2^60 in absolute value. Factors: a0+a1 < 6p < 2^260 is carried
// before it is multiplied. Numbers: |c0| < 9kp^2 = .107k*pR and 0 <= c1 < 18kp^2 =
// .213k*pR. Montgomery's reduction adds less than pR and divides by R; p is
// added to c0, so that it ends between (1-.64)p and (2+.64)p, and c1 between 0
// and 2.28p.
//
// A linear combination of small coefficients, with a multiple of p that makes
// it positive, is below 40p. floor(top*84/2^52), top being the highest limb
// before carries and 84 = floor(R/p), is then the quotient by p or a little
// less, never more: when it is 0 the number is taken as it is, and when it is
// q > 0 then top >= q*2^52/84, which is q*p/2^208 and over q*2^38 more, while the
// carries that are missing in top are below 2^6. What is left is below
// 1.01p + 40p*(1 - 84p/R) < 1.4p.
//
// # Assembly
//
// lanes_amd64.s is written by the program in gen; its tests compare.
package pairing8
