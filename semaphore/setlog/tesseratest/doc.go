// Package tesseratest has the client and the fsck of the Tessera project, which
// is not ours, read a log that our code serves: an oracle for tiles, bundles,
// checkpoints and proofs. It is a module of its own, so that nothing of this
// comes into what we build; `make test-long` runs it.
package tesseratest
