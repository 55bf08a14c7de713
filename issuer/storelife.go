package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// Recovery is a person's change to a new secret (protocol.md section 7). Its
// Intake is written like an enrolment's, with Op OpRekeyIn; Commitment is the
// new one, and Template, Mark and LeafLink are empty: the person keeps the
// template that was matched.
type Recovery struct {
	Intake
	Old       semaphore.Element // zero once the recovery has ended
	OldIndex  uint64
	State     string // api.Recovery...
	Announced uint64 // unix seconds; 0 until logged
	Record    int64  // number of the announcement in the log, once announced
	OutAt     uint64 // when the old leaf went; unix seconds, 0 until then
	Boundary  uint64 // before which the new leaf cannot come; 0 until the old one went
	Due       uint64 // of the next step, unix seconds
}

// RecoveryStep is what an anchor did for a recovery.
type RecoveryStep struct {
	ID       ID
	State    string // that it is in now: api.RecoveryAnnounced, RecoveryOut, RecoveryCommitted
	At       uint64 // unix seconds
	Record   int64  // of an announcement
	Boundary uint64 // once the old leaf is out
	Due      uint64 // of the next step, which the Store queues
}

// Relink replaces the sealed link beside a template.
type Relink struct {
	Serial   Serial
	LeafLink []byte
}

// Deletion is a person's request to go. Receipt is signed at once, Tombstone
// when the template is destroyed.
type Deletion struct {
	ID         ID
	Session    Nonce
	Received   uint64 // unix seconds
	Commitment semaphore.Element
	Receipt    []byte
	Until      uint64 // unix seconds: the template stays match-only at least so long
	Removed    uint64 // unix seconds of the anchor that zeroed the leaf; 0 until then
	Destroyed  uint64 // unix seconds; 0 until then
	Tombstone  []byte // signed
}

// Opening is one entry of the append-only record of opened links between
// templates and leaves. Nobody but the operator can read whose it was.
type Opening struct {
	Number  int64    // from 1
	At      uint64   // unix seconds
	Reason  string   // what for, as the constants say
	Subject []byte   // sealed serial or commitment
	Chain   [32]byte // over this and all before: see After
}

// Reasons of an Opening.
const (
	OpenedForRecovery = "recovery" // template -> leaf: whose capture is this
	OpenedForRekey    = "re-key"   // leaf -> template: the template's link is to follow the new leaf
	OpenedForDeletion = "deletion" // leaf -> template: which template is to go
)

// After gives o its number and chain value behind prev, the newest opening (the
// zero Opening if there is none):
//
//	chain = SHA-256("perhuman/opening/1" || previous chain || u64 number || u64 at || lp(reason) || lp(subject))
func (o Opening) After(prev Opening) Opening {
	o.Number = prev.Number + 1
	b := append([]byte("perhuman/opening/1"), prev.Chain[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(o.Number))
	b = binary.BigEndian.AppendUint64(b, o.At)
	for _, x := range [][]byte{[]byte(o.Reason), o.Subject} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(x))), x...)
	}
	o.Chain = sha256.Sum256(b)
	return o
}

// TemplateMark is a sealed mark for the template of a serial.
type TemplateMark struct {
	Serial Serial
	Mark   []byte
}

// LifeStore is the part of a Store that changes and ends memberships.
type LifeStore interface {
	// LeafLink and SerialLink give one sealed link, after its opening was recorded
	// and committed: nobody reads one unrecorded. The first is kept beside a
	// template, the second beside a live member; ErrNotFound if there is no such
	// row, and then nothing is recorded. SerialLink is empty for an imported
	// member.
	LeafLink(ctx context.Context, of Serial, o Opening) ([]byte, error)
	SerialLink(ctx context.Context, of semaphore.Element, o Opening) ([]byte, error)
	// Openings gives the recorded openings with numbers above after, at most n,
	// in order.
	Openings(ctx context.Context, after int64, n int) ([]Opening, error)

	// Recover records a recovery, refused with a code or, if that is "", waiting
	// to be announced: its OpRekeyAnnounced is queued. Refusals of its own, which
	// leave nothing behind: api.SessionUsed, CaptureReplayed, CommitmentExists
	// (taken by a member, an intake or another recovery), NotEnrolled (r.Old is no
	// live member, or about to be removed), RecoveryPending (r.Old has one).
	Recover(ctx context.Context, r Recovery, refuse api.Code) (IntakeResult, error)
	// Recovery finds a recovery by its id, Announcement by the number of its
	// announcement in the log.
	Recovery(ctx context.Context, id ID) (Recovery, error)
	Announcement(ctx context.Context, record int64) (Recovery, error)
	// Veto ends a recovery whose old leaf is still in the set; ErrNotFound if it
	// is not at that stage.
	Veto(ctx context.Context, id ID) error

	// Delete records a deletion, queues the removal of the live member
	// d.Commitment as urgent, ends a recovery of it and writes mark beside the
	// template named by serial (nil: there is none). The same session and
	// commitment again gives the first Deletion, repeated; another commitment
	// api.SessionUsed; no live member, or one about to be removed, api.NotEnrolled.
	Delete(ctx context.Context, d Deletion, serial *Serial, mark []byte) (first Deletion, repeated bool, err error)
	Deletion(ctx context.Context, id ID) (Deletion, error)
	// Mark writes marks beside templates whose rows are older than marks. One that
	// has a mark by now, or is gone, is passed over.
	Mark(ctx context.Context, marks []TemplateMark) error
	// Destroy takes the template out for ever, with what CacheStore keeps, and keeps
	// the tombstone. It may be done again.
	Destroy(ctx context.Context, d Deletion, serial Serial) error
}

// CacheStore is the part of a Store that keeps the key of the gallery cache (see
// Config.GalleryCache). It is in no backup.
type CacheStore interface {
	// CacheKey gives the sealed key; empty if there is none.
	CacheKey(ctx context.Context) ([]byte, error)
	// SetCacheKey puts a key in the place of the one before. Destroy takes it out.
	SetCacheKey(ctx context.Context, sealed []byte) error
}

// ImportMark says how far an import is.
type ImportMark struct {
	Name   [32]byte // of the import
	Lines  uint64   // commitments that were taken in
	Prefix [32]byte // hash over them: see Import
}

// ImportStore is the part of a Store that migrations use.
type ImportStore interface {
	// BeginImport gives how far the import of that name is; an unknown one begins.
	BeginImport(ctx context.Context, name [32]byte) (ImportMark, error)
	// Taken tells of each commitment whether it is a live member, or reserved by
	// an intake or recovery that waits.
	Taken(ctx context.Context, commitments []semaphore.Element) ([]bool, error)
}
