// Package scope fills the two free 256-bit fields of a Semaphore proof.
//
// A Semaphore proof carries a scope, which decides the nullifier, and a
// message, which the proof is bound to. Everything an application means by
// "this person, this action, today, for this very post, in this very session"
// has to become those two numbers, the same way in the wallet that proves and
// in the verifier that checks. This package is that way, and nothing else: it
// is pure, does no I/O and takes time and randomness as parameters.
//
//	scope   = SHA-256("perhuman/scope/1" || lp(rp) || lp(action) || u64(start) || u64(len) || u32(slot))
//	message = SHA-256("perhuman/message/1" || content digest || challenge digest)
//
// Integers are big-endian and fixed width, lp(x) is a u16 length and then the
// bytes, and every encoding starts with a domain string of its own, so that no
// two of them can be mistaken for one another.
//
// In the common case a verifier calls [Policy.Period] with its own clock,
// [Compute] for each slot, [NewChallenge] to ask, and [Content],
// [ChallengeDigest] and [Message] to know what the proof must be bound to. A
// wallet calls the same functions with the relying party that
// [RPFromOrigin] gives it for the origin its browser reports. Neither ever
// takes a scope or a message from the other side.
//
// A [Challenge] is the verifier's signed request (protected against replay,
// phishing and use in another person's session), a [Post] the canonical bytes
// of something a person publishes, a [Receipt] the relying party's signed word
// on when it accepted it. The encodings are frozen: golden vectors are in
// testdata.
package scope
