// Package prove makes Semaphore v4 proofs with the official proving keys, in
// plain Go: no cgo, no WebAssembly runtime, no circuit compiler. The same code
// runs on servers, on a command line and as js/wasm in a browser, and its
// proofs verify with the official JavaScript package and the official Solidity
// verifier.
//
//	p, err := prove.New(depth20.NewReader())         // once: half a dozen megabytes, reusable
//	proof, err := p.Prove(ctx, id, path, message, scope)
//
// New takes the bytes of an official key from anywhere, since it accepts only
// those whose SHA-256 is pinned in package artifacts, and learns the Merkle
// depth from them. The packages artifacts/depth20 and artifacts/depth32 embed
// two of the keys.
//
// Prove refuses what must not be proved: a path without siblings (a group of
// one), a path longer than the depth, root 0, a root that the path does not
// lead to, a path of somebody else. It stops soon after ctx ends and reports
// its progress to WithProgress. In a browser a proof keeps its thread busy and
// no message can end its ctx meanwhile: run it in a worker, and end the worker
// to cancel.
//
// # What a proof costs
//
// At depth 20 about half a millisecond for the witness and 55 to 75 for the
// rest on one core of 2025 with AVX-512 IFMA, some 110 to 130 without; in a
// browser less than half of what snarkjs takes on one thread, and a third of
// that with four workers (WithHelpers). Elsewhere the multi-scalar
// multiplications use all cores; see WithWorkers.
//
// A loaded key takes 3.5 MB, a proof some 12 MB while it runs, of which half
// is cleared and used again. A prover that goes on working makes tables of
// multiples of the key's points, 37 MB, which take a sixth to a quarter off
// each proof: it spends 0.4 seconds of one core on them, a part after each of
// a dozen proofs, or all at once in Prepare. WithTableMemory bounds them,
// WithoutTables does without, and Memory says what is held.
//
// # Secrets
//
// The witness holds the secret scalar, and so, in effect, do the blinding
// factors and the scalars of every multiplication. All of it is cleared before
// Prove returns, also when it fails; copies that the Go runtime or the
// compiler made on a stack are out of our reach. No error says anything about
// a secret. The running time depends on the witness: do not let strangers time
// a prover that holds somebody's key.
//
// # How it works
//
// The witness is computed natively, gadget by gadget (solve, publicKey, hash);
// wireMap says which wire of the official circuit carries which value, and the
// tests compare every wire with the official calculator. The proof is Groth16
// (eprint 2016/260) as snarkjs arranges it: the quotient is evaluated on a
// coset where the vanishing polynomial is constant, and three multi-scalar
// multiplications give the three points (sums). Processors with AVX-512 IFMA
// compute with package ifma, others with gnark-crypto, WebAssembly with package
// field29. See spec proving.md.
package prove
