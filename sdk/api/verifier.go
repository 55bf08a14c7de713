package api

import "encoding/json"

// ChallengeRequest asks for a challenge: POST /v1/challenges, for an action by
// its name or, from a page that was written for a CAPTCHA, by its sitekey.
// ContentDigest is base64url of 32 bytes.
type ChallengeRequest struct {
	Action        string `json:"action,omitempty"`
	Sitekey       string `json:"sitekey,omitempty"`
	ContentDigest string `json:"content_digest,omitempty"`
	Session       string `json:"session,omitempty"`
}

// ChallengeResponse is what a wallet needs to answer. Policy is "once",
// "returning" or "per_epoch"; Period is the length in seconds, 0 for ever.
type ChallengeResponse struct {
	Challenge string `json:"challenge"`
	Action    string `json:"action"`
	Policy    string `json:"policy"`
	K         uint32 `json:"k"`
	Period    uint64 `json:"period"`
	Snapshot  uint64 `json:"snapshot,omitempty"` // prove against the set frozen at this sequence number
	ExpiresAt uint64 `json:"expires_at"`         // unix seconds, by the verifier's clock
	ExpiresIn uint64 `json:"expires_in"`         // the same in seconds from now, for a device whose clock is wrong
	SetSize   uint64 `json:"set_size"`

	// Sets older than this sequence number are of no use: members were removed at
	// once. A wallet that keeps an older one reads again first, instead of making a
	// proof that is refused. Only with one issuer, and not for frozen sets.
	MinSeq uint64 `json:"min_seq,omitempty"`

	// Which issuers count: verifier keys. A wallet that follows several must not
	// prove under another one; one that knows an issuer under its next key takes
	// the name for the same. All: a proof under each of them, in this order.
	Issuers []string `json:"issuers,omitempty"`
	All     bool     `json:"all,omitempty"`
}

// Vouched names the issuers that count.
func (r ChallengeResponse) Vouched(issuers []string, all bool) ChallengeResponse {
	r.Issuers, r.All = issuers, all && len(issuers) > 1
	return r
}

// VerifyRequest hands in a proof: POST /v1/verify. Proof is either the JSON
// object of Semaphore or a string, the packed form in base64url; Proofs is in
// its place where proofs under several issuers are wanted, in their order.
// Origin is the origin that the app saw the person on, if it wants it compared.
// Client is whoever should be slowed down for bad proofs, for instance a hash of
// a network address: up to 64 printable characters that mean something to the
// app alone.
type VerifyRequest struct {
	Action        string            `json:"action"`
	Proof         json.RawMessage   `json:"proof,omitempty"`
	Proofs        []json.RawMessage `json:"proofs,omitempty"`
	Challenge     string            `json:"challenge,omitempty"`
	ContentDigest string            `json:"content_digest,omitempty"`
	Session       string            `json:"session,omitempty"`
	Origin        string            `json:"origin,omitempty"`
	Client        string            `json:"client,omitempty"`
}

// Verdict is a verifier's decision. Success false with a code is a refusal.
// Bound is how many secrets one person could use in one period, or at one time
// where there is none. Renewal, in seconds, is set where the set moves and there
// is no period: so often, and no more, a person can come to a new secret and
// look like somebody new. 0 is never.
type Verdict struct {
	Success        bool     `json:"success"`
	Code           Code     `json:"code"`
	Action         string   `json:"action"`
	Policy         string   `json:"policy,omitempty"`
	Nullifier      string   `json:"nullifier,omitempty"`
	Returning      bool     `json:"returning"`
	Replayed       bool     `json:"replayed"`
	SameMessage    *bool    `json:"same_message,omitempty"` // only with nullifier_already_used
	Slot           *uint32  `json:"slot,omitempty"`
	K              uint32   `json:"k,omitempty"`
	Period         *Period  `json:"period,omitempty"`
	Root           string   `json:"root,omitempty"`
	RootSeq        uint64   `json:"root_seq,omitempty"`
	SetSize        uint64   `json:"set_size,omitempty"`
	Bound          uint32   `json:"bound,omitempty"`
	Renewal        uint64   `json:"renewal,omitempty"`
	Snapshot       uint64   `json:"snapshot,omitempty"` // sequence number of the frozen set
	Environment    string   `json:"environment,omitempty"`
	FirstSeenAt    uint64   `json:"first_seen_at,omitempty"`
	VerificationID string   `json:"verification_id,omitempty"`
	Retryable      bool     `json:"retryable"`
	ErrorCodes     []string `json:"error-codes"`
}

// Period is a stretch of time in seconds since 1970.
type Period struct {
	Start uint64 `json:"start"`
	Len   uint64 `json:"len"`
}

// WellKnown is /.well-known/perhuman.json of a relying party.
type WellKnown struct {
	RP      string         `json:"rp"`
	Keys    []string       `json:"keys"` // Ed25519 public keys, base64url, newest first
	Issuers []string       `json:"issuers"`
	All     bool           `json:"all,omitempty"` // a proof under each of the issuers is wanted, in their order
	Depth   int            `json:"depth"`
	Actions []ActionPolicy `json:"actions"`
}

// ActionPolicy publishes how often one human may do a thing.
type ActionPolicy struct {
	Action string `json:"action"`
	Policy string `json:"policy"`
	K      uint32 `json:"k"`
	Period uint64 `json:"period"`

	Snapshot uint64 `json:"snapshot,omitempty"` // sequence number of the frozen set
}
