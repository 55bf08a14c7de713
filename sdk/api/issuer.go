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

// ErrorRate is what the issuer claims about its matcher, and on which data.
type ErrorRate struct {
	Modality string `json:"modality"`
	Claim    string `json:"claim"`
	Data     string `json:"data"`
}
