// Package match is the plain matcher: it holds templates in memory, in the
// clear, and says whether a new one belongs to a person it already knows.
//
//	m := match.New()
//	t, err := match.Open(operatorKey, envelope)          // from a verified capture envelope
//	hit, serial, err := m.MatchOrAdd(newSerial, t)
//
// Irises are compared by the person rule of package iris in both orientations
// (mirrored with the eyes swapped), faces by the threshold of package face.
// Evidence of different modalities cannot be compared: a person known by an
// iris is new to a face, and the issuer's metadata and verdicts say so as
// bound. A result is a function of the stored set and the template alone: every
// entry is compared, the nearest of the hits is named, and of equals the lowest
// serial, so order of insertion, time and parallel use change nothing.
//
// # What it is for
//
// Development, tests, demonstrations and small attended sets. Whoever runs it
// can read every template; the issuer must state "plain" loudly in its public
// metadata. Production splits templates among three parties. An iris costs
// about 2.8 us of CPU per enrolled person (31 rotations, two eyes, two
// orientations) with AVX-512 and 30 without vectors, a face .2 us.
//
// Both irises of a person take 4,992 bytes, of which 4,800 are their bits, and
// some 60 more for the serial. On Linux they stand outside of the heap of the
// garbage collector, so a large set takes its own size and no more, and outside
// of core dumps. What a removal leaves behind is wiped when the last comparison
// that may still read it has ended and the collector has run.
//
// # Error rates
//
// A matcher has an error rate, and a set of n people has n(n-1)/2 pairs. With
// irises both eyes at T and one eye at T1 keep false hits rare up to very large
// sets (biometrics.md section 1); with faces strangers collide within some
// hundreds of people (package face).
package match
