// Package setup makes proving and verifying keys for gnark circuits over BN254
// that others can trust: it imports a public powers-of-tau file, runs the
// circuit's own ceremony for Groth16, and cuts a KZG reference string for PLONK
// from the same file. The command is `perhuman setup`.
//
//	pin, err := setup.ParsePin("55c7...")                 // published with the file
//	powers, err := setup.ReadPtau(file, pin, 13)          // 2^13, every point checked
//
// # Groth16
//
// The first phase is in the file. The second belongs to one constraint system:
// people add secret factors one after the other, and the keys are sound if one
// of them forgot theirs.
//
//	c, err := setup.NewCeremony(system, powers)
//	first, err := c.Contribute(nil)                       // person 1
//	second, err := c.Contribute([][]byte{first})          // person 2, on another machine
//	...
//	pk, vk, err := c.Seal([][]byte{first, second}, beacon)
//
// A contribution is a file: the new parameters, a proof that its author knew
// the factor, and the SHA-256 of the file before it. All of them in order are
// the transcript. Everybody who has the powers-of-tau file, the constraint
// system, the transcript and the beacon gets the same keys from Seal, byte for
// byte, or a refusal: that is how a third party verifies a set-up. Publish the
// four together with the commit of the circuit.
//
// The beacon is public randomness that nobody could know before the last
// contribution, such as the hash of a block or of a draw announced beforehand.
// It adds no secrecy: it takes away the last contributor's choice.
//
// Contribute draws its factor from crypto/rand inside gnark and drops it when it
// returns; Go cannot promise that no copy stays in memory. Who cares switches
// the machine off.
//
// # PLONK
//
// PLONK needs no second phase: SRS gives what plonk.Setup takes, and keys follow
// from the powers and the constraint system alone.
//
// # What is checked
//
// ReadPtau compares the file with its pin, SHA-256 or the BLAKE2b-512 that
// ceremonies publish, and then trusts none of its points: coordinates are
// canonical, points on the curve, those of G2 in the subgroup, none is infinity;
// and by pairings over random combinations, all four lists are powers of one
// tau, with one alpha and one beta. A file that nobody contributed to (a factor
// of 1) is refused. What no check can show is that somebody forgot tau: that is
// what the ceremony's participants are for, and the pin names the ceremony.
//
// # Cost
//
// At depth 20 Groth16 needs a file of power 13 and PLONK one of power 14. In
// seconds of one core of 2025: reading and checking 2^14 powers 1.3, NewCeremony
// 38 (Poseidon's constraints have long sums, and every term is a multiplication
// in the group), a contribution 1, verifying one 0.3, SRS 6. A contribution is
// 460 kB. Contributors need not pay for NewCeremony: see Chain.
package setup
