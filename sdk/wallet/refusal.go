package wallet

import (
	"context"
	"errors"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Code says in one word why a wallet did not do what it was asked. Codes are
// append-only and never re-used; pages turn them into sentences. Where a
// verifier has a code for the same thing, the two are equal.
type Code string

// The codes.
const (
	// Locked: no secret has been given.
	Locked Code = "locked"
	// SecretInvalid: the secret is too short to be one, or not in canonical form.
	SecretInvalid Code = "secret_invalid"
	// RequestInvalid: an action, policy, digest or number that means nothing.
	RequestInvalid Code = "request_invalid"
	// OriginRefused: not https, nor http on *.localhost.
	OriginRefused Code = "origin_refused"
	// The challenge is not one, is not signed by the relying party, or asks for
	// something else than the request does.
	ChallengeInvalid     Code = "challenge_invalid"
	ChallengeWrongRP     Code = "challenge_wrong_rp"
	ChallengeWrongAction Code = "challenge_wrong_action"
	ChallengeWrongOrigin Code = "challenge_wrong_origin"
	ChallengeExpired     Code = "challenge_expired"
	// MessageMismatch: the challenge is for other content than the request.
	MessageMismatch Code = "message_mismatch"
	// QuotaExhausted: all k slots of this period have been used by this wallet.
	QuotaExhausted Code = "quota_exhausted"
	// SlotsRefused: the verifier called two slots in a row already used; no
	// further slot is shown to it in this period.
	SlotsRefused Code = "slots_refused"
	// NotSynced: there is no path yet to prove with.
	NotSynced Code = "not_synced"
	// NotMember: the issuer's current set does not hold this identity.
	NotMember Code = "not_member"
	// CrowdTooSmall: too few live members to hide among.
	CrowdTooSmall Code = "crowd_too_small"
	// RootUnproven: the set does not match the root that the public log holds,
	// or the head is not validly signed and logged.
	RootUnproven Code = "root_unproven"
	// WitnessesMissing: too few of the demanded witnesses have cosigned the log.
	WitnessesMissing Code = "witnesses_missing"
	// RootsStale: the last head is too old to prove under.
	RootsStale Code = "roots_stale"
	// ForkDetected: the issuer showed two histories.
	ForkDetected Code = "fork_detected"
	// KeyUnvouched: the issuer's key was changed, and no head is signed by both
	// it and the one under which the log was followed before.
	KeyUnvouched Code = "key_unvouched"
	// RollbackDetected: the issuer showed an older state of its log than before,
	// under a newer date: it was restored from a backup, or lies.
	RollbackDetected Code = "rollback_detected"
	// SourceUnavailable: the issuer's files could not be read; try again.
	SourceUnavailable Code = "source_unavailable"
	// StoreUnavailable: the use of a slot could not be written down, so the
	// proof is not shown.
	StoreUnavailable Code = "store_unavailable"
	// ProofFailed: the prover failed, or its proof did not verify.
	ProofFailed Code = "proof_failed"
	// Cancelled: the caller gave up.
	Cancelled Code = "cancelled"
	// Internal: anything else.
	Internal Code = "internal_error"
)

// Refusal is the one error type that this package returns. Its text never
// holds a secret, and nothing computed from one: T26.
type Refusal struct {
	Code   Code
	Detail string
	Err    error // may be nil
}

// Error gives the code and what happened.
func (r *Refusal) Error() string {
	s := "wallet: " + string(r.Code)
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap gives the cause, for instance a *setlog.ErrFork with its evidence.
func (r *Refusal) Unwrap() error { return r.Err }

// Retryable reports whether the same call may succeed later with no change by
// the person.
func (c Code) Retryable() bool {
	switch c {
	case SourceUnavailable, StoreUnavailable, RootsStale, NotSynced, Cancelled:
		return true
	}
	return false
}

// CodeOf gives the code of an error from this package, Internal for any other
// error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Code
	}
	return Internal
}

func refuse(c Code, detail string) *Refusal { return &Refusal{Code: c, Detail: detail} }

// wrap keeps a refusal as it is and gives any other error code c; a context
// that has ended is Cancelled whatever it interrupted.
func wrap(c Code, detail string, err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	if _, ok := errors.AsType[*setlog.ErrFork](err); ok {
		c = ForkDetected
	} else if errors.Is(err, setlog.ErrRollback) {
		c = RollbackDetected
	} else if errors.Is(err, setlog.ErrWitnesses) {
		c = WitnessesMissing
	} else if errors.Is(err, setlog.ErrUnvouched) {
		c = KeyUnvouched
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		c = Cancelled
	}
	return &Refusal{Code: c, Detail: detail, Err: err}
}
