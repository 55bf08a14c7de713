package api

// Code is a stable wire code. Codes are append-only: a name is never re-used
// for another meaning and never taken away.
type Code string

// Protocol faults: the request itself was wrong. Answered as problem+json.
const (
	MalformedRequest  Code = "malformed_request"
	NotCanonical      Code = "not_canonical"
	DepthUnsupported  Code = "depth_unsupported"
	TooLarge          Code = "too_large"
	CredentialMissing Code = "credential_missing" // #nosec G101 -- a code, no credential
	CredentialInvalid Code = "credential_invalid" // #nosec G101 -- a code, no credential
	ActionUnknown     Code = "action_unknown"
	PolicyConflict    Code = "policy_conflict"
	TestKeyInProd     Code = "test_key_in_production"
	NotFound          Code = "not_found"
	MethodNotAllowed  Code = "method_not_allowed"
	WrongMediaType    Code = "wrong_media_type"
	OriginNotAllowed  Code = "origin_not_allowed"
	Gone              Code = "gone"
)

// Verdicts of a verifier: the request was understood and refused, or accepted.
const (
	OK                     Code = "ok"
	ChallengeMissing       Code = "challenge_missing"
	ChallengeInvalid       Code = "challenge_invalid"
	ChallengeWrongRP       Code = "challenge_wrong_rp"
	ChallengeWrongAction   Code = "challenge_wrong_action"
	ChallengeWrongOrigin   Code = "challenge_wrong_origin"
	ChallengeWrongSession  Code = "challenge_wrong_session"
	ScopeMismatch          Code = "scope_mismatch"
	MessageMismatch        Code = "message_mismatch"
	ChallengeExpired       Code = "challenge_expired"
	ChallengeAlreadyUsed   Code = "challenge_already_used"
	NullifierAlreadyUsed   Code = "nullifier_already_used"
	IdempotencyKeyConflict Code = "idempotency_key_conflict"
	RootUnknown            Code = "root_unknown"
	RootExpired            Code = "root_expired"
	RootNotSnapshot        Code = "root_not_snapshot"
	ProofInvalid           Code = "proof_invalid"
	IssuerMissing          Code = "issuer_missing"
	NullifierMismatch      Code = "nullifier_mismatch"
)

// Conditions that pass: try again, with the same idempotency key.
const (
	RateLimited      Code = "rate_limited"
	Overloaded       Code = "overloaded"
	StoreUnavailable Code = "store_unavailable"
	InDoubt          Code = "in_doubt"
	RootsStale       Code = "roots_stale"
	Internal         Code = "internal_error"
)

// Codes of an issuer.
const (
	SessionExpired     Code = "session_expired"
	SessionUsed        Code = "session_used"
	PossessionInvalid  Code = "possession_invalid"
	CommitmentInvalid  Code = "commitment_invalid"
	CommitmentExists   Code = "commitment_exists"
	CaptureUntrusted   Code = "capture_untrusted"
	CaptureReplayed    Code = "capture_replayed"
	QualityTooLow      Code = "quality_too_low"
	AlreadyEnrolled    Code = "already_enrolled"
	NotAccepted        Code = "not_accepted"
	CooldownActive     Code = "cooldown_active"
	DeviceRevoked      Code = "device_revoked"
	MatcherUnavailable Code = "matcher_unavailable"
	NotEnrolled        Code = "not_enrolled"
	RecoveryPending    Code = "recovery_pending"
	RecoveryOver       Code = "recovery_over"
	RecoveryVetoed     Code = "recovery_vetoed"
	RecoveryCancelled  Code = "recovery_cancelled"
)

// Codes of an app that lets agents act for people.
const (
	SignatureInvalid Code = "signature_invalid"
	RequestReplayed  Code = "request_replayed"
	GrantUnknown     Code = "grant_unknown"
	GrantRevoked     Code = "grant_revoked"
	GrantExpired     Code = "grant_expired"
	GrantLacks       Code = "grant_lacks_action"
	BudgetExhausted  Code = "budget_exhausted"
)

// Codes of a wallet; no server ever sends one.
const (
	QuotaExhausted Code = "quota_exhausted"
	NotMember      Code = "not_member"
	CrowdTooSmall  Code = "crowd_too_small"
	Cancelled      Code = "cancelled"
)

// Retry says what may help after a refusal.
type Retry string

// What may help.
const (
	RetryNo           Retry = "no"
	RetryNewChallenge Retry = "new challenge"
	RetryNewProof     Retry = "new proof"
	RetrySame         Retry = "same request"
)

// CodeInfo is a row of the table.
type CodeInfo struct {
	Code       Code
	Status     int    // HTTP status; 0 for codes of a wallet
	Siteverify string // the code that CAPTCHA integrations know, if there is one
	Retry      Retry
	Title      string // for people; says what happened and nothing about whom
}

const (
	badRequest      = "bad-request"
	invalidResponse = "invalid-input-response"
	invalidSecret   = "invalid-input-secret"
	duplicate       = "timeout-or-duplicate"
	internal        = "internal-error"
)

// Statuses stand as numbers: net/http would weigh on every page that loads us.
var table = [...]CodeInfo{
	{OK, 200, "", RetryNo, "Accepted."},
	{MalformedRequest, 400, badRequest, RetryNo, "The request could not be read."},
	{NotCanonical, 400, badRequest, RetryNo, "A number or token is not in its one canonical form."},
	{DepthUnsupported, 400, badRequest, RetryNo, "The proof was made for a tree depth that is not accepted here."},
	{TooLarge, 413, badRequest, RetryNo, "The request is too large."},
	{CredentialMissing, 401, "missing-input-secret", RetryNo, "An app key is needed."},
	{CredentialInvalid, 401, invalidSecret, RetryNo, "The app key is not known."},
	{ActionUnknown, 404, badRequest, RetryNo, "No such action."},
	{PolicyConflict, 409, badRequest, RetryNo, "The action is already bound to another policy."},
	{TestKeyInProd, 403, invalidSecret, RetryNo, "A test key does not work on a live verifier."},
	{NotFound, 404, badRequest, RetryNo, "Nothing is at this address."},
	{MethodNotAllowed, 405, badRequest, RetryNo, "This address does not take that method."},
	{WrongMediaType, 415, badRequest, RetryNo, "This address takes application/json."},
	{OriginNotAllowed, 403, badRequest, RetryNo, "Requests from this origin are not accepted."},
	{Gone, 410, badRequest, RetryNo, "No longer served; start again from the head."},
	{ChallengeMissing, 200, invalidResponse, RetryNo, "The response carries no challenge."},
	{ChallengeInvalid, 200, invalidResponse, RetryNo, "The challenge was not made here."},
	{ChallengeWrongRP, 200, invalidResponse, RetryNo, "The challenge belongs to another site."},
	{ChallengeWrongAction, 200, invalidResponse, RetryNo, "The challenge belongs to another action."},
	{ChallengeWrongOrigin, 200, invalidResponse, RetryNo, "The challenge was asked for by another origin."},
	{ChallengeWrongSession, 200, invalidResponse, RetryNo, "The challenge belongs to another session."},
	{ScopeMismatch, 200, invalidResponse, RetryNo, "The proof was made for another site, action, period or slot."},
	{MessageMismatch, 200, invalidResponse, RetryNo, "The proof was made for other content or another challenge."},
	{ChallengeExpired, 200, duplicate, RetryNewChallenge, "The challenge is too old."},
	{ChallengeAlreadyUsed, 200, duplicate, RetryNo, "The challenge was used before."},
	{NullifierAlreadyUsed, 200, duplicate, RetryNo, "This human has already done this here, in this period and slot."},
	{IdempotencyKeyConflict, 409, badRequest, RetryNo, "The idempotency key belongs to another request."},
	{RootUnknown, 200, invalidResponse, RetryNewProof, "The proof is about a set that this issuer never published."},
	{RootExpired, 200, invalidResponse, RetryNewProof, "The proof is about a set that was superseded too long ago."},
	{RootNotSnapshot, 200, invalidResponse, RetryNewProof, "The proof is not about the frozen set of this action."},
	{IssuerMissing, 200, invalidResponse, RetryNewProof, "A proof under each of the required issuers is needed."},
	{NullifierMismatch, 200, invalidResponse, RetryNo, "The proofs were made with different secrets."},
	{ProofInvalid, 200, invalidResponse, RetryNo, "The proof does not verify."},
	{RateLimited, 429, internal, RetrySame, "Too many requests; try again later."},
	{Overloaded, 503, internal, RetrySame, "Too busy; try again later."},
	{StoreUnavailable, 503, internal, RetrySame, "The store does not answer; nothing was decided."},
	{InDoubt, 503, internal, RetrySame, "It is not known whether this was stored; send the same request again."},
	{RootsStale, 503, internal, RetrySame, "The issuer has not been heard from for too long."},
	{Internal, 500, internal, RetrySame, "Something went wrong here."},
	{SessionExpired, 409, "", RetryNo, "The enrolment session is over; start another."},
	{SessionUsed, 409, "", RetryNo, "The enrolment session was used before."},
	{PossessionInvalid, 422, "", RetryNo, "The signature does not prove possession of the identity key."},
	{CommitmentInvalid, 422, "", RetryNo, "The identity key or commitment is not acceptable."},
	{CommitmentExists, 409, "", RetryNo, "The commitment is in the set already."},
	{CaptureUntrusted, 422, "", RetryNo, "The capture was not made by a device this issuer trusts."},
	{CaptureReplayed, 409, "", RetryNo, "The capture was used before."},
	{QualityTooLow, 422, "", RetryNo, "The capture is not good enough; take another."},
	{AlreadyEnrolled, 409, "", RetryNo, "This person is enrolled already."},
	{NotAccepted, 409, "", RetryNo, "The enrolment was not accepted."},
	{CooldownActive, 409, "", RetryNo, "This person must wait before enrolling again."},
	{DeviceRevoked, 403, "", RetryNo, "The capture device is no longer trusted."},
	{MatcherUnavailable, 503, "", RetrySame, "The matcher does not answer; nothing was decided."},
	{NotEnrolled, 409, "", RetryNo, "This person or key is not enrolled."},
	{RecoveryPending, 409, "", RetryNo, "A recovery of this person is under way already."},
	{RecoveryOver, 409, "", RetryNo, "The recovery has gone too far to be stopped, or has ended."},
	{RecoveryVetoed, 409, "", RetryNo, "The holder of the old key has stopped this recovery."},
	{RecoveryCancelled, 409, "", RetryNo, "The recovery ended because the member was removed."},
	{SignatureInvalid, 401, "", RetryNo, "The request is not signed as an agent must sign it."},
	{RequestReplayed, 409, "", RetryNo, "This request was counted before."},
	{GrantUnknown, 403, "", RetryNo, "No such grant."},
	{GrantRevoked, 403, "", RetryNo, "The person has taken this grant back."},
	{GrantExpired, 403, "", RetryNo, "The grant has ended."},
	{GrantLacks, 403, "", RetryNo, "The grant does not allow this action."},
	{BudgetExhausted, 403, "", RetryNo, "The budget of this grant, or of its person, is used up."},
	{QuotaExhausted, 0, "", RetryNo, "You have used up what this site lets one person do in this period."},
	{NotMember, 0, "", RetryNo, "This wallet's identity is not in the set."},
	{CrowdTooSmall, 0, "", RetryNo, "The set is too small to hide in."},
	{Cancelled, 0, "", RetryNo, "The person declined."},
}

// Table is every code there is, in a fixed order.
func Table() []CodeInfo { return append([]CodeInfo(nil), table[:]...) }

// Info gives a code's row; an unknown code is an internal error.
func (c Code) Info() CodeInfo {
	for _, row := range table {
		if row.Code == c {
			return row
		}
	}
	info := Internal.Info()
	info.Code = c
	return info
}

// Retryable reports whether the very same request may succeed later.
func (c Code) Retryable() bool { return c.Info().Retry == RetrySame }
