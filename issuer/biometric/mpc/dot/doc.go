// Package dot is the local half of the three-party matcher: what one party
// computes alone over its shares of iris codes and faces, from the share of an
// eye to one number for each comparison, whose sum over the parties has the
// match in its highest bit. Opening that bit, and nothing else, is the protocol's
// part.
//
//	shares, err := dot.Split(rand.Reader, dot.Shape{Columns: 200}, eye)  // at the device
//	blob, err := shares[party].MarshalBinary()                         // sealed to each party
//
//	people, err := dot.NewPeople(shape, party)                         // at a party
//	place, err := people.Append(dot.Person{Left: left, Right: right})
//	q, err := dot.NewPersonQuery(dot.Person{Left: l, Right: r}, rule.Rows)
//	out := []dot.Forms{{Both: make([]uint16, n*dot.Comparisons), One: make([]uint16, n*dot.Comparisons)}}
//	err = people.Forms(rule, []*dot.PersonQuery{q}, 0, n, out)
//
// # Layout
//
// A code bit with its mask is a value v = mask - 2*(code AND mask) in {0, 1, -1}
// and the mask itself in {0, 1}; over two codes the sum of v*v' is code = n -
// 2*differences, and twice the sum of the masks is n, the number of common bits.
// Four neighbouring values of a column, two rows by two wavelets, are one
// quadruple of package galois. A share has one 16-bit word for each value, in
// planes (real, imaginary, mask), each column after column: 32 words, one
// 512-bit register and one cache line. So a rotation of the query is an offset
// of cache lines, and mirroring moves and negates whole quadruples, which a party
// does alone. 38,400 bytes an eye, 76.8 KB a person.
//
// # Kernels
//
// The work is 12,800 + 6,400 multiply-adds for each of 31 rotations. The kernels
// hold a window of 8 columns of the entry and the sums of 8 rotations in
// registers, load each column of the query once and multiply it with every column
// of the window: VPDPWSSD with AVX-512 VNNI, VPMADDWD with AVX2. Karatsuba's method
// for Toeplitz matrices (karatsuba.go), two turns of it or with AVX-512 three,
// takes 60 or 46 % of the products. Entries meet a query eight at a time and a plane
// of all queries twenty-four at a time, so that the data come from the nearest
// caches, while the next entries are fetched: give Walk and Forms all the queries
// there are. Pure Go multiplies two rotations at once. The tier is chosen by the
// processor (Kernel names it; the build tag purego leaves the assembly out); all
// give the same sums as the definition, for any words. The assembly is written by
// the program in gen.
//
// # Threshold forms
//
// A threshold is a linear form over both sums (Form), which additive shares allow
// without a message, in the same 16 bits: no lifting. What fits is checked at the
// start (Rule.Check); the presets are Third, Inner and Third256. The person rule
// takes two forms over the same sums: a loose one that both eyes must meet, and a
// strict one for a single eye, never looser than iris.T1. At a distance of about
// .7 and more a form wraps into a match: two irises are never that far apart, but
// an inverted code is, so the input checks at enrolment are part of the matcher.
// Exact is the 32-bit form of iris-mpc, at a third more memory.
//
// # Order of the numbers
//
// Forms.Both and Forms.One have Comparisons (124) numbers a person: upright left
// eye, upright right eye, mirrored left, mirrored right, each with 31 rotations
// from +15 to -15 columns (Comparison).
//
// # Faces
//
// FaceGallery compares face vectors through the same sharing: one dot product,
// no rotations, and squared lengths that are dot products of a share with itself.
//
// # What one party sees
//
// Uniform words, and where one capture's end and the next one's begin. The
// numbers of Forms are additive shares that depend on the shares: they must be
// masked by a zero-sharing (resharing does) before anybody else sees them.
//
// Package galois has the sharing and Refresh; biometrics.md section 5 the
// protocol.
package dot
