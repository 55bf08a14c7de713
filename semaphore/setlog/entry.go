package setlog

import (
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
)

// Op says what an entry did to the set.
type Op uint8

// The operations, as they stand in the second byte of an entry.
const (
	OpEnrol          Op = 1 // a new leaf
	OpRemove         Op = 2 // a leaf became 0
	OpRekeyOut       Op = 3 // a leaf became 0 because its owner changed secrets
	OpRekeyIn        Op = 4 // the new leaf of a re-key
	OpPolicy         Op = 5 // a policy document was published
	OpStatistics     Op = 6 // a statistics document was published
	OpRekeyAnnounced Op = 7 // a re-key is pending and can be vetoed
)

var opNames = [...]string{
	OpEnrol: "enrol", OpRemove: "remove", OpRekeyOut: "rekey_out", OpRekeyIn: "rekey_in",
	OpPolicy: "policy", OpStatistics: "statistics", OpRekeyAnnounced: "rekey_announced",
}

// String gives the operation's name.
func (o Op) String() string {
	if o.Valid() {
		return opNames[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Valid reports whether o is one of the operations above.
func (o Op) Valid() bool { return o >= OpEnrol && o <= OpRekeyAnnounced }

// Adds reports whether the operation appends a leaf.
func (o Op) Adds() bool { return o == OpEnrol || o == OpRekeyIn }

// Clears reports whether the operation sets a leaf to 0.
func (o Op) Clears() bool { return o == OpRemove || o == OpRekeyOut }

// Publishes reports whether the entry carries a document's hash.
func (o Op) Publishes() bool { return o == OpPolicy || o == OpStatistics }

// EntrySize is the width of an encoded entry.
const EntrySize = 126

// entryDomain stands before the entry in the record that the log hashes.
const entryDomain = "perhuman/entry/1"

// RecordSize is the width of a log record.
const RecordSize = len(entryDomain) + EntrySize

const entryVersion = 0x01

// Entry is one change of the set. Its encoding has a fixed width (all numbers
// big-endian):
//
//	0x01 | op (1) | u64 seq | u64 leaf_index | commitment (32) |
//	biometric_commitment (32) | root_after_batch (32) | u64 live_members | u32 day
//
// All entries of one batch share Seq, Root and Live, which describe the set
// after the whole batch; changes apply in entry order. Sequence numbers count
// batches from 1 without gaps.
//
//   - Enrolment and re-key in: LeafIndex is the next free position, Commitment
//     the new leaf (not 0), Biometric the hiding commitment to the capture.
//   - Removal and re-key out: LeafIndex and Commitment name the leaf that
//     became 0. An index is never used again.
//   - Policy and statistics: Document is the SHA-256 of a published document and
//     takes the place of the commitment; LeafIndex is 0.
//   - Re-key announced: LeafIndex and Commitment name the leaf that will go.
type Entry struct {
	Op         Op
	Seq        uint64
	LeafIndex  uint64
	Commitment semaphore.Element
	Document   [32]byte // only OpPolicy and OpStatistics
	Biometric  [32]byte // zeros where the operation has none
	Root       semaphore.Element
	Live       uint64 // members that are not removed
	Day        uint32 // days since 1970-01-01 UTC
}

// maxSet is the most leaves a set can have: LeanIMT proofs go to depth 32.
const maxSet = 1 << 32

// Validate refuses an entry that has no encoding.
func (e Entry) Validate() error {
	bad := func(what string) error { return malformed("entry: %s", what) }
	switch {
	case !e.Op.Valid():
		return bad("operation")
	case e.Seq == 0 || e.Seq > maxLog:
		return bad("sequence number")
	case e.LeafIndex >= maxSet || e.Live > maxSet:
		return bad("position or live members")
	case e.Op.Publishes() && (e.LeafIndex != 0 || !e.Commitment.IsZero()):
		return bad("a document has no leaf")
	case !e.Op.Publishes() && e.Document != [32]byte{}:
		return bad("this operation has no document")
	case !e.Op.Publishes() && e.Commitment.IsZero():
		return bad("commitment is zero")
	case (e.Op.Clears() || e.Op.Publishes()) && e.Biometric != [32]byte{}:
		return bad("this operation has no biometric commitment")
	}
	for _, x := range []semaphore.Element{e.Commitment, e.Root} {
		if _, err := semaphore.ElementFromBytes(x[:]); err != nil {
			return fmt.Errorf("%w: entry: %w", ErrMalformed, err)
		}
	}
	return nil
}

// MarshalBinary gives the 126 bytes, or an error if Validate does.
func (e Entry) MarshalBinary() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return e.append(make([]byte, 0, EntrySize)), nil
}

func (e Entry) append(b []byte) []byte {
	slot := [32]byte(e.Commitment)
	if e.Op.Publishes() {
		slot = e.Document
	}
	b = append(b, entryVersion, byte(e.Op))
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, e.LeafIndex)
	b = append(b, slot[:]...)
	b = append(b, e.Biometric[:]...)
	b = append(b, e.Root[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Live)
	return binary.BigEndian.AppendUint32(b, e.Day)
}

// Record gives the bytes that the log hashes for a valid entry:
// "perhuman/entry/1" || entry.
func (e Entry) Record() []byte {
	return e.append(append(make([]byte, 0, RecordSize), entryDomain...))
}

// ParseEntry reads exactly 126 bytes.
func ParseEntry(b []byte) (Entry, error) {
	if len(b) != EntrySize {
		return Entry{}, malformed("entry: %d bytes", len(b))
	}
	if b[0] != entryVersion {
		return Entry{}, malformed("entry: version %d", b[0])
	}
	e := Entry{
		Op:        Op(b[1]),
		Seq:       binary.BigEndian.Uint64(b[2:]),
		LeafIndex: binary.BigEndian.Uint64(b[10:]),
		Biometric: [32]byte(b[50:82]),
		Root:      semaphore.Element(b[82:114]),
		Live:      binary.BigEndian.Uint64(b[114:]),
		Day:       binary.BigEndian.Uint32(b[122:]),
	}
	if e.Op.Publishes() {
		e.Document = [32]byte(b[18:50])
	} else {
		e.Commitment = semaphore.Element(b[18:50])
	}
	if err := e.Validate(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// ParseRecord reads a log record.
func ParseRecord(b []byte) (Entry, error) {
	if len(b) != RecordSize || string(b[:len(entryDomain)]) != entryDomain {
		return Entry{}, malformed("record")
	}
	return ParseEntry(b[len(entryDomain):])
}
