package setlog

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// AuditReport is what an audit counted. Everything in it was recomputed from
// the entries; nothing is the issuer's word.
type AuditReport struct {
	Origin      string
	Replay      *Replay // the set as it was rebuilt, with its last sequence number
	Days        []AuditDay
	Documents   []AuditDocument     // policies and statistics, in log order
	Checkpoints []AuditedCheckpoint // all that were given, smallest log first

	seq uint64
}

// AuditDay is what the entries of one day did, in people.
type AuditDay struct {
	Day        uint32 // since 1970-01-01 UTC
	Enrolled   int
	Removed    int
	RekeyedOut int
	RekeyedIn  int
	Announced  int
	Batches    int
	Live       uint64 // members after the day's last batch
}

// Date gives the day as YYYY-MM-DD.
func (d AuditDay) Date() string { return dayString(d.Day) }

// AuditDocument is a document whose hash is logged.
type AuditDocument struct {
	Op    Op // OpPolicy or OpStatistics
	Index int64
	Seq   uint64
	Day   uint32
	Hash  [32]byte // SHA-256 of the document
}

// AuditedCheckpoint is a signed checkpoint and who cosigned it.
type AuditedCheckpoint struct {
	Checkpoint
	Cosigned []Cosignature
}

// Cosignature is one signature line that is not the issuer's.
type Cosignature struct {
	Name    string
	At      time.Time // zero if it has no time or was not checked
	Checked bool      // by a key of the policy; otherwise anybody can have written the line
}

func (r *AuditReport) count(index int64, e *Entry) {
	if n := len(r.Days); n == 0 || r.Days[n-1].Day != e.Day {
		r.Days = append(r.Days, AuditDay{Day: e.Day})
	}
	d := &r.Days[len(r.Days)-1]
	d.Live = e.Live
	if e.Seq != r.seq {
		r.seq = e.Seq
		d.Batches++
	}
	switch e.Op {
	case OpEnrol:
		d.Enrolled++
	case OpRemove:
		d.Removed++
	case OpRekeyOut:
		d.RekeyedOut++
	case OpRekeyIn:
		d.RekeyedIn++
	case OpRekeyAnnounced:
		d.Announced++
	default:
		r.Documents = append(r.Documents, AuditDocument{e.Op, index, e.Seq, e.Day, e.Document})
	}
}

// cosignatures lists the signature lines of a note that was opened under v.
func cosignatures(signed []byte, v note.Verifier, w *Witnesses) []Cosignature {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return nil
	}
	var out []Cosignature
	for _, sig := range n.UnverifiedSigs {
		c := Cosignature{Name: sig.Name}
		if key, ok := w.find(sig.Name, sig.Hash); ok {
			raw, err := base64.StdEncoding.DecodeString(sig.Base64)
			if err != nil || len(raw) < 4 || !key.Verify([]byte(n.Text), raw[4:]) {
				continue // by a witness's name, but not by the witness
			}
			c.Checked = true
			if len(raw) == 4+cosignatureSize {
				c.At = time.Unix(sizeOf(binary.BigEndian.Uint64(raw[4:])), 0).UTC()
			}
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Cosignature) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (w *Witnesses) find(name string, hash uint32) (note.Verifier, bool) {
	if w == nil {
		return nil, false
	}
	for _, key := range w.keys {
		if key.Name() == name && key.KeyHash() == hash {
			return key.Verifier, true
		}
	}
	return nil, false
}
