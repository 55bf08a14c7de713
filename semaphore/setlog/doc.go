// Package setlog is the signed, append-only history of a set of people: what
// an issuer publishes, and what everybody else checks about it.
//
// The root of a Merkle set alone cannot show that the set only ever changed
// honestly. So beside the set stands an RFC 6962 log (golang.org/x/mod/sumdb,
// packages tlog and note) with one [Entry] per change. Entries are published in
// batches; a batch has one sequence number, one set root and one signed
// [Checkpoint]. A [RootProof] shows, with no server, that the log holds an
// entry with a given root; a [Head] is what verifiers poll: the newest root, the
// window of older ones, and the RootProof of the newest.
//
// # Following an issuer
//
// One string pins an issuer, its verifier key "name+hash+key":
//
//	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: vkey, Persist: save, State: saved})
//	err = f.Update(headBytes, now, fetch)   // fetch gets log tiles, to check consistency
//	info, err := f.Root(root, now)          // may proofs against this root be accepted now?
//
// A [Follower] accepts a head only if it is signed by that key, proves its root
// to be in the log, extends the log seen before, and lowers nothing. A log that
// was forked gives [ErrFork], which holds both signed checkpoints and a proof
// that anybody can check later without the server.
//
// # Running a log
//
// [Append] turns entries into the hashes to store and the new tree; the caller
// keeps hashes and records in its own transaction and reads them back through a
// tlog.HashReader ([Hashes] is the one in memory). [Checkpoint.Sign],
// [ProveRoot] and [Head.Sign] make what is published; [TileData], [EntryBundle],
// [SetTile] and [MarshalLeaves] make the static files. [GenerateKey] makes the
// issuer's key: the signer string is secret, the verifier string is the
// issuer's public name.
//
// # Auditing
//
// [AuditConfig.Run] reads a whole log over its files, from outside: it hashes all
// entries into the signed tree, rebuilds the set and compares its root with the
// logged one at every sequence number, and holds heads and older checkpoints
// against the log. It gives a report, or an [AuditError] that names the lie:
//
//	r, err := setlog.AuditConfig{Verifier: v, Checkpoint: signed, Seen: older}.Run(fetch)
//
// [Audit] is the short form and [Replay] the part that rebuilds the set.
// [FetchFS] and [FetchEntries] read archives.
//
// # Formats
//
// Every format has exactly one encoding: what a parser accepts, the marshaler
// gives back byte for byte. Checkpoints, proofs and tiles follow the C2SP
// documents tlog-checkpoint, tlog-proof@v1 and tlog-tiles; entries and heads are
// described at [Entry] and [Head]. Golden files are in testdata.
//
// The package does no I/O, reads no clock, and compiles for js/wasm.
package setlog
