// Package tally is a vote that anybody can count again.
//
// A poll is a log of its own (RFC 6962, signed as C2SP checkpoints by the poll's
// key): the first entry is the poll as it was opened, with the frozen set that
// may vote, each further entry is a ballot with its proof, the last one closes
// it. The signed checkpoint over a log that ends with the closing entry is the
// result; a second one with another hash is a fraud that two signatures show.
//
//	log, err := tally.New(signer, poll)                      // poll.RootProof pins the voters
//	record, err := tally.Ballot(choice, digest, proof)       // of a person whom the Gate let through
//	receipt, err := log.Append(record)                       // for the voter: a signed checkpoint with the vote in it
//	err = log.Close(now)
//	report := tally.Recount(log.Document(), tally.Config{Issuer: vkey, Log: pollKey, Verifier: v})
//
// The Gate's policy is Snapshot(poll.Seq, Once()) for poll.Action, and the content
// scope.Vote{RP, ID, choice}. A ballot carries a digest of its challenge and not
// the challenge: when somebody voted, and in which session, is nobody's business.
//
// # What a recount shows
//
// Every ballot is a member of the set that was frozen, counts once, and is for
// the choice that its voter proved. The log is the one that the poll's key
// signed. A voter who kept a receipt sees whether the vote is still in it; that
// is the one thing that no outsider can see: a vote that was refused, or dropped
// before its receipt was given, leaves no trace.
//
// Votes are not secret from the person's own wallet: whoever knows a secret can
// find its ballot, as with every nullifier, so a vote can be sold.
package tally
