// Package mpc is the three-party matcher after the dot products: three parties
// that each hold noise find out together whether a capture is of somebody they
// know, and one bit is all that any of them learns.
//
//	roll, err := mpc.OpenRoll("roll")
//	modality, err := mpc.Irises(dot.Shape{Columns: 200}, dot.Third())  // or Faces
//	p, err := mpc.NewParty(1, modality, roll, epoch, mpc.Prefix)
//	err = p.Restore(words)                       // for every place of the roll
//
//	mark, err := mpc.OpenMark("party.mark")
//	s, err := mpc.Open(ctx, mpc.Config{Party: 1, Next: next, Prev: prev, Rand: rand.Reader, Mark: mark, Timeout: time.Minute})
//	err = p.Connect(s)                           // again after every failure
//
//	words, err := modality.Parse(1, left, right)    // what a device sealed
//	err = p.Begin(serial, capture, words)           // pending, on the disk
//	valid, err := p.Check(ctx, number, serial)      // the input checks
//	known, err := p.Match(ctx, number+1, serial)    // the bit
//	err = p.Commit(serial)                          // or Free
//
// One sequencer gives all three parties the same calls in the same order.
//
// # Sharing
//
// Package dot gives each party, for each comparison and threshold form, an
// additive share of a number modulo 2^16 whose highest bit is the match. A party
// covers it with a share of zero and sends it to the next party: now each party
// has two of three parts, and any one party still has noise. A bit is shared the
// same way with exclusive or. Exclusive or is local; a product costs one bit
// sent: party i computes those of the nine products of parts that it can,
// covers the result with a share of zero, and sends that. Messages only go
// around the ring 0, 1, 2.
//
// Bits are computed 64 to a word: word w of a comparison holds it for people 64w
// to 64w+63, so or over rotations, eyes and people is a product of whole words.
// The three parts of a number are added by a carry-save step and a tree of
// choices (adder.go): 2 + 39/8 bytes a number and 6 rounds, or 2 + 29/8 bytes and
// 16 rounds with Ripple. Then come 5 rounds over rotations, 3 for the person rule,
// one for every doubling of the people, and one to open. 301,568 comparisons take
// 27 rounds and 7.0 bytes for each number. Larger galleries take 14 rounds more for
// each further 4,096 people.
//
// # Masks that never repeat
//
// Two queries with the same masks would show the difference of what they hide.
// The masks' key is drawn anew by both neighbours for each session; and in case a
// machine is put back to an earlier state, random numbers included, the counter
// contains the query's number, which Mark keeps on the disk ahead of its use.
//
// # Input checks
//
// A device can send shares of anything. Before a pending person counts, the
// parties find out together whether all values are in {0, 1, -1} and {0, 1} and
// belong together, the mask is large enough, and the three shares are of one
// template (input.go). Of a face every number has to be one of 8 bits, and the
// vector as long as a face's. One bit opens for each person.
//
// # Faces and 32 bits
//
// Faces (Faces) and the thresholds of iris-mpc (ExactIrises) are numbers of 32
// bits: 4 + 79/8 bytes a number and the same rounds. A face is one number.
//
// # Whose it is
//
// A recovery has to know whose template it was that matched. Find opens, after
// the bit, which half of the places the lowest match is in, and so on down to the
// place: 6 rounds and two more for each doubling of 64 people. The parties learn
// the place, which Match does not tell them.
//
// # Refresh and audits
//
// Two shares of a person are the template, so old ones must not combine with new
// ones: Refresh adds a sharing of zero to all of them, from a key that the three
// draw together and forget. Epochs keep the generations apart. Audit is the
// sequencer's list of planted people and the answers that they must get.
//
// # What the parties learn, and what this does not keep out
//
// Each party learns the bits, when and how many people there are, and which
// serials are compared. The parties are taken to follow the protocol and not to
// pool what they have: two that do have every template. One that deviates can
// change results without being noticed, and learn from how they change. What a
// party receives while all follow the protocol is uniform but for the opened bits,
// whatever the templates are.
//
// Source: biometrics.md section 5; Araki, Furukawa, Lindell, Nof, Ohara,
// "High-Throughput Semi-Honest Secure Three-Party Computation with an Honest
// Majority", eprint 2016/768.
package mpc
