package setlog

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
)

// Defaults of FollowerConfig.
const (
	DefaultWindow       = time.Hour
	DefaultMaxStaleness = 120 * time.Second
	DefaultMaxSkew      = 30 * time.Second
)

// FollowerConfig says whom to follow and how strictly. Zero durations mean the
// defaults.
type FollowerConfig struct {
	VKey         string        // the issuer: name+hash+key
	Window       time.Duration // how long a superseded root stays good
	MaxStaleness time.Duration // how old the newest head may be
	MaxSkew      time.Duration // how far the issuer's clock may be ahead
	Witnesses    *Witnesses    // who must have cosigned the log; nil asks for nobody
	State        []byte        // what Persist was last given, under this key or the one before it; nil at first
	// Persist is called with the new state before a head takes effect; if it
	// fails, the head is not taken. nil keeps the state in memory only, and a
	// restart then trusts the first head again.
	Persist func(state []byte) error
}

// RootInfo is what is known of a good root.
type RootInfo struct {
	Seq     uint64
	Live    uint64 // members behind this root that were not removed
	Current bool   // the newest root
}

// Follower holds what one verifier or wallet knows of one issuer: the newest
// head, and the older roots it has seen proven. It never lowers the sequence
// number, min_valid_seq, the issue time or the size of log and set, and once it
// has seen a fork it answers nothing but that fork. Safe for concurrent use;
// Root never waits for an Update.
type Follower struct {
	vkey      string
	verifier  note.Verifier
	witnesses *Witnesses
	window    time.Duration
	maxAge    time.Duration
	maxSkew   time.Duration
	persist   func([]byte) error

	updating sync.Mutex // held over Update and Learn, which may fetch
	snap     atomic.Pointer[snapshot]
}

// snapshot is never changed once it is visible.
type snapshot struct {
	signed []byte // the newest head as received; nil before the first
	head   Head
	known  []knownRoot // roots proven to be in the log, newest first
	byRoot map[semaphore.Element]int
	fork   *ErrFork

	// lacking is set if the head, kept from before there was a policy, has too
	// few cosignatures, or belongs to a key that did not vouch for this one yet:
	// it still holds back forks and old heads, but decides nothing.
	lacking error
	// prior is the key that the head belongs to while that is not the follower's:
	// see rotation.go.
	prior *pin
}

type knownRoot struct {
	entry      Entry
	index      int64
	superseded uint64     // 0 for the current root
	proof      *RootProof // nil after a restart: prove again from tiles
}

// NewFollower makes a follower. It refuses a state that is damaged or belongs to
// another issuer. The state of an earlier key of the same issuer is taken over:
// see ErrUnvouched.
func NewFollower(cfg FollowerConfig) (*Follower, error) {
	v, public, err := parseVKey(cfg.VKey)
	if err != nil {
		return nil, err
	}
	if cfg.Witnesses.names(public) {
		return nil, fmt.Errorf("%w: the issuer is no witness of itself", ErrKey)
	}
	f := &Follower{
		vkey: cfg.VKey, verifier: v, witnesses: cfg.Witnesses, persist: cfg.Persist,
		window: orDefault(cfg.Window, DefaultWindow), maxAge: orDefault(cfg.MaxStaleness, DefaultMaxStaleness),
		maxSkew: orDefault(cfg.MaxSkew, DefaultMaxSkew),
	}
	snap := &snapshot{}
	if cfg.State != nil {
		if snap, err = takeOver(cfg.State, pin{cfg.VKey, v}); err != nil {
			return nil, err
		}
		if snap.signed != nil && snap.lacking == nil {
			snap.lacking = f.witnesses.Check(snap.head.RootProof.Checkpoint)
		}
	}
	f.snap.Store(snap.indexed())
	return f, nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// indexed fills byRoot. The same root can stand at several sequence numbers (a
// policy entry changes no leaf); the newest one counts, it is first.
func (s *snapshot) indexed() *snapshot {
	s.byRoot = make(map[semaphore.Element]int, len(s.known))
	for i, k := range s.known {
		if _, ok := s.byRoot[k.entry.Root]; !ok {
			s.byRoot[k.entry.Root] = i
		}
	}
	return s
}

// Name is the issuer's name; VKey the whole key.
func (f *Follower) Name() string { return f.verifier.Name() }
func (f *Follower) VKey() string { return f.vkey }

// Head gives the newest head; ok is false before the first one.
func (f *Follower) Head() (h Head, ok bool) {
	s := f.snap.Load()
	return s.head, s.signed != nil
}

// SignedHead gives the newest head as it was received, nil before the first.
func (f *Follower) SignedHead() []byte { return bytes.Clone(f.snap.Load().signed) }

// Fork gives the fork that was seen, or nil.
func (f *Follower) Fork() *ErrFork { return f.snap.Load().fork }

// Update takes a signed head. It checks the signatures, the inclusion proof of
// the root, the issue time against now, consistency with the log seen before
// (fetching tiles of the larger log if the sizes differ), and that nothing is
// lowered. On an error nothing changes, except that a fork is remembered.
// Errors: ErrSignature, ErrMalformed, ErrProof, ErrHead, ErrFuture, ErrOldHead
// (harmless), ErrRollback, ErrWitnesses, ErrUnvouched, *ErrFork, and what fetch
// and Persist return.
func (f *Follower) Update(signed []byte, now time.Time, fetch Fetch) error {
	f.updating.Lock()
	defer f.updating.Unlock()
	old := f.snap.Load()
	if old.fork != nil {
		return old.fork
	}
	if old.prior == nil && bytes.Equal(signed, old.signed) {
		return nil
	}
	h, err := OpenHead(signed, f.verifier)
	if err != nil {
		return err
	}
	if err := old.vouched(signed); err != nil {
		return err
	}
	if time.Unix(int64(h.Issued), 0).Sub(now) > f.maxSkew {
		return fmt.Errorf("%w: %s ahead", ErrFuture, time.Unix(int64(h.Issued), 0).Sub(now).Round(time.Second))
	}
	if old.signed != nil {
		if err := f.succeeds(old, h, fetch); err != nil {
			return err
		}
	}
	if err := f.witnesses.Check(h.RootProof.Checkpoint); err != nil {
		return err // after consistency: a fork is one with or without witnesses
	}
	next := &snapshot{signed: bytes.Clone(signed), head: h}
	if next.known, err = f.carry(old, h, now); err != nil {
		return err
	}
	return f.commit(next)
}

// commit persists a snapshot and then makes it visible.
func (f *Follower) commit(next *snapshot) error {
	if f.persist != nil {
		if err := f.persist(next.marshal(f.vkey)); err != nil {
			return fmt.Errorf("setlog: persist follower state: %w", err)
		}
	}
	f.snap.Store(next.indexed())
	return nil
}

// succeeds checks that h may follow the head held.
func (f *Follower) succeeds(old *snapshot, h Head, fetch Fetch) error {
	// Consistency first: a fork outranks every other finding, also when the
	// other branch is shorter or older.
	err := CheckConsistency(old.head.RootProof.Checkpoint, h.RootProof.Checkpoint, fetch)
	var fork *ErrFork
	if errors.As(err, &fork) {
		latched := *old
		latched.fork = fork
		if perr := f.commit(&latched); perr != nil {
			f.snap.Store(latched.indexed()) // remember it in memory at least
			return errors.Join(fork, perr)
		}
		return fork
	}
	was := old.head
	lower := h.Seq < was.Seq || h.MinValidSeq < was.MinValidSeq || h.LogSize() < was.LogSize() || h.Size < was.Size
	switch {
	case h.Issued < was.Issued, h.Issued == was.Issued && lower:
		// In one second an issuer can sign a head, anchor, and sign the next.
		return fmt.Errorf("%w: seq %d issued at %d, seq %d at %d", ErrOldHead, h.Seq, h.Issued, was.Seq, was.Issued)
	case lower:
		return fmt.Errorf("%w: seq %d -> %d, min_valid_seq %d -> %d, log %d -> %d, set %d -> %d", ErrRollback,
			was.Seq, h.Seq, was.MinValidSeq, h.MinValidSeq, was.LogSize(), h.LogSize(), was.Size, h.Size)
	case err != nil:
		return err
	case (h.Seq == was.Seq) != (h.LogSize() == was.LogSize()):
		return fmt.Errorf("%w: a sequence number stands at two log sizes", ErrHead)
	case h.Seq == was.Seq && h.Size != was.Size:
		return fmt.Errorf("%w: a sequence number stands at two set sizes", ErrHead)
	}
	return nil
}

// carry makes the known roots under a new head: its own, and those known before
// that were superseded not too long ago.
func (f *Follower) carry(old *snapshot, h Head, now time.Time) ([]knownRoot, error) {
	proof := h.RootProof
	known := []knownRoot{{entry: proof.Entry, index: proof.Index, proof: &proof}}
	window := make(map[uint64]WindowRoot, len(h.Window))
	for _, w := range h.Window {
		window[w.Seq] = w
	}
	for _, k := range old.known {
		if k.entry.Seq == h.Seq {
			continue
		}
		w, listed := window[k.entry.Seq]
		if listed && w.Root != k.entry.Root {
			return nil, fmt.Errorf("%w: window has another root at seq %d than the log", ErrHead, w.Seq)
		}
		switch {
		case listed && (k.superseded == 0 || w.Superseded < k.superseded):
			k.superseded = w.Superseded // never later than once stated
		case k.superseded == 0:
			// The issuer does not say when; the earliest it can have been.
			k.superseded = old.head.Issued
		}
		// Twice the window: long enough to answer "expired" and not "unknown".
		if now.Sub(time.Unix(int64(k.superseded), 0)) < 2*f.window && len(known) < 2*MaxWindow {
			known = append(known, k)
		}
	}
	return known, nil
}
