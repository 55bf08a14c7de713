// Package verifier decides whether a human may do a thing, and remembers that
// it was done.
//
// It answers one question: has a unique human already done this, here, in this
// period? An application says which action and which policy, hands in what the
// person's wallet sent, and gets a verdict:
//
//	v, err := verifier.New(ctx, verifier.Config{RP: "forum.example", Roots: roots, Store: store})
//	c, err := v.Challenge(ctx, verifier.ChallengeRequest{Action: "post", Policy: scope.PerDay(5), Origin: origin})
//	...
//	verdict, err := v.Consume(ctx, verifier.Request{Action: "post", Policy: scope.PerDay(5), Proof: proof, Challenge: token})
//
// A refusal is a Verdict with Success false. An error means that nothing could
// be decided, and carries its wire code (see api.CodeOf): try again with the
// same idempotency key, and never let the person through.
//
// # The verifier owns every expectation
//
// Nothing that a prover sends is believed. The scope is recomputed for the
// period that contains the verifier's own now and must be one of its k slots;
// the message is recomputed from the content that the server holds and the
// challenge that it signed; the root must be one that the issuer published and
// that still counts; relying party, action, origin and session of the challenge
// must be this server's. All of that happens before the pairing. The numbers of
// a proof are compared as 32-byte values, so that one nullifier has one spelling.
//
// Check is pure: it decides everything except who was first. Consume adds the
// commit, nonce first and nullifier second, and answers from nothing else. A
// nullifier that was used is never a success, whatever the proof says; under
// the Returning policy, which is for sign-ins, a fresh challenge makes a visit
// and a replay makes none.
//
// # Idempotency
//
// A caller that chooses an idempotency key may send the same request again
// after any error, even after the challenge or the period ended, and gets the
// first verdict with Replayed set. The key belongs to a credential and to one
// (scope, nullifier, message, nonce); proof bytes play no part, since anyone can
// turn one valid proof into another.
//
// # Load
//
// Proofs of concurrent callers are verified together, in a queue with bounded
// room that serves clients in turn (semaphore.Queue): a client that shows bad
// proofs waits among its like. Request.Client names whoever that should be; where
// one application hands in the proofs of many visitors, it should name them, or
// one visitor's bad proofs are all the application's. Who finds no room, or waits
// longer than Config.MaxWait, gets api.Overloaded and when to come again.
// ConsumeBatch decides up to 512 requests at once.
//
// # Several issuers, frozen sets, bounds
//
// AnyOf accepts a proof under a root of any of several issuers, AllOf wants one
// under each, made with one secret. A policy made with scope.Snapshot counts one
// frozen set: the root that the log has at a sequence number, or the operator's
// pin in Config.Snapshots. Verdicts state how many secrets one person could use
// (Bound) and how often a person can come to a new one (Renewal), computed from
// what the issuers say about themselves; see BoundOf. Nothing is decided before
// that was heard, unless Config.Bound vouches for a figure.
//
// # Keys
//
// Challenges and receipts are signed with an Ed25519 key of the relying party.
// It is made once and kept in the spend store, so that every process over the
// same store signs with the same key; Config.Keys replaces it. To rotate, add a
// key to the store (KeyRotator): it is accepted by every process from its first
// challenge on, and signs in those that were running two minutes after they saw
// it. Old keys stay accepted and published until they are dropped, since receipts
// are checked with them for ever. The environment (live, test) is part of every
// stored key and never comes from a request.
package verifier
