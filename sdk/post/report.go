package post

// Code is a reason in a Report; the set only grows.
type Code string

// Reasons why a bundle does not hold. The last two are not failures: they say
// why time and cap are unproven.
const (
	Malformed        Code = "malformed"         // not a bundle
	WrongIssuer      Code = "wrong_issuer"      // the set belongs to an issuer that the reader does not trust
	WrongRP          Code = "wrong_rp"          // for another site
	WrongAction      Code = "wrong_action"      // for another action
	TextAltered      Code = "text_altered"      // the proof is not about this text
	ChallengeInvalid Code = "challenge_invalid" // the challenge is not the relying party's, or not the one answered
	ScopeMismatch    Code = "scope_mismatch"    // the proof is for another site, action, period or slot
	PeriodInvalid    Code = "period_invalid"    // no such period
	SlotOutOfRange   Code = "slot_out_of_range" // more than k in the period
	RootZero         Code = "root_zero"         // the root that anybody can prove against
	RootMismatch     Code = "root_mismatch"     // the root proof is about another root
	RootUnproven     Code = "root_unproven"     // the root is not shown to be in the issuer's log
	ProofInvalid     Code = "proof_invalid"     // the zero-knowledge proof is wrong
	ReceiptInvalid   Code = "receipt_invalid"   // the receipt is not the relying party's, or contradicts the rest
	ReceiptMissing   Code = "receipt_missing"   // no receipt
	ReceiptUnchecked Code = "receipt_unchecked" // no key of the relying party to check it with
)

// Reason is a code and a sentence for people.
type Reason struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// Claim is what is known of something that only a relying party can attest.
type Claim string

// The two values of a Claim.
const (
	Proven   Claim = "proven"
	Unproven Claim = "unproven"
)

// Report is the outcome of a check. OK means: one member of the issuer's set
// made this proof for exactly this post, site, action, period and slot. Time and
// Cap say whether the relying party attests when it was accepted and that it
// counted. The fields below Notes are read from the bundle, and hold only as far
// as OK, Time and Cap do.
type Report struct {
	OK      bool     `json:"ok"`
	Time    Claim    `json:"time"`
	Cap     Claim    `json:"cap"`
	Reasons []Reason `json:"reasons"` // why not OK
	Notes   []Reason `json:"notes"`   // why time and cap are unproven

	Issuer     string `json:"issuer"`
	RP         string `json:"rp"`
	Author     string `json:"author"`
	Action     string `json:"action"`
	Nullifier  string `json:"nullifier"`
	Slot       uint32 `json:"slot"`
	K          uint32 `json:"k,omitempty"` // 0: the reader did not say
	PeriodFrom uint64 `json:"period_start"`
	PeriodLen  uint64 `json:"period_len"`
	Created    uint64 `json:"created"`               // as the author states it
	AcceptedAt uint64 `json:"accepted_at,omitempty"` // as the receipt states it
	RootSeq    uint64 `json:"root_seq"`
	SetSize    uint64 `json:"set_size"`  // live members behind the root
	EntryDay   string `json:"entry_day"` // UTC day of the log entry with the root
	LogSize    int64  `json:"log_size"`
}

// Has reports whether a reason or note with the code is in the report.
func (r *Report) Has(c Code) bool {
	for _, list := range [][]Reason{r.Reasons, r.Notes} {
		for _, x := range list {
			if x.Code == c {
				return true
			}
		}
	}
	return false
}

func (r *Report) fail(c Code, detail string) { r.Reasons = append(r.Reasons, Reason{c, detail}) }
func (r *Report) note(c Code, detail string) { r.Notes = append(r.Notes, Reason{c, detail}) }
