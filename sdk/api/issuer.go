package api

import "slices"

// Session opens an enrolment: the answer of POST /v1/sessions. Nonce is 32
// bytes in base64url and works once.
type Session struct {
	Nonce     string   `json:"nonce"`
	ExpiresAt uint64   `json:"expires_at"`
	Captures  []string `json:"captures"` // accepted modalities
	Issuer    string   `json:"issuer"`   // the name to sign possession for
}

// EnrolmentRequest is POST /v1/enrolments. Session is the nonce, Envelope the
// capture envelope, Signature the packed EdDSA-Poseidon signature of
// possession, Salt the wallet's salt for the biometric commitment.
type EnrolmentRequest struct {
	Session   string    `json:"session"`
	Envelope  string    `json:"envelope"`
	PublicKey [2]string `json:"public_key"`
	Signature string    `json:"signature"`
	Salt      string    `json:"salt"`
}

// States of an enrolment.
const (
	StateMatched   = "matched"
	StateCommitted = "committed"
	StateWitnessed = "witnessed" // committed, and cosigned by as many witnesses as the issuer promises
	StateRefused   = "refused"
)

// Enrolment answers POST /v1/enrolments and GET /v1/enrolments/{id}. Receipt is
// the signed intake receipt; Seq, LeafIndex and RootProof come with the anchor.
type Enrolment struct {
	ID        string  `json:"id"`
	Status    string  `json:"status"`
	Code      Code    `json:"code,omitempty"`
	Receipt   string  `json:"receipt,omitempty"`
	Seq       uint64  `json:"seq,omitempty"`
	LeafIndex *uint64 `json:"leaf_index,omitempty"`
	RootProof string  `json:"root_proof,omitempty"`
}

// IssuerInfo is /.well-known/perhuman-issuer.json.
type IssuerInfo struct {
	Name         string      `json:"name"`
	VKey         string      `json:"vkey"`
	Depth        int         `json:"depth"`
	AnchorPeriod uint64      `json:"anchor_period"` // seconds
	Window       uint64      `json:"window"`        // seconds a superseded root stays good
	Evidence     []string    `json:"evidence"`
	Matcher      string      `json:"matcher"`
	MatcherNote  string      `json:"matcher_note"`
	MatcherKeys  []PartyKey  `json:"matcher_keys,omitempty"` // in party order; a device seals one share to each
	ErrorRates   []ErrorRate `json:"error_rates"`
	Bound        uint32      `json:"bound"` // kinds of evidence that cannot be compared with each other

	// How a person can come to a new secret, in seconds; left out if not at all.
	RekeyPeriod  uint64 `json:"rekey_period,omitempty"`  // re-keys happen at multiples of it
	Cooldown     uint64 `json:"cooldown,omitempty"`      // between the announcement of a re-key and the re-key
	ReentryDelay uint64 `json:"reentry_delay,omitempty"` // between a deletion and a new enrolment

	Unattended bool     `json:"unattended"`
	Witnesses  []string `json:"witnesses"`        // verifier keys
	Quorum     int      `json:"quorum,omitempty"` // how many of them cosign before an enrolment is called witnessed
	VKeys      []string `json:"vkeys,omitempty"`  // while the key is changed: all that sign now, VKey first
}

// Signs says whether a verifier key is one that signs for the issuer now.
func (i IssuerInfo) Signs(vkey string) bool {
	return vkey == i.VKey || slices.Contains(i.VKeys, vkey)
}

// PartyKey is the public key of one matching party, to which a capture device
// seals that party's share of a template. The plain matcher has one party, which
// gets the template whole; the three-party matcher has three.
type PartyKey struct {
	Name string `json:"name"`
	Key  string `json:"key"` // "perhuman-party-1:" and 43 characters of base64url
}

// ErrorRate is what the issuer claims about its matcher, and on which data.
type ErrorRate struct {
	Modality string `json:"modality"`
	Claim    string `json:"claim"`
	Data     string `json:"data"`
}

// RecoveryRequest is POST /v1/recoveries: a new capture of an enrolled person,
// bound to a new key. Its fields are those of an EnrolmentRequest; Signature is
// over another message (scope.RekeyMessage), so neither works as the other.
type RecoveryRequest EnrolmentRequest

// States of a recovery.
const (
	RecoveryWaiting   = "waiting"   // taken in, about to be announced
	RecoveryAnnounced = "announced" // in the log; the old key may veto
	RecoveryOut       = "out"       // the old leaf is gone, the new one waits for the boundary
	RecoveryCommitted = "committed" // the new leaf is in the set
	RecoveryEnded     = "refused"   // refused, vetoed or cancelled: see the code
)

// Recovery answers POST /v1/recoveries, GET /v1/recoveries/{id} and a veto.
// Under the number of the announcement, and in the answer to a veto, it holds
// nothing that leads to the new leaf.
// Times are unix seconds. Announcement is the number of the log entry that
// announced it; VetoUntil the earliest moment at which the old leaf can go;
// Receipt is of the intake, in the answer to a veto of the veto.
// Boundary, known once it went, the multiple of the re-key period after which
// the new leaf comes, Due when the next step is planned, and EffectiveAt when
// the new leaf is.
type Recovery struct {
	ID           string  `json:"id"`
	Status       string  `json:"status"`
	Code         Code    `json:"code,omitempty"`
	Receipt      string  `json:"receipt,omitempty"`
	Announcement *uint64 `json:"announcement,omitempty"`
	AnnouncedAt  uint64  `json:"announced_at,omitempty"`
	VetoUntil    uint64  `json:"veto_until,omitempty"`
	OutAt        uint64  `json:"out_at,omitempty"`
	Boundary     uint64  `json:"boundary,omitempty"`
	Due          uint64  `json:"due,omitempty"`
	EffectiveAt  uint64  `json:"effective_at,omitempty"`
	Seq          uint64  `json:"seq,omitempty"`
	LeafIndex    *uint64 `json:"leaf_index,omitempty"`
	RootProof    string  `json:"root_proof,omitempty"` // of the new leaf's entry
}

// VetoRequest is POST /v1/recoveries/{id}/veto, where {id} is the number of the
// announcement in the log, or the recovery's id. PublicKey is the old key,
// Signature is over scope.VetoMessage.
type VetoRequest struct {
	PublicKey [2]string `json:"public_key"`
	Signature string    `json:"signature"`
}

// DeletionRequest is POST /v1/deletions. Session is a nonce of POST
// /v1/sessions, Signature is over scope.DeleteMessage.
type DeletionRequest struct {
	Session   string    `json:"session"`
	PublicKey [2]string `json:"public_key"`
	Signature string    `json:"signature"`
}

// States of a deletion.
const (
	DeletionAccepted  = "accepted"  // about to be removed
	DeletionRemoved   = "removed"   // the leaf is zero; the template can only say "wait" any more
	DeletionDestroyed = "destroyed" // the template is gone too
)

// Deletion answers POST /v1/deletions and GET /v1/deletions/{id}. ReentryAt is
// when the template will have been destroyed and the person may enrol anew.
type Deletion struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Receipt     string `json:"receipt"`
	ReentryAt   uint64 `json:"reentry_at"`
	Seq         uint64 `json:"seq,omitempty"`
	RootProof   string `json:"root_proof,omitempty"` // of the removal's entry
	DestroyedAt uint64 `json:"destroyed_at,omitempty"`
	Tombstone   string `json:"tombstone,omitempty"`
}
