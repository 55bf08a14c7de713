package setlog

import "errors"

// Errors of parsers and checks. All are wrapped with detail; test them with
// errors.Is.
var (
	// ErrMalformed: bytes that are not the one canonical encoding of the format.
	ErrMalformed = errors.New("setlog: malformed")
	// ErrKey: a verifier or signer key, or an issuer name, that is not well formed.
	ErrKey = errors.New("setlog: invalid key or name")
	// ErrSignature: a note without a valid signature by the expected key.
	ErrSignature = errors.New("setlog: signature missing or invalid")
	// ErrProof: a Merkle proof, tile or entry that does not fit the signed tree.
	ErrProof = errors.New("setlog: proof does not fit the signed tree")
	// ErrHead: a signed head that contradicts itself or an earlier head.
	ErrHead = errors.New("setlog: head contradicts itself or the log")
	// ErrOldHead: a head older than the one already held; nothing is wrong with
	// it (a lagging copy), it is only not taken.
	ErrOldHead = errors.New("setlog: head is older than the one held")
	// ErrRollback: a newer head that lowers what must never be lowered.
	ErrRollback = errors.New("setlog: issuer rolled its log back")
	// ErrFuture: a head issued later than now plus the allowed clock skew.
	ErrFuture = errors.New("setlog: head is issued in the future")

	// ErrWitnesses: fewer witnesses have cosigned than the policy wants.
	ErrWitnesses = errors.New("setlog: too few witnesses have cosigned")

	// ErrUnvouched: the issuer's key was changed in the configuration, and this
	// head is not also signed by the key under which the log was followed so far:
	// what is remembered cannot be held against it.
	ErrUnvouched = errors.New("setlog: the key followed before does not vouch for the new one")

	// ErrStale: no head young enough to decide by. Fail closed and retry.
	ErrStale = errors.New("setlog: roots are stale")
	// ErrRootZero: root 0, which anybody can prove membership of.
	ErrRootZero = errors.New("setlog: root is zero")
	// ErrRootUnknown: a root that no checked proof shows to be in the log.
	ErrRootUnknown = errors.New("setlog: root is unknown")
	// ErrRootExpired: a root superseded too long ago, or below min_valid_seq.
	ErrRootExpired = errors.New("setlog: root has expired")
)
