// Package witness cosigns logs that only grow: C2SP tlog-witness, over HTTP.
//
// A witness keeps, for each log it was told of, the largest checkpoint that it
// has signed, and signs a new one only with a proof that it extends that one. So
// an issuer that shows two people two histories needs the witness's help, and a
// verifier that asks for k of n witnesses (setlog.Witnesses) needs trust only in
// some k of them not conspiring.
//
//	store, err := witness.OpenFolder("/var/lib/witness")
//	defer store.Close()
//	w, err := witness.New(witness.Config{Key: signerKey, Logs: []string{vkey}, Store: store, Now: time.Now})
//	err = serve.Run(ctx, listener, w.Handler(), serve.Options{})
//
// One route, POST /add-checkpoint. The body is "old <size>", the consistency
// proof in base64 lines, an empty line and the signed checkpoint. The answer is
// the signature line (200), or:
//
//	400  the body cannot be read, or old is larger than the checkpoint
//	403  no signature by a key of the log
//	404  a log that this witness was not told of
//	409  old is not the size signed last, which is the answer's body; or the same
//	     size was signed with another root
//	422  the proof does not show that the log only grew
//	500  the new state could not be stored; nothing was signed
//
// Comparing old with the stored size, storing the new checkpoint and signing are
// one step for each log: requests that run side by side cannot roll the witness
// back. Nothing is answered before it is durable.
//
// What is stored must not be put back to an older state, or the witness can be
// made to sign a second history: a backup of its folder is worse than none. After
// a loss, start again under a new key.
package witness
