package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Fault is one thing that is wrong with a database: where, by table and row,
// and what.
type Fault struct{ Where, What string }

func (f Fault) String() string { return f.Where + ": " + f.What }

// Report is what Fsck found.
type Report struct {
	Origin, VKey string
	Seq          uint64 // of the newest anchor
	LogSize      int64
	Live         uint64
	Checkpoint   []byte // the newest
	Templates    int
	Waiting      int     // changes that wait for an anchor
	Faults       []Fault // at most MaxFaults
}

// MaxFaults bounds how much Fsck reports.
const MaxFaults = 100

// ErrFaults: Fsck found something wrong.
var ErrFaults = errors.New("backup: what is stored does not agree with itself")

// Fsck reads a backup and computes everything again that follows from something
// else: set and roots from the log, the log's hashes from its entries, each
// checkpoint, the place of each member, intake, recovery and deletion in the log,
// what was signed about them, what waits, how many templates there are, and the
// chain of openings with the fewest that it can have. It needs no key. The error
// is ErrFaults if the report has faults, ErrDamaged if the file is not whole.
func Fsck(r io.Reader) (Report, error) {
	c := &checker{tables: Tables(), ends: map[int64]batchEnd{}, waiting: map[ticket]waits{}, intakes: map[string]intake{}, recoveries: map[string]string{},
		leaving: map[string]going{}, opened: map[string]int{}, owed: map[string]int{}}
	err := Read(r, c.row)
	if err == nil {
		c.leave(len(c.tables))
	}
	if err == nil && len(c.report.Faults) > 0 {
		err = ErrFaults
	}
	return c.report, err
}

// FsckStore is Fsck of a database, while it serves.
func FsckStore(ctx context.Context, s Source) (Report, error) {
	r := pipe(ctx, s)
	defer func() { _ = r.Close() }()
	return Fsck(r)
}

type (
	ticket struct {
		id string
		op int64
	}
	waits struct {
		commitment string
		idx        *int64
	}
	intake struct {
		op                int64
		commitment, state string
	}
	batchEnd struct {
		root semaphore.Element
		size int
		live uint64
		seq  uint64
		tree tlog.Hash
	}
	// change is what the log says at one record.
	change struct {
		op  setlog.Op
		seq uint64
		idx uint64
		val [32]byte

		person bool // it came by a capture, so an intake belongs to it
		taken  bool // one does
	}
	leaf struct {
		value          [32]byte
		added, removed uint64
		person         bool
	}
)

// checker goes through the tables in the order of the file.
type checker struct {
	tables []Table
	at     int
	report Report

	replay  setlog.Replay
	broken  bool // the log cannot be replayed any further
	log     []change
	leaves  []leaf
	hashes  setlog.Hashes
	stored  int64
	ends    map[int64]batchEnd // by log size
	seq     uint64
	minimum int64
	created int64  // of the last root
	ended   *int64 // of the last root
	members int64

	intakes    map[string]intake
	waiting    map[ticket]waits
	recoveries map[string]string // state by id
	chain      [32]byte
	openings   int64

	leaving map[string]going // by id of the deletion
	kept    int              // templates that there have to be
	opened  map[string]int   // openings by reason
	owed    map[string]int   // openings that there have to be at least
}

func (c *checker) fault(where, format string, args ...any) {
	if len(c.report.Faults) < MaxFaults {
		c.report.Faults = append(c.report.Faults, Fault{where, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) row(table int, r *Row) error {
	c.leave(table)
	switch c.tables[table].Name {
	case "binding":
		c.binding(r)
	case "changes":
		c.change(r)
	case "hashes":
		c.hash(r)
	case "roots":
		c.root(r)
	case "members":
		c.member(r)
	case "intakes":
		c.intake(r)
	case "recoveries":
		c.recovery(r)
	case "deletions":
		c.deletion(r)
	case "pending":
		c.pending(r)
	case "templates":
		c.template(r)
	case "openings":
		c.opening(r)
	}
	return nil
}

// leave does what is left of the tables before table.
func (c *checker) leave(table int) {
	for ; c.at < table; c.at++ {
		switch c.tables[c.at].Name {
		case "binding":
			if c.report.VKey == "" {
				c.fault("binding", "the database belongs to nobody")
			}
		case "changes":
			c.endLog()
		case "hashes":
			if c.stored < int64(len(c.hashes)) {
				c.fault("hashes", "%d are missing", int64(len(c.hashes))-c.stored)
			}
		case "roots":
			if c.report.LogSize != int64(len(c.log)) {
				c.fault("roots", "the log has %d entries, the last root is at %d", len(c.log), c.report.LogSize)
			}
			if c.ended != nil {
				c.fault(fmt.Sprintf("root %d", c.seq), "the newest root is superseded")
			}
		case "members":
			if c.members != int64(len(c.leaves)) {
				c.fault("members", "%d stored, the log has %d leaves", c.members, len(c.leaves))
			}
		case "intakes":
			c.endIntakes()
		case "deletions":
			c.endDeletions()
		case "pending":
			c.endPending()
		case "templates":
			if c.report.Templates != c.kept {
				c.fault("templates", "%d stored, but %d people were taken in and not destroyed", c.report.Templates, c.kept)
			}
		case "openings":
			c.endOpenings()
		}
	}
}

func (c *checker) binding(r *Row) {
	c.report.Origin, c.report.VKey = r.texts[1], r.texts[2]
	if _, err := setlog.ParseVKey(c.report.VKey); err != nil {
		c.fault("binding", "the verifier key: %v", err)
	}
}

func (c *checker) change(r *Row) {
	where := fmt.Sprintf("log entry %d", r.ints[1])
	if r.ints[1] != int64(len(c.log)) {
		c.fault(where, "entry %d is missing", len(c.log))
		c.broken = true
	}
	e, err := setlog.ParseEntry(r.bytes[6])
	if err != nil {
		c.fault(where, "%v", err)
		c.broken = true
		c.log = append(c.log, change{})
		return
	}
	value := [32]byte(e.Commitment)
	if e.Op.Publishes() {
		value = e.Document
	}
	n := int64(len(c.log))
	c.log = append(c.log, change{op: e.Op, seq: e.Seq, idx: e.LeafIndex, val: value, person: e.Op.Adds() && e.Biometric != [32]byte{}})
	if e.Op == setlog.OpRekeyIn {
		c.owed[issuer.OpenedForRekey]++
	}
	if uint64(r.ints[2]) != e.Seq || setlog.Op(r.ints[3]) != e.Op || uint64(r.ints[4]) != e.LeafIndex || string(r.bytes[5]) != string(value[:]) {
		c.fault(where, "its columns are not those of the entry")
	}
	if c.broken {
		return
	}
	if n > 0 && c.log[n-1].seq != e.Seq {
		c.endBatch(n)
	}
	more, err := tlog.StoredHashes(n, e.Record(), c.hashes)
	if err == nil {
		c.hashes = append(c.hashes, more...)
		err = c.replay.Apply(e)
	}
	if err != nil {
		c.fault(where, "%v", err)
		c.broken = true
		return
	}
	switch {
	case e.Op.Adds():
		c.leaves = append(c.leaves, leaf{value: value, added: e.Seq, person: c.log[n].person})
	case e.Op.Clears() && e.LeafIndex < uint64(len(c.leaves)):
		c.leaves[e.LeafIndex].removed = e.Seq
	}
}

// endBatch notes the set and the log at a size where an anchor ended.
func (c *checker) endBatch(size int64) {
	if c.broken {
		return
	}
	if err := c.replay.Finish(); err != nil {
		c.fault(fmt.Sprintf("log entry %d", size-1), "%v", err)
		c.broken = true
		return
	}
	g, err := c.replay.Group()
	if err != nil {
		c.fault("log", "%v", err)
		return
	}
	tree, err := tlog.TreeHash(size, c.hashes)
	if err != nil {
		c.fault("log", "%v", err)
		return
	}
	c.ends[size] = batchEnd{g.Root(), g.Size(), c.replay.Live(), c.replay.Seq(), tree}
}

func (c *checker) endLog() {
	if len(c.log) > 0 {
		c.endBatch(int64(len(c.log)))
	}
}

func (c *checker) hash(r *Row) {
	n := r.ints[1]
	if n != c.stored {
		c.fault(fmt.Sprintf("log hash %d", c.stored), "it is missing")
		c.stored = n
	}
	c.stored++
	switch {
	case c.broken && n >= int64(len(c.hashes)): // nothing to compare with
	case n >= int64(len(c.hashes)):
		c.fault(fmt.Sprintf("log hash %d", n), "the log has only %d", len(c.hashes))
	case string(c.hashes[n][:]) != string(r.bytes[2]):
		c.fault(fmt.Sprintf("log hash %d", n), "it is not the hash of what is logged")
	}
}

func (c *checker) root(r *Row) {
	seq := uint64(r.ints[1])
	where := fmt.Sprintf("root %d", seq)
	if seq != c.seq+1 {
		c.fault(where, "it stands after %d", c.seq)
	}
	if c.seq > 0 && (c.ended == nil || *c.ended != r.ints[8]) {
		c.fault(fmt.Sprintf("root %d", c.seq), "it is not superseded when root %d was made", seq)
	}
	if r.ints[8] < c.created {
		c.fault(where, "it is older than the root before it")
	}
	if r.ints[6] < c.minimum || uint64(r.ints[6]) > seq {
		c.fault(where, "least valid root %d", r.ints[6])
	}
	c.seq, c.created, c.ended, c.minimum = seq, r.ints[8], r.nulls[9], r.ints[6]
	c.report.Seq, c.report.LogSize, c.report.Live, c.report.Checkpoint = seq, r.ints[7], uint64(r.ints[4]), r.bytes[10]
	end, known := c.ends[r.ints[7]]
	switch {
	case !known && c.broken: // nothing to compare with
		return
	case !known || end.seq != seq:
		c.fault(where, "no anchor of the log ends at size %d", r.ints[7])
		return
	case string(r.bytes[2]) != string(end.root[:]):
		c.fault(where, "it is not the root of the set")
	case r.ints[3] != int64(end.size) || uint64(r.ints[4]) != end.live:
		c.fault(where, "%d leaves and %d members, the log says %d and %d", r.ints[3], r.ints[4], end.size, end.live)
	}
	if t, err := tree(r.bytes[10]); err != nil || t.N != r.ints[7] || t.Hash != end.tree {
		c.fault(where, "its checkpoint is not that of the log")
	}
}

func (c *checker) member(r *Row) {
	idx := r.ints[1]
	where := fmt.Sprintf("member %d", idx)
	if idx != c.members {
		c.fault(where, "member %d is missing", c.members)
		c.members = idx
	}
	c.members++
	var removed uint64
	if r.nulls[4] != nil {
		removed = uint64(*r.nulls[4])
	}
	if idx >= int64(len(c.leaves)) {
		if !c.broken {
			c.fault(where, "the log has no such leaf")
		}
		return
	}
	l := c.leaves[idx]
	switch {
	case string(l.value[:]) != string(r.bytes[2]):
		c.fault(where, "it is not the commitment that was logged")
	case l.added != uint64(r.ints[3]):
		c.fault(where, "added by anchor %d, the log says %d", r.ints[3], l.added)
	case l.removed != removed && !c.broken:
		c.fault(where, "removed by anchor %d, the log says %d", removed, l.removed)
	case removed == 0 && l.person != (len(r.bytes[5]) > 0):
		c.fault(where, "its link to a template is lost, or it has one and came by no capture")
	}
}
