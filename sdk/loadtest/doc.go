// Package loadtest measures a verifier service: how many proofs a processor
// core verifies over HTTP, how long callers wait, what the queue gains, and what
// a flood of bad proofs does to the good. It is behind `perhuman loadtest`.
//
// Two processes take part, on loopback only: a server (Serve), which is the real
// service over a real SQLite file, and a loader (Attack), which keeps to an open
// loop where latency is what is asked for: requests leave when they are due,
// whether or not earlier ones were answered, so that a slow server cannot slow
// down the question.
//
// Every accepted request needs a proof of its own, under a challenge of its own.
// Loader and server therefore agree beforehand on everything that is random: a
// clock that stands still, the keys that sign, the people and their slots. The
// proofs (Prepare) follow from that, take some minutes of processor time to make,
// and are kept for the next run. They are real proofs under the official key.
//
// What is reported is processor time of the server, all of it, divided by
// accepted requests. A clock on the wall says little on a shared machine.
package loadtest
