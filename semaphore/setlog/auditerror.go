package setlog

import (
	"fmt"
	"time"
)

// Lie names what an audit found to be untrue.
type Lie string

// What an issuer, or whoever serves its files, can be caught at.
const (
	LieSignature Lie = "signature" // not signed by the issuer
	LieTree      Lie = "tree"      // the entries are not those that the checkpoint signs
	LieEntry     Lie = "entry"     // bytes that are no entry
	LieSequence  Lie = "sequence"  // a batch is missing or stands twice
	LieLeaf      Lie = "leaf"      // a leaf that cannot have been added or cleared
	LieRoot      Lie = "root"      // another root than the set has
	LieLive      Lie = "live"      // another count of live members
	LieRekey     Lie = "rekey"     // a re-key that was not announced, or a new leaf before an old one had gone
	LieDay       Lie = "day"       // back-dated, or dated ahead
	LieFork      Lie = "fork"      // two logs under one key
	LieRollback  Lie = "rollback"  // less than what was signed before
	LieHead      Lie = "head"      // a head that the log does not bear out
	LiePolicy    Lie = "policy"    // a policy in force that the log does not have
	LieWitnesses Lie = "witnesses" // fewer cosignatures than wanted
)

// AuditError is a lie that an audit found, and where.
type AuditError struct {
	Lie    Lie
	Index  int64 // of the entry; -1 if it is none of a single entry
	Seq    uint64
	Reason string
	Err    error // what lies beneath, for errors.Is and As: *ErrFork, ErrSignature and so on; may be nil
}

// Error implements error.
func (e *AuditError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("setlog: audit: %s: %s", e.Lie, e.Reason)
	}
	return fmt.Sprintf("setlog: audit: %s: entry %d (seq %d): %s", e.Lie, e.Index, e.Seq, e.Reason)
}

// Unwrap gives Err.
func (e *AuditError) Unwrap() error { return e.Err }

// lied makes an AuditError that is about no single entry.
func lied(lie Lie, err error) error {
	return &AuditError{Lie: lie, Index: -1, Reason: err.Error(), Err: err}
}

func dayString(day uint32) string {
	return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
}
