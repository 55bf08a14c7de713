package setlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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
	State        []byte        // what Persist was last given; nil at first
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
	vkey     string
	verifier note.Verifier
	window   time.Duration
	maxAge   time.Duration
	maxSkew  time.Duration
	persist  func([]byte) error

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
}

type knownRoot struct {
	entry      Entry
	index      int64
	superseded uint64     // 0 for the current root
	proof      *RootProof // nil after a restart: prove again from tiles
}

// NewFollower makes a follower. It refuses a state that is damaged or belongs to
// another key.
func NewFollower(cfg FollowerConfig) (*Follower, error) {
	v, err := ParseVKey(cfg.VKey)
	if err != nil {
		return nil, err
	}
	f := &Follower{
		vkey: cfg.VKey, verifier: v, persist: cfg.Persist,
		window: orDefault(cfg.Window, DefaultWindow), maxAge: orDefault(cfg.MaxStaleness, DefaultMaxStaleness),
		maxSkew: orDefault(cfg.MaxSkew, DefaultMaxSkew),
	}
	snap := &snapshot{}
	if cfg.State != nil {
		if snap, err = parseState(cfg.State, cfg.VKey, v); err != nil {
			return nil, err
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
// (harmless), ErrRollback, *ErrFork, and what fetch and Persist return.
func (f *Follower) Update(signed []byte, now time.Time, fetch Fetch) error {
	f.updating.Lock()
	defer f.updating.Unlock()
	old := f.snap.Load()
	if old.fork != nil {
		return old.fork
	}
	if bytes.Equal(signed, old.signed) {
		return nil
	}
	h, err := OpenHead(signed, f.verifier)
	if err != nil {
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

// Root says whether proofs against root may be accepted at now: root is the
// newest one, or was superseded less than the window ago, and its sequence
// number is not below min_valid_seq. Errors: ErrRootZero, ErrStale (also before
// the first head), ErrRootUnknown, ErrRootExpired, *ErrFork.
func (f *Follower) Root(root semaphore.Element, now time.Time) (RootInfo, error) {
	s := f.snap.Load()
	if s.fork != nil {
		return RootInfo{}, s.fork
	}
	if root.IsZero() {
		return RootInfo{}, ErrRootZero
	}
	if err := f.fresh(s, now); err != nil {
		return RootInfo{}, err
	}
	i, ok := s.byRoot[root]
	if !ok {
		return RootInfo{}, ErrRootUnknown
	}
	k := s.known[i]
	info := RootInfo{Seq: k.entry.Seq, Live: k.entry.Live, Current: i == 0}
	if k.entry.Seq < s.head.MinValidSeq {
		return info, fmt.Errorf("%w: sequence number %d is below min_valid_seq %d", ErrRootExpired, k.entry.Seq, s.head.MinValidSeq)
	}
	if !info.Current && now.Sub(time.Unix(int64(k.superseded), 0)) >= f.window {
		return info, fmt.Errorf("%w: superseded at %d", ErrRootExpired, k.superseded)
	}
	return info, nil
}

// Fresh says whether the head held is young enough at now to decide by: nil,
// ErrStale or *ErrFork.
func (f *Follower) Fresh(now time.Time) error {
	s := f.snap.Load()
	if s.fork != nil {
		return s.fork
	}
	return f.fresh(s, now)
}

func (f *Follower) fresh(s *snapshot, now time.Time) error {
	if s.signed == nil {
		return fmt.Errorf("%w: no head yet", ErrStale)
	}
	age := now.Sub(time.Unix(int64(s.head.Issued), 0))
	if age > f.maxAge {
		return fmt.Errorf("%w: newest head is %s old", ErrStale, age.Round(time.Second))
	}
	if -age > f.maxSkew {
		// The local clock went back, or the issuer's was ahead when we took it.
		return fmt.Errorf("%w: newest head is issued %s ahead", ErrStale, (-age).Round(time.Second))
	}
	return nil
}

// Learnable reports whether the newest head lists root as superseded while this
// follower has no proof of it yet: then Learn can make it known.
func (f *Follower) Learnable(root semaphore.Element) bool {
	s := f.snap.Load()
	_, ok := s.learnable(root)
	return ok && s.fork == nil
}

// learnable finds root in the head's window, unless it is known at that sequence
// number or a newer one.
func (s *snapshot) learnable(root semaphore.Element) (WindowRoot, bool) {
	w, ok := listedRoot(s.head, root)
	if i, known := s.byRoot[root]; known && s.known[i].entry.Seq >= w.Seq {
		return w, false
	}
	return w, ok
}

func listedRoot(h Head, root semaphore.Element) (WindowRoot, bool) {
	for _, w := range h.Window {
		if w.Root == root {
			return w, true
		}
	}
	return WindowRoot{}, false
}

// Learn fetches the proof that a root listed in the newest head's window is in
// the log. ErrRootUnknown means that the head does not list it. Updates go on
// while it fetches.
func (f *Follower) Learn(root semaphore.Element, fetch Fetch) error {
	s := f.snap.Load()
	if s.fork != nil {
		return s.fork
	}
	w, ok := s.learnable(root)
	if !ok {
		if _, known := s.byRoot[root]; known {
			return nil
		}
		return ErrRootUnknown
	}
	k, err := prove(s.head, w.Seq, fetch)
	if err != nil {
		return err
	}
	if k.entry.Root != w.Root {
		return fmt.Errorf("%w: window has another root at seq %d than the log", ErrHead, w.Seq)
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	// The head may be a newer one by now. It extends the log in which the root
	// was found, so the proof stands; only the window must still list it.
	now := f.snap.Load()
	if now.fork != nil {
		return now.fork
	}
	if w2, ok := now.learnable(root); !ok || w2.Seq != w.Seq {
		return ErrRootUnknown
	}
	k.superseded = w.Superseded
	return f.commit(now.with(k))
}

// with gives a snapshot that knows one root more.
func (s *snapshot) with(k knownRoot) *snapshot {
	next := *s
	at := len(s.known)
	for i, old := range s.known {
		if old.entry.Seq < k.entry.Seq {
			at = i
			break
		}
	}
	next.known = slices.Insert(slices.Clone(s.known), at, k)
	return &next
}

// prove finds the batch seq in the log under the head's checkpoint.
func prove(h Head, seq uint64, fetch Fetch) (knownRoot, error) {
	c, err := h.Checkpoint()
	if err != nil {
		return knownRoot{}, err
	}
	r := NewEntryReader(c.Tree(), fetch)
	e, index, err := r.FindSeq(seq)
	if err != nil {
		return knownRoot{}, err
	}
	p, err := ProveRoot(e, index, h.RootProof.Checkpoint, r.hashes)
	if err != nil {
		return knownRoot{}, err
	}
	return knownRoot{entry: e, index: index, proof: &p}, nil
}

// RootProof gives the proof of a known root, good or not, for a bundle that has
// to stand without a server. It fetches only if the proof was lost in a restart.
func (f *Follower) RootProof(root semaphore.Element, fetch Fetch) (RootProof, error) {
	s := f.snap.Load()
	i, ok := s.byRoot[root]
	if !ok {
		return RootProof{}, ErrRootUnknown
	}
	if p := s.known[i].proof; p != nil {
		return *p, nil
	}
	k, err := prove(s.head, s.known[i].entry.Seq, fetch)
	if err != nil {
		return RootProof{}, err
	}
	return *k.proof, nil
}
