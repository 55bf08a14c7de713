package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
)

// ErrOld: the database stands behind what its issuer has published. Nothing may
// be signed from it: docs/issuer-storage.md has the ways out.
var ErrOld = errors.New("backup: this database is older than what the issuer has published, or has another history; signing would contradict it. " +
	"Restore a newer backup, or found a new set from the published members (docs/issuer-storage.md)")

// Mark keeps the newest published checkpoint outside the database, where a
// backup of the database does not reach.
type Mark interface {
	// Load gives what was saved, nil if nothing was.
	Load(ctx context.Context) ([]byte, error)
	// Save returns when the checkpoint would survive a power cut.
	Save(ctx context.Context, checkpoint []byte) error
}

// MarkFile is a Mark in a file. Keep it out of the backups of the database.
func MarkFile(path string) Mark { return markFile(path) }

type markFile string

func (m markFile) Load(context.Context) ([]byte, error) {
	b, err := os.ReadFile(string(m))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (m markFile) Save(_ context.Context, checkpoint []byte) error {
	f, err := os.OpenFile(string(m)+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(checkpoint)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), string(m)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(string(m)))
}

// Guard is a store whose checkpoints are noted in m before anybody sees them.
// Loading from a database that does not contain the noted one gives ErrOld, so
// that an issuer over it does not start. If the note cannot be written, an anchor
// is in doubt: it is shown once a reload could write the note.
func Guard(s issuer.Store, m Mark) issuer.Store {
	g := &guarded{Store: s, mark: m}
	if k, ok := s.(issuer.CosignKeeper); ok {
		return &guardedKeeper{guarded: g, keeper: k}
	}
	return g
}

type guarded struct {
	issuer.Store
	mark Mark

	mu    sync.Mutex
	noted tlog.Tree // what the mark holds
}

// guardedKeeper is a guarded store that keeps cosignatures and can be copied.
type guardedKeeper struct {
	*guarded
	keeper issuer.CosignKeeper
}

func (g *guardedKeeper) Cosign(ctx context.Context, seq uint64, checkpoint []byte) error {
	return g.keeper.Cosign(ctx, seq, checkpoint)
}

// Backup writes a backup while the issuer serves, if its store can.
func (g *guarded) Backup(ctx context.Context, path string) error {
	from, ok := g.Store.(Source)
	if !ok {
		return errors.New("backup: this store cannot be copied")
	}
	return ToFile(ctx, from, path)
}

// Load implements issuer.Store.
func (g *guarded) Load(ctx context.Context, since uint64, full bool) (issuer.State, error) {
	state, err := g.Store.Load(ctx, since, full)
	if err != nil {
		return state, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	have, err := g.mark.Load(ctx)
	if err != nil {
		return state, fmt.Errorf("backup: the note of what was published: %w", err)
	}
	var size int64
	if n := len(state.Roots); n > 0 {
		size = state.Roots[n-1].LogSize
	}
	if have != nil {
		t, err := tree(have)
		if err != nil {
			return state, fmt.Errorf("backup: the note of what was published: %w", err)
		}
		if err := g.contains(ctx, t, size); err != nil {
			return state, err
		}
		g.noted = t
	}
	if size == 0 {
		return state, nil
	}
	return state, g.note(ctx, state.Roots[len(state.Roots)-1].Checkpoint)
}

// Anchor implements issuer.Store.
func (g *guarded) Anchor(ctx context.Context, build func([]issuer.Change, tlog.HashReader) (*issuer.Batch, error)) error {
	var checkpoint []byte
	err := g.Store.Anchor(ctx, func(pending []issuer.Change, log tlog.HashReader) (*issuer.Batch, error) {
		b, err := build(pending, log)
		if b != nil {
			checkpoint = b.Root.Checkpoint
		}
		return b, err
	})
	if err != nil || checkpoint == nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.note(context.WithoutCancel(ctx), checkpoint); err != nil {
		return fmt.Errorf("%w: %w", issuer.ErrInDoubt, err)
	}
	return nil
}

// note writes a checkpoint down unless that was done.
func (g *guarded) note(ctx context.Context, checkpoint []byte) error {
	t, err := tree(checkpoint)
	if err != nil || t == g.noted {
		return err
	}
	if err := g.mark.Save(ctx, checkpoint); err != nil {
		return fmt.Errorf("backup: note what is published: %w", err)
	}
	g.noted = t
	return nil
}

// contains checks that the log of the given size extends a tree.
func (g *guarded) contains(ctx context.Context, t tlog.Tree, size int64) error {
	if size < t.N {
		return fmt.Errorf("%w (the log has %d entries, %d are published)", ErrOld, size, t.N)
	}
	if t.N == 0 {
		return nil
	}
	have, err := tlog.TreeHash(t.N, tlog.HashReaderFunc(func(n []int64) ([]tlog.Hash, error) { return g.Store.Hashes(ctx, n) }))
	if err != nil {
		return err
	}
	if have != t.Hash {
		return fmt.Errorf("%w (its first %d entries are not those that are published)", ErrOld, t.N)
	}
	return nil
}

// Contains checks that a store's log extends a published checkpoint, which may
// come from a follower, a witness or a mirror: ErrOld if it does not. Signatures
// are not looked at.
func Contains(ctx context.Context, s issuer.Store, checkpoint []byte) error {
	t, err := tree(checkpoint)
	if err != nil {
		return err
	}
	state, err := s.Load(ctx, 1<<62, false)
	if err != nil {
		return err
	}
	var size int64
	if n := len(state.Roots); n > 0 {
		size = state.Roots[n-1].LogSize
	}
	return (&guarded{Store: s}).contains(ctx, t, size)
}

// tree reads what a checkpoint says, whoever signed it.
func tree(checkpoint []byte) (tlog.Tree, error) {
	n, err := note.Open(checkpoint, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n, err = unverified.Note, nil
	}
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint: %w", err)
	}
	var origin string
	rest := n.Text
	for i, c := range rest {
		if c == '\n' {
			origin, rest = rest[:i], rest[i+1:]
			break
		}
	}
	t, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	if err != nil || origin == "" {
		return tlog.Tree{}, errors.New("not a checkpoint")
	}
	return t, nil
}

// Unwrap gives the store under the guard.
func (g *guarded) Unwrap() issuer.Store { return g.Store }
