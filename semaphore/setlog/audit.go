package setlog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
)

// AuditConfig says what an issuer has signed and served. Verifier, and one of
// Checkpoint and Head, are needed; with Fetch they are all an outsider has to
// ask the issuer for.
type AuditConfig struct {
	Verifier   note.Verifier
	Checkpoint []byte   // as served; the larger one of this and Head's is audited
	Head       []byte   // as served: seq, root, counts, depth and window are compared with the log
	Seen       [][]byte // checkpoints and heads seen before or elsewhere: the log must extend them
	Witnesses  *Witnesses
	Now        time.Time                 // nothing may be dated later; zero: not looked at
	Progress   func(done, entries int64) // called now and then; may be nil
}

// Audit reads a whole log from its entry bundles and checks everything that an
// outsider can: the checkpoint's signature, that the entries hash to its tree,
// and that they rebuild the set with the logged root at every sequence number.
// It returns the replayed set. It is AuditConfig.Run with a checkpoint and
// nothing else.
func Audit(signedCheckpoint []byte, v note.Verifier, fetch Fetch) (*Replay, error) {
	r, err := AuditConfig{Verifier: v, Checkpoint: signedCheckpoint}.Run(fetch)
	if err != nil {
		return nil, err
	}
	return r.Replay, nil
}

// Run audits the log, reading its entry bundles through fetch once, in order,
// and a second time if there is a fork to prove. It blocks as fetch does.
// Memory is the set, about 80 bytes a leaf. A lie is an *AuditError; any other
// error means that the audit could not be carried out. The report holds what
// was found up to there, and is never nil.
func (cfg AuditConfig) Run(fetch Fetch) (*AuditReport, error) {
	a := &audit{cfg: cfg, roots: make(map[uint64]semaphore.Element), replay: Replay{ahead: auditAhead}}
	a.report.Replay = &a.replay
	if err := a.open(); err != nil {
		return &a.report, err
	}
	err := a.read(fetch)
	return &a.report, err
}

// auditAhead fills the widest hashing that a processor has, and keeps all of
// them busy.
const auditAhead = 1 << 14

// audit is one run.
type audit struct {
	cfg    AuditConfig
	claims []claim // what is signed, smallest log first
	main   claim
	roots  map[uint64]semaphore.Element // of the seqs that windows list
	replay Replay
	tree   frontier
	fault  error  // the first one of the replay
	due    []int  // claims whose hash is right, to compare with the set once their batch is seen to have ended
	forks  []int  // claims that are no prefix of what was read
	floor  uint32 // day that no later entry may be dated before
	report AuditReport
}

// claim is a signed statement about the log at one size.
type claim struct {
	signed []byte // the checkpoint
	Checkpoint
	head *Head // nil for a bare checkpoint
}

func (a *audit) open() error {
	if a.cfg.Checkpoint == nil && a.cfg.Head == nil {
		return fmt.Errorf("%w: nothing signed to audit", ErrSignature)
	}
	add := func(signed []byte, served bool) error {
		c, err := a.openClaim(signed)
		if err != nil {
			return err
		}
		a.claims = append(a.claims, c)
		if served && (a.main.signed == nil || c.Size > a.main.Size) {
			a.main = c
		}
		return nil
	}
	for _, signed := range [][]byte{a.cfg.Checkpoint, a.cfg.Head} {
		if signed != nil {
			if err := add(signed, true); err != nil {
				return err
			}
		}
	}
	for _, signed := range a.cfg.Seen {
		if err := add(signed, false); err != nil {
			return err
		}
	}
	a.report.Origin = a.main.Origin
	slices.SortStableFunc(a.claims, func(x, y claim) int { return cmp.Compare(x.Size, y.Size) })
	for _, c := range a.claims {
		a.report.Checkpoints = append(a.report.Checkpoints, AuditedCheckpoint{c.Checkpoint, cosignatures(c.signed, a.cfg.Verifier, a.cfg.Witnesses)})
		if c.Size == a.main.Size && c.Hash != a.main.Hash {
			return lied(LieFork, &ErrFork{Smaller: c.signed, Larger: a.main.signed, Prefix: a.main.Hash})
		}
	}
	if last := a.claims[len(a.claims)-1]; last.Size > a.main.Size {
		return lied(LieRollback, fmt.Errorf("%w: a log of %d entries was signed before, one of %d is served", ErrRollback, last.Size, a.main.Size))
	}
	if err := a.cfg.Witnesses.Check(a.main.signed); err != nil {
		return lied(LieWitnesses, err)
	}
	return a.openHeads()
}

func (a *audit) openClaim(signed []byte) (claim, error) {
	h, err := OpenHead(signed, a.cfg.Verifier)
	if err == nil {
		c, err := h.Checkpoint()
		return claim{h.RootProof.Checkpoint, c, &h}, err
	}
	if isHead(signed) {
		if errors.Is(err, ErrSignature) {
			return claim{}, lied(LieSignature, err)
		}
		return claim{}, lied(LieHead, err)
	}
	c, err := OpenCheckpoint(signed, a.cfg.Verifier)
	if err != nil {
		return claim{}, lied(LieSignature, err)
	}
	return claim{signed, c, nil}, nil
}

func isHead(signed []byte) bool {
	return len(signed) >= len(headPrefix) && string(signed[:len(headPrefix)]) == headPrefix
}

// openHeads compares the heads with each other and with the clock.
func (a *audit) openHeads() error {
	var heads []*Head
	for _, c := range a.claims {
		if c.head != nil {
			heads = append(heads, c.head)
			for _, w := range c.head.Window {
				a.roots[w.Seq] = semaphore.Element{}
			}
		}
	}
	slices.SortStableFunc(heads, func(x, y *Head) int { return cmp.Compare(x.Issued, y.Issued) })
	for i, h := range heads {
		at := time.Unix(int64(h.Issued), 0).UTC()
		if !a.cfg.Now.IsZero() && at.Sub(a.cfg.Now) > DefaultMaxSkew {
			return lied(LieHead, fmt.Errorf("%w: head of seq %d issued at %s", ErrFuture, h.Seq, at.Format(time.RFC3339)))
		}
		if i == 0 || heads[i-1].Issued == h.Issued {
			continue
		}
		if was := heads[i-1]; h.Seq < was.Seq || h.MinValidSeq < was.MinValidSeq || h.Size < was.Size {
			return lied(LieRollback, fmt.Errorf("%w: head of %s: seq %d -> %d, min_valid_seq %d -> %d", ErrRollback, at.Format(time.RFC3339), was.Seq, h.Seq, was.MinValidSeq, h.MinValidSeq))
		}
	}
	return nil
}

// read goes through the bundles. After a fault of the replay it goes on
// hashing, to know whether the issuer has signed what is wrong or somebody has
// changed the files.
func (a *audit) read(fetch Fetch) error {
	next := 0 // claim
	settle := func() {
		for ; next < len(a.claims) && a.claims[next].Size == a.tree.n; next++ {
			a.settle(next)
		}
	}
	settle() // claims about the empty log
	for a.tree.n < a.main.Size {
		n := a.tree.n / TileWidth
		bundle, err := entryBundle(n, a.main.Size, fetch)
		if err != nil {
			return err
		}
		for ; len(bundle) > 0; bundle = bundle[2+RecordSize:] {
			record := bundle[2 : 2+RecordSize]
			a.tree.add(record)
			if a.fault == nil {
				a.fault = a.apply(record)
			}
			settle()
		}
		if a.cfg.Progress != nil {
			a.cfg.Progress(a.tree.n, a.main.Size)
		}
	}
	if a.fault == nil {
		a.fault = a.compareDue()
	}
	if a.tree.hash() != a.main.Hash {
		err := fmt.Errorf("%w: the entries hash to another tree than the checkpoint of %d signs", ErrProof, a.main.Size)
		return lied(LieTree, errors.Join(err, a.fault))
	}
	if len(a.forks) > 0 {
		return a.fork(a.claims[a.forks[0]], fetch)
	}
	return a.fault
}

// entryBundle fetches a bundle and cuts it to the length it has at a log size.
func entryBundle(n, size int64, fetch Fetch) ([]byte, error) {
	tile := tlog.Tile{H: TileHeight, L: EntriesLevel, N: n, W: int(min(TileWidth, size-n*TileWidth))}
	data, err := fetchTile(tile, 2+RecordSize, fetch)
	if err != nil {
		return nil, fmt.Errorf("setlog: audit: %s: %w", TilePath(tile), err)
	}
	if len(data) != tile.W*(2+RecordSize) {
		return nil, lied(LieTree, fmt.Errorf("%w: %s has %d bytes", ErrProof, TilePath(tile), len(data)))
	}
	for i := 0; i < len(data); i += 2 + RecordSize {
		if int(data[i])<<8|int(data[i+1]) != RecordSize {
			return nil, lied(LieEntry, malformed("%s: length of a record", TilePath(tile)))
		}
	}
	return data, nil
}

func (a *audit) apply(record []byte) error {
	at := a.tree.n - 1
	e, err := ParseRecord(record)
	if err != nil {
		return &AuditError{Lie: LieEntry, Index: at, Seq: a.replay.seq, Reason: err.Error(), Err: err}
	}
	if len(a.due) > 0 {
		if batch := a.replay.batch; len(batch) > 0 && batch[0].Seq == e.Seq {
			return &AuditError{Lie: LieSequence, Index: at, Seq: e.Seq, Reason: fmt.Sprintf("a checkpoint of %d entries was signed inside the batch", at)}
		}
		if err := a.compareDue(); err != nil {
			return err
		}
	}
	if e.Day < a.floor {
		return &AuditError{Lie: LieDay, Index: at, Seq: e.Seq,
			Reason: fmt.Sprintf("dated %s, but the issuer had signed on %s that it was not there yet", dayString(e.Day), dayString(a.floor))}
	}
	if !a.cfg.Now.IsZero() && int64(e.Day) > a.cfg.Now.Add(DefaultMaxSkew).Unix()/86400 {
		return &AuditError{Lie: LieDay, Index: at, Seq: e.Seq, Reason: fmt.Sprintf("dated %s, which is still to come", dayString(e.Day))}
	}
	if err := a.replay.apply(&e); err != nil {
		return err
	}
	if _, wanted := a.roots[e.Seq]; wanted {
		a.roots[e.Seq] = e.Root
	}
	a.report.count(at, &e)
	return nil
}

// settle compares a claim with the log as far as it is read.
func (a *audit) settle(i int) {
	if a.claims[i].Hash != a.tree.hash() {
		a.forks = append(a.forks, i)
		return
	}
	a.due = append(a.due, i)
}

func (a *audit) compareDue() error {
	if len(a.due) == 0 {
		return nil
	}
	if err := a.replay.Finish(); err != nil {
		return err
	}
	for _, i := range a.due {
		if h := a.claims[i].head; h != nil {
			if err := a.compare(h); err != nil {
				return err
			}
		}
	}
	a.due = a.due[:0]
	return nil
}

// compare checks a head against the replayed set.
func (a *audit) compare(h *Head) error {
	bad := func(format string, args ...any) error {
		return lied(LieHead, fmt.Errorf("%w: head of seq %d: %s", ErrHead, h.Seq, fmt.Sprintf(format, args...)))
	}
	g, err := a.replay.Group()
	if err != nil {
		return err
	}
	issued := uint32(h.Issued / 86400)
	switch {
	case h.Seq != a.replay.seq:
		return bad("the log ends at seq %d", a.replay.seq)
	case h.Root != g.Root():
		return bad("root %s, rebuilt %s", h.Root, g.Root())
	case h.Live != a.replay.live || h.Size != uint64(g.Size()) || h.Depth != g.Depth():
		return bad("%d live of %d, counted %d of %d", h.Live, h.Size, a.replay.live, g.Size())
	case a.replay.day > issued:
		return &AuditError{Lie: LieDay, Index: a.replay.entries - 1, Seq: h.Seq,
			Reason: fmt.Sprintf("dated %s, in a head of %s", dayString(a.replay.day), dayString(issued))}
	}
	for _, w := range h.Window {
		if a.roots[w.Seq] != w.Root {
			return bad("the window has another root at seq %d than the log", w.Seq)
		}
	}
	a.floor = max(a.floor, issued)
	return nil
}

// fork makes the evidence that c and the audited checkpoint are two logs.
func (a *audit) fork(c claim, fetch Fetch) error {
	if c.Size == 0 {
		return lied(LieTree, fmt.Errorf("%w: an empty log has another hash", ErrProof))
	}
	var hashes Hashes
	for i := int64(0); i < a.main.Size; {
		bundle, err := entryBundle(i/TileWidth, a.main.Size, fetch)
		if err != nil {
			return err
		}
		for ; len(bundle) > 0; bundle = bundle[2+RecordSize:] {
			more, err := tlog.StoredHashes(i, bundle[2:2+RecordSize], hashes)
			if err != nil {
				return fmt.Errorf("setlog: audit: %w", err)
			}
			hashes = append(hashes, more...)
			i++
		}
	}
	f := &ErrFork{Smaller: c.signed, Larger: a.main.signed}
	var err error
	if f.Prefix, err = tlog.TreeHash(c.Size, hashes); err == nil {
		f.Proof, err = tlog.ProveTree(a.main.Size, c.Size, hashes)
	}
	if err == nil {
		err = f.Verify(a.cfg.Verifier)
	}
	if err != nil {
		return fmt.Errorf("setlog: audit: evidence of a fork: %w", err)
	}
	return lied(LieFork, f)
}
