package witness

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Refusals of Add. Each is one status of the protocol.
var (
	ErrMalformed  = errors.New("witness: malformed request")                               // 400
	ErrSignature  = errors.New("witness: no signature by a key of the log")                // 403
	ErrUnknownLog = errors.New("witness: unknown log")                                     // 404
	ErrProof      = errors.New("witness: the proof does not show that the log only grew")  // 422
	ErrRoot       = errors.New("witness: this size was signed with another root")          // 409
	ErrState      = errors.New("witness: the stored state is not what this witness wrote") // 500
)

// SizeError says that a request does not start from what was signed last: 409.
type SizeError struct {
	Latest int64 // size of the checkpoint signed last, 0 if there is none
}

// Error implements error.
func (e *SizeError) Error() string {
	return fmt.Sprintf("witness: the checkpoint signed last has size %d", e.Latest)
}

// Config makes a witness. All fields are needed.
type Config struct {
	Key   string           // the secret, as setlog.GenerateWitnessKey gives it
	Logs  []string         // verifier keys of the logs; several for one name while its key is changed
	Store Store            // of this witness alone
	Now   func() time.Time // dates the cosignatures
}

// Witness cosigns checkpoints of the logs it was told of. Safe for concurrent
// use.
type Witness struct {
	vkey   string
	signer note.Signer
	own    *setlog.Witnesses // verifies what we wrote
	logs   map[string]*watched
	store  Store
}

// watched is one log. mu makes comparing, storing and signing one step.
type watched struct {
	keys []note.Verifier
	mu   sync.Mutex
}

// New makes a witness and reads what it has stored, so that a damaged state is
// seen at once.
func New(cfg Config) (*Witness, error) {
	signer, vkey, err := setlog.ParseWitnessKey(cfg.Key, cfg.Now)
	if err != nil {
		return nil, err
	}
	w := &Witness{vkey: vkey, signer: signer, logs: make(map[string]*watched), store: cfg.Store}
	if w.own, err = setlog.NewWitnesses(1, []string{vkey}); err != nil {
		return nil, err
	}
	for _, key := range cfg.Logs {
		v, err := setlog.ParseVKey(key)
		if err != nil {
			return nil, err
		}
		if w.logs[v.Name()] == nil {
			w.logs[v.Name()] = &watched{}
		}
		w.logs[v.Name()].keys = append(w.logs[v.Name()].keys, v)
	}
	for origin := range w.logs {
		if _, err := w.latest(origin); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// VKey is the verifier key that belongs into policies.
func (w *Witness) VKey() string { return w.vkey }

// Latest gives the checkpoint signed last for a log, with the cosignature; nil
// if there is none.
func (w *Witness) Latest(origin string) ([]byte, error) {
	if w.logs[origin] == nil {
		return nil, ErrUnknownLog
	}
	return w.store.Load(origin)
}

// latest gives the tree signed last, the empty one at first.
func (w *Witness) latest(origin string) (tlog.Tree, error) {
	saved, err := w.store.Load(origin)
	if err != nil {
		return tlog.Tree{}, err
	}
	if saved == nil {
		return tlog.Tree{Hash: sha256.Sum256(nil)}, nil
	}
	if err := w.own.Check(saved); err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: log %s: %w", ErrState, origin, err)
	}
	c, err := (setlog.RootProof{Checkpoint: saved}).UnverifiedCheckpoint() // it bears our own signature
	if err != nil || c.Origin != origin {
		return tlog.Tree{}, fmt.Errorf("%w: log %s", ErrState, origin)
	}
	return c.Tree(), nil
}

// Add cosigns a checkpoint that extends what was signed last, which has size
// old, and gives the signature line. It blocks until the new state is durable.
// Errors: those above, *SizeError, and what the store returns.
func (w *Witness) Add(old int64, proof tlog.TreeProof, signed []byte) (line []byte, err error) {
	origin, err := originOf(signed)
	if err != nil {
		return nil, err
	}
	log := w.logs[origin]
	if log == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknownLog, origin)
	}
	c, n, err := log.open(signed)
	switch {
	case err != nil:
		return nil, err
	case old < 0 || old > c.Size:
		return nil, fmt.Errorf("%w: old size %d, checkpoint of size %d", ErrMalformed, old, c.Size)
	}

	log.mu.Lock()
	defer log.mu.Unlock()
	latest, err := w.latest(origin)
	switch {
	case err != nil:
		return nil, err
	case old != latest.N:
		return nil, &SizeError{latest.N}
	case old == c.Size && c.Hash != latest.Hash:
		return nil, ErrRoot
	case old == 0 || old == c.Size:
		if len(proof) > 0 {
			return nil, fmt.Errorf("%w: it must be empty here", ErrProof)
		}
	default:
		if err := tlog.CheckTree(proof, c.Size, c.Hash, old, latest.Hash); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProof, err)
		}
	}
	cosigned, err := note.Sign(n, w.signer)
	if err != nil {
		return nil, fmt.Errorf("witness: sign: %w", err)
	}
	if c.Size > latest.N || c.Size == 0 {
		if err := w.store.Save(origin, cosigned); err != nil {
			return nil, err
		}
	}
	return lastLine(cosigned), nil
}

// open checks a checkpoint under the keys of a log. The note keeps only the
// signature by the key that fits.
func (l *watched) open(signed []byte) (setlog.Checkpoint, *note.Note, error) {
	for _, v := range l.keys {
		c, err := setlog.OpenCheckpoint(signed, v)
		if errors.Is(err, setlog.ErrSignature) {
			continue
		}
		if err != nil {
			return c, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		n, err := note.Open(signed, note.VerifierList(v))
		if err != nil {
			return c, nil, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		n.UnverifiedSigs = nil
		return c, n, nil
	}
	return setlog.Checkpoint{}, nil, ErrSignature
}
