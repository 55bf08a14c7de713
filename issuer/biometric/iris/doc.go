// Package iris holds iris codes: their formats, rotations, mirror images and
// distances.
//
// A code is a tensor of 16 rows (radius), cols columns (angle), 2 wavelets and 2
// bits (the signs of the real and the imaginary response): 12,800 bits at 200
// columns (iris-mpc), 16,384 at 256 (open-iris). A mask of the same shape says
// which bits can be used; the real and the imaginary bit of a response share
// theirs.
//
//	left, err := iris.ParseEye(json)               // {"iris_codes","mask_codes","iris_code_version"}
//	q := iris.NewQuery(left.Template)                // once per query
//	d, rotation := q.Min(enrolled)                 // 31 rotations
//	if d.Below(iris.T) { ... }
//
// # Distance
//
// With m = both masks, the fractional Hamming distance is HD = popcount((a XOR
// b) AND m) / popcount(m), and the score of two codes is the least HD over the
// rotations -15..+15 of the query. Unrelated irises score about .44 to .5,
// genuine pairs about .11 to .14, see package synth. Distances are exact
// fractions; thresholds are ten-thousandths; nothing that decides is a float.
//
// # Many entries
//
// Walk goes through many entries, one eye (Query) or both eyes in both
// orientations (PairQuery) at a time. It runs on AVX-512 VPOPCNTDQ, on AVX2 or
// on pure Go, whichever the processor has (Kernel names it; the build tag purego
// leaves the assembly out), and all three count the same bits. The assembly is
// written by the program in gen.
//
// # Person rule
//
// Two people are the same when both eyes are below T, or one eye is below T1
// (biometrics.md section 1). Both eyes alone would give n people n^2 identities
// by combining eyes. T for one eye alone would refuse most strangers: over 31
// rotations and 100,000 people a false hit at T has probability .83.
//
// # Mirror
//
// A camera image held to a mirror shows the other eye reversed. Mirror reverses
// the columns inside each half and negates the imaginary bits; a query runs in
// both orientations, the mirrored one with the eyes swapped.
//
// # What a code is worth
//
// Codes identify people, cannot be changed and can be matched against other
// databases: they are never logged, and are stored sealed. Code that compares
// codes in the clear, as this package does, belongs to development and to the
// plain matcher, which the issuer's metadata must name.
package iris
