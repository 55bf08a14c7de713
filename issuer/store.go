package issuer

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Errors of a Store. Anything else that a Store returns means that the act did
// not happen and the store could not say more.
var (
	// ErrInDoubt: COMMIT returned an error, so it is unknown whether the act
	// happened. The caller reloads before it writes or signs anything again.
	ErrInDoubt = errors.New("issuer: commit in doubt")
	// ErrBusy: the store did not come free in time; nothing was decided.
	ErrBusy = errors.New("issuer: store is busy")
	// ErrFenced: another process has taken this set over.
	ErrFenced = errors.New("issuer: another writer has taken the set over")
	// ErrLocked: another process holds this database.
	ErrLocked = errors.New("issuer: database is in use by another process")
	// ErrWrongKey, ErrWrongOrigin, ErrWrongOperator: the database belongs to
	// another signing key, set name or operator key.
	ErrWrongKey      = errors.New("issuer: database belongs to another signing key")
	ErrWrongOrigin   = errors.New("issuer: database belongs to another set")
	ErrWrongOperator = errors.New("issuer: database is sealed under another operator key")
	// ErrCorrupt: what is stored contradicts itself or the last checkpoint.
	ErrCorrupt = errors.New("issuer: stored set and log do not agree")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("issuer: not found")
)

// ID names an enrolment: 128 random bits, a bearer name for its status.
type ID [16]byte

// Serial names a template: 128 random bits that say nothing about the leaf.
type Serial [16]byte

// Nonce is the issuer's challenge of one enrolment session.
type Nonce [32]byte

// Binding is what a database is made for, written once and compared for ever.
type Binding struct {
	Origin   string   // the issuer's name
	VKey     string   // its note verifier key
	Retiring []string // verifier keys that VKey replaces: a database bound to one of them is bound anew
	Operator [32]byte // SHA-256 of the operator's public key, which seals templates
}

// Intake is one person's enrolment, checked as far as it can be without the
// store: everything that a Store writes in one transaction. The first half of a
// recovery is one too: see Recovery.
type Intake struct {
	ID         ID
	Session    Nonce
	Received   uint64 // unix seconds
	Commitment semaphore.Element
	Biometric  [32]byte // hiding commitment to the capture
	Receipt    []byte   // signed; shown only after the commit
	Device     string
	Counter    uint64    // of the device, must rise
	Rates      []RateUse // to hand out with the record
	Serial     Serial
	Modality   string
	Template   []byte // sealed; empty if the matcher keeps it itself
	Mark       []byte // sealed Mark of nobody leaving, kept beside the template
	LeafLink   []byte // sealed commitment, kept beside the template
	SerialLink []byte // sealed serial and device, kept beside the member
}

// Enrolment is what is known about one intake. Op says what was asked for in
// its session: OpEnrol, OpRekeyIn (a recovery; Commitment is the new one) or
// OpRemove (a deletion; seq, index and record are those of the removal).
type Enrolment struct {
	ID         ID
	Op         setlog.Op
	Commitment semaphore.Element
	State      string   // api.StateMatched, StateCommitted, StateRefused
	Code       api.Code // of a refusal
	Receipt    []byte
	Seq        uint64 // of the anchor, once committed
	Index      uint64 // leaf
	Record     int64  // number of its entry in the log
}

// IntakeResult is what became of one Intake of a batch: Err is a refusal
// (*api.Error), Repeated says that the same session and key had been here.
type IntakeResult struct {
	Enrolment Enrolment
	Repeated  bool
	Err       error
	Granted   []int // of each of the Intake's Rates, if it was recorded
}

// Decided is the result of an intake that was admissible: admitted if code is
// empty, refused with it otherwise. Stores write it.
func (in Intake) Decided(op setlog.Op, code api.Code) IntakeResult {
	r := IntakeResult{Enrolment: Enrolment{
		ID: in.ID, Op: op, Commitment: in.Commitment, State: api.StateMatched, Receipt: in.Receipt,
	}}
	if code != "" {
		r.Enrolment.State, r.Enrolment.Code, r.Enrolment.Receipt = api.StateRefused, code, nil
		r.Err = &api.Error{Code: code}
	}
	return r
}

// Change is a change of the set that waits for an anchor.
type Change struct {
	Ticket     ID // of an enrolment, recovery or deletion: its ID
	Op         setlog.Op
	Index      uint64 // of removals
	Commitment semaphore.Element
	Document   [32]byte // of operations that publish one
	Biometric  [32]byte
	Urgent     bool   // voids every earlier root at once
	Since      uint64 // unix seconds
	Due        uint64 // unix seconds: not anchored before; 0 is at any time
	Link       []byte // of OpRekeyIn: the sealed serial

	imported bool // it waits nowhere
}

// BatchEntry is a change with its place in the log.
type BatchEntry struct {
	Ticket     ID
	Op         setlog.Op
	Index      uint64
	Commitment semaphore.Element
	Document   [32]byte
	Entry      []byte // as setlog encodes it
	Imported   bool   // a new member that waited nowhere: no ticket, no intake, no link
}

// Batch is one anchor: written whole or not at all. It may hold some of the
// pending changes only; the others go on waiting.
type Batch struct {
	Root    Root
	Entries []BatchEntry
	Hashes  []tlog.Hash // stored hashes of the new records, in order

	Steps    []RecoveryStep // of the recoveries among the entries
	Relinks  []Relink       // of the re-keys among the entries
	Openings []Opening      // of links that Relinks took; Number and Chain are the Store's
	Import   *ImportMark    // how far an import is with this batch
}

// Root is a published state of the set. Times are unix milliseconds; Superseded
// is 0 for the newest.
type Root struct {
	Seq         uint64
	Root        semaphore.Element
	Size, Live  uint64 // leaves ever, members now
	Depth       int
	MinValidSeq uint64
	LogSize     int64
	Created     uint64
	Superseded  uint64
	Checkpoint  []byte // signed note
}

// State is what an issuer loads at its start.
type State struct {
	Leaves []semaphore.Element // zero where removed; if asked for
	Roots  []Root              // ascending; the last is current; none before the first anchor
	Hashes int64               // number of stored log hashes; if asked for

	Imported bool // an import has taken members in
}

// Template is a sealed template at rest. Sealed is empty if the matcher keeps
// it, Mark if the row is older than marks.
type Template struct {
	Serial   Serial
	Modality string
	Sealed   []byte
	Mark     []byte
}

// Device is what is counted about a capture device.
type Device struct {
	Counter  uint64 // highest seen
	Admitted uint64
	Refused  uint64 // captures of people who were enrolled already
}

// Store keeps one set. Each method is one act and one transaction: it happens
// whole or not at all, and a Store never calls back after its transaction
// ended. One process writes a set; a second one is refused or fenced off.
type Store interface {
	// Bind claims an empty database for a set, or refuses another's.
	Bind(ctx context.Context, b Binding) error
	// Load reads at one moment the roots superseded at or after since (unix ms)
	// and, if full, the leaves, and counts the hashes. It takes a time that grows
	// with the set only if full.
	Load(ctx context.Context, since uint64, full bool) (State, error)
	// Templates calls f for every template of one moment, in no meaningful order
	// and from up to callers goroutines at once. The bytes that f is given stand
	// until it returns, and are not to be written to. An error of f ends it. Those
	// that have tells to be at hand come without Sealed, and much quicker; it is
	// called beside f. nil: all come whole.
	Templates(ctx context.Context, callers int, have func(Serial) bool, f func(Template) error) error
	// Entries gives the log's entries [from, to).
	Entries(ctx context.Context, from, to int64) ([][]byte, error)
	// Hashes gives stored hashes of the log.
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)

	// SessionIntake gives the intake that was decided in a session, nil if none
	// was.
	SessionIntake(ctx context.Context, n Nonce) (*Enrolment, error)
	// Intake admits or refuses each of a batch, in order, in one transaction.
	// decide is called inside it for an intake that only its match can still
	// refuse: it answers "" or the code to refuse with; its error rolls
	// everything back. A refusal by decide is recorded and uses the session up;
	// any other refusal leaves nothing behind. Of each of Rates as many are handed
	// out, with what is recorded, as are left: see RateUse.
	Intake(ctx context.Context, batch []Intake, decide func(i int) (api.Code, error)) ([]IntakeResult, error)
	// Reserve hands out some of each rate: at least one and at most Want of each,
	// or nothing, and api.RateLimited. Without uses it tells whether this process
	// still writes the set.
	Reserve(ctx context.Context, received uint64, uses []RateUse) (granted []int, err error)
	// Enrolment finds an intake by its id.
	Enrolment(ctx context.Context, id ID) (Enrolment, error)
	// Publish queues an entry that carries a document, in place of an earlier one
	// of the same kind that still waits.
	Publish(ctx context.Context, c Change) error
	// Remove queues the removal of the live member at c.Index; a second request
	// can only make the first one urgent. A recovery of that member ends
	// (api.RecoveryCancelled): if its old leaf is gone already, nothing is queued
	// and the new one never comes. ErrNotFound if there is neither.
	Remove(ctx context.Context, c Change) error
	// Anchor hands all pending changes, also those not due yet, to build and
	// writes its batch. A nil batch leaves everything as it was. build signs
	// inside the transaction.
	Anchor(ctx context.Context, build func(pending []Change, log tlog.HashReader) (*Batch, error)) error
	// Device gives the counters of a capture device.
	Device(ctx context.Context, id string) (Device, error)

	LifeStore
	CacheStore
	ImportStore
	Close() error
}
