// Package semaphore speaks the Semaphore v4 protocol, byte for byte as the
// official packages do: identities, groups, proofs and their verification.
// It does no I/O of its own. Proofs are made by package prove.
//
// A person's wallet holds an Identity and shows its Commitment to an issuer,
// with a Signature that proves the secret is known. The issuer puts
// commitments into a Group, a Merkle tree. A Proof says "I am in the group
// with this root", carries a message and a scope, and shows a nullifier that
// is the same for every proof of one identity in one scope. A verifier builds
// one Verifier at start and calls Verify:
//
//	v, err := semaphore.NewVerifier()
//	...
//	p := new(semaphore.Proof)
//	if err := json.Unmarshal(body, p); err != nil { ... } // strict
//	if err := v.Verify(p); err != nil { ... }
//
// A nil error from Verify means that the proof is valid for the root, message
// and scope that it carries, and nothing more. The caller must still compare
// the root with the roots it trusts, the scope and the message with the ones
// it expects, and spend the nullifier once; package verifier does all of that.
//
// A server with many callers puts a Queue in front of the Verifier, which
// verifies their proofs in batches at a third of the cost or less. It keeps its Group
// in a snapshot (WriteTo, ReadGroup), changes it in batches (AddMany,
// UpdateMany) and lets readers have a View.
//
// # Strictness
//
// Every value has one accepted encoding. Where the official JavaScript takes
// hexadecimal, leading zeros, values above the modulus or a ninth point, this
// package refuses, because an application that stores a nullifier as text
// would otherwise let one person act once per spelling. Root 0 is refused
// everywhere: the circuit lets anybody prove it.
//
// # Secrets
//
// Identity is the only type that holds a secret. It prints as its public
// commitment. Signing and key derivation do not branch on secret bits; package
// babyjub says how far that goes.
package semaphore
