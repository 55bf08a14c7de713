package backup

import (
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// intake: a committed one stands in the log where it says, one that is matched
// waits for something, a refused one is nowhere.
func (c *checker) intake(r *Row) {
	id, op, state := string(r.bytes[0]), r.ints[1], r.texts[5]
	where := "intake " + hex.EncodeToString(r.bytes[0])
	c.intakes[id] = intake{op: op, commitment: string(r.bytes[3]), state: state}
	seq, idx, record := r.nulls[8], r.nulls[9], r.nulls[10]
	switch state {
	case api.StateCommitted:
		if seq == nil || idx == nil || record == nil || *record < 0 || *record >= int64(len(c.log)) {
			c.fault(where, "committed, but nowhere in the log")
			return
		}
		e := &c.log[*record]
		if int64(e.op) != op || e.seq != uint64(*seq) || e.idx != uint64(*idx) || string(e.val[:]) != string(r.bytes[3]) || e.taken {
			c.fault(where, "log entry %d is not its own", *record)
		}
		e.taken = true
	case api.StateMatched, api.StateRefused:
		if seq != nil || idx != nil || record != nil {
			c.fault(where, "%s, but it names a place in the log", state)
		}
	default:
		c.fault(where, "unknown state %q", state)
	}
	refused := state == api.StateRefused
	switch setlog.Op(op) {
	case setlog.OpEnrol:
		if !refused {
			c.kept++
			c.receipt(where, receipt.Intake, r)
		}
	case setlog.OpRekeyIn:
		if len(r.bytes[7]) > 0 {
			c.receipt(where, receipt.Intake, r)
		} else if r.texts[6] == string(api.NotAccepted) {
			c.owed[issuer.OpenedForRecovery]++ // it was seen that the leaf is gone
		}
	case setlog.OpRemove:
		if got, ok := c.receipt(where, receipt.Deletion, r); ok {
			c.leaving[id] = going{Receipt: got, committed: state == api.StateCommitted}
		}
	default:
		c.fault(where, "unknown kind %d", op)
	}
}

// endIntakes: who came into the log by a capture has an intake.
func (c *checker) endIntakes() {
	for n, e := range c.log {
		if e.person && !e.taken {
			c.fault(fmt.Sprintf("log entry %d", n), "its intake is lost")
		}
	}
}

// receipt holds the receipt of an intake against its row.
func (c *checker) receipt(where string, kind receipt.Kind, r *Row) (receipt.Receipt, bool) {
	got, ok := c.signed(where, "receipt", r.bytes[7])
	if ok && (got.Kind != kind || string(got.ID[:]) != string(r.bytes[0]) || string(got.Session[:]) != string(r.bytes[2]) ||
		string(got.Commitment[:]) != string(r.bytes[3]) || got.At != uint64(r.ints[4])) { // #nosec G115 -- compared only
		c.fault(where, "its receipt is for something else")
		ok = false
	}
	return got, ok
}

// signed reads what the issuer signed. The signature is checked if it is by the
// key in force: older ones were signed by keys that are gone.
func (c *checker) signed(where, what string, b []byte) (receipt.Receipt, bool) {
	got, err := receipt.Parse(b)
	if err != nil {
		c.fault(where, "its %s: %v", what, err)
		return got, false
	}
	v, err := setlog.ParseVKey(c.report.VKey)
	if err != nil {
		return got, false // said at the binding
	}
	var other *note.UnverifiedNoteError
	if _, err := note.Open(b, note.VerifierList(v)); err != nil && !errors.As(err, &other) {
		c.fault(where, "the signature of its %s: %v", what, err)
		return got, false
	}
	return got, true
}

func (c *checker) recovery(r *Row) {
	id, state := string(r.bytes[1]), r.texts[7]
	where := "recovery " + hex.EncodeToString(r.bytes[1])
	c.recoveries[id] = state
	c.owed[issuer.OpenedForRecovery]++
	in, ok := c.intakes[id]
	if !ok || in.op != int64(setlog.OpRekeyIn) || in.commitment != string(r.bytes[2]) {
		c.fault(where, "it has no intake")
		return
	}
	running := state == api.RecoveryWaiting || state == api.RecoveryAnnounced || state == api.RecoveryOut
	if running != (in.state == api.StateMatched) {
		c.fault(where, "%s, its intake is %s", state, in.state)
	}
	if !running {
		return
	}
	idx := r.ints[6]
	if idx < 0 || idx >= int64(len(c.leaves)) || string(c.leaves[idx].value[:]) != string(r.bytes[5]) {
		c.fault(where, "its old leaf is not that of the set")
	} else if gone := c.leaves[idx].removed != 0; gone != (state == api.RecoveryOut) {
		c.fault(where, "%s, but the old leaf is at another stage", state)
	}
	if n := r.nulls[9]; n != nil && (*n < 0 || *n >= int64(len(c.log)) || c.log[*n].op != setlog.OpRekeyAnnounced) {
		c.fault(where, "log entry %d is no announcement", *n)
	}
}

func (c *checker) pending(r *Row) {
	id, op := string(r.bytes[1]), setlog.Op(r.ints[2])
	where := fmt.Sprintf("waiting %s", hex.EncodeToString(r.bytes[1]))
	c.waiting[ticket{id, r.ints[2]}] = waits{string(r.bytes[4]), r.nulls[3]}
	c.report.Waiting++
	switch op {
	case setlog.OpEnrol:
		if in := c.intakes[id]; in.state != api.StateMatched || in.op != r.ints[2] || in.commitment != string(r.bytes[4]) {
			c.fault(where, "an enrolment without its intake")
		}
	case setlog.OpRekeyAnnounced, setlog.OpRekeyOut, setlog.OpRekeyIn:
		want := map[setlog.Op]string{setlog.OpRekeyAnnounced: api.RecoveryWaiting, setlog.OpRekeyOut: api.RecoveryAnnounced, setlog.OpRekeyIn: api.RecoveryOut}[op]
		if c.recoveries[id] != want {
			c.fault(where, "a step of no recovery at that stage")
		}
	case setlog.OpRemove:
		n := r.nulls[3]
		if n == nil || *n < 0 || *n >= int64(len(c.leaves)) || c.leaves[*n].removed != 0 || string(c.leaves[*n].value[:]) != string(r.bytes[4]) {
			c.fault(where, "a removal of no member")
		}
	}
}

// endPending: everything that was promised waits.
func (c *checker) endPending() {
	step := map[string]setlog.Op{api.RecoveryWaiting: setlog.OpRekeyAnnounced, api.RecoveryAnnounced: setlog.OpRekeyOut, api.RecoveryOut: setlog.OpRekeyIn}
	for id, in := range c.intakes {
		if in.state != api.StateMatched {
			continue
		}
		op := setlog.Op(in.op) // #nosec G115 -- written from an Op
		if op == setlog.OpRekeyIn {
			op = step[c.recoveries[id]]
		}
		if _, ok := c.waiting[ticket{id, int64(op)}]; !ok {
			c.fault("intake "+hex.EncodeToString([]byte(id)), "matched, but nothing waits for an anchor")
		}
	}
}

func (c *checker) template(r *Row) {
	c.report.Templates++
	if len(r.bytes[0]) != 16 {
		c.fault("templates", "a serial of %d bytes", len(r.bytes[0]))
	}
}
