// Package post makes and checks verified posts: a text, and with it everything
// that a stranger needs to see, years later and without any server, that one
// member of an issuer's set of unique people wrote it once.
//
// A Bundle holds the post, the zero-knowledge proof, the challenge that the
// proof answers, the RootProof of the set it was made against, and the relying
// party's receipt. An app makes it where it accepts the post:
//
//	receipt := post.SignReceipt(proof, rootSeq, acceptedAt, rpKey)
//	bundle, err := post.New(post.Params{Post: p, Action: "post", Period: period, Slot: slot,
//		Proof: proof, Challenge: token, RootProof: rootProof, Receipt: &receipt})
//
// and anybody checks it with nothing but the issuer's key, and, for time and
// cap, the relying party's keys:
//
//	report := post.Check(bundle, post.CheckConfig{Issuer: vkey, RPKeys: keys, Verifier: v})
//
// Nothing in a bundle is believed. The scope is computed again from rp, action,
// period and slot, the message from the text and the challenge; the root must be
// in the issuer's signed log; the proof is verified. What only the relying party
// can know, when it accepted the post and that the cap was kept, stands on its
// receipt: without one the report says that time and cap are unproven, because
// the holder of a key that was removed since could otherwise date a post back to
// an older root (protocol.md section 2).
//
// The package does no I/O, reads no clock, and compiles for js/wasm without
// net/http.
package post
