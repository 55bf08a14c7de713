// Package circuit is the statement of Semaphore v4 as a gnark circuit: "I know
// the secret behind a leaf of the tree with this root; this is my nullifier in
// this scope; I say this message".
//
// It exists for statements that Semaphore cannot make, and as an oracle. Proofs
// of membership are made with the official keys by package prove and checked by
// package semaphore; they do not verify under keys of this package, nor the
// other way round, since the constraints differ. What agrees, bit for bit, is
// the meaning: same leaf, same root, same nullifier, the same inputs without a
// witness. The tests hold it against every official proof and every corner that
// the official witness calculator was asked about.
//
//	system, err := circuit.R1CS(20)                       // or SCS, for PLONK
//	pk, vk, err := ...                                    // a set-up: package setup
//	w, err := circuit.Witness(20, id, path, message, scope)
//	proof, err := groth16.Prove(system, pk, w)
//
//	public, err := circuit.PublicWitness(root, nullifier, message, scope)
//	err = groth16.Verify(proof, vk, public)
//
// As with official proofs, a valid one says nothing about whether the root is
// that of a set one trusts, the scope and the message those one asked for, the
// nullifier unspent; the verifier compares and spends. Root 0 proves nothing,
// and Assign, Witness and PublicWitness refuse it.
//
// # Extended statements
//
// PublicKey, Poseidon and MerkleRoot are the gadgets. A statement of your own
// embeds Circuit or calls them:
//
//	type OverAge struct {
//		circuit.Circuit
//		...
//	}
//
//	func (c *OverAge) Define(api frontend.API) error {
//		if err := c.Circuit.Define(api); err != nil {
//			return err
//		}
//		...
//	}
//
// # What it costs
//
// 6257 constraints in an R1CS at depth 20, against 6431 officially, and 14065
// gates for PLONK; 245 and 526 a level. The golden file testdata/constraints.csv
// freezes all depths, with a digest of the constraints: keys belong to one
// system, and a change of a digest asks for a new set-up. Compilation takes a
// tenth of a second.
//
//	                      R1CS    of which
//	public key             870    251 bits, compared with l on the way; 124 windows
//	leaf, nullifier        480    two hashes of 240
//	a level                245    hash, swap, index bit, "is this the length?"
//
// The multiplication by Base8 uses the cheap incomplete additions only where two
// points cannot collide, whatever the prover does; see mulBase8. No challenge,
// random point or lookup argument enters the system, so plain Groth16 suffices:
// proofs have the three points of the official ones.
//
// # Secrets, and noise
//
// gnark copies witnesses and does not clear them, and its running time depends
// on them. Keep proving with this package to the machine of the secret's owner.
//
// gnark logs to standard output by default. Compiling here turns its logger off
// for the process; see Silence.
package circuit
