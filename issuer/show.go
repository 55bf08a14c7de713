package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// shown is one moment of what the world may see. It is never changed once it
// is stored; all of it was committed before.
type shown struct {
	root   Root               // newest
	window []Root             // superseded ones, newest first
	proof  setlog.RootProof   // of the log's last entry, under root.Checkpoint
	views  map[uint64]setView // set tiles by seq; the newest and young superseded ones
	head   []byte             // signed
	issued uint64             // unix seconds, as in head
	etag   string
}

// Head is a signed head ready to serve.
type Head struct {
	Note []byte
	ETag string // strong, with its quotes
}

// show builds what is visible after a start. The caller holds mu.
func (i *Issuer) show(ctx context.Context, roots []Root) error {
	last := roots[len(roots)-1]
	raw, err := i.cfg.Store.Entries(ctx, last.LogSize-1, last.LogSize)
	if err != nil {
		return err
	}
	entry, err := setlog.ParseEntry(raw[0])
	if err != nil {
		return fmt.Errorf("%w: last entry: %w", ErrCorrupt, err)
	}
	proof, err := setlog.ProveRoot(entry, last.LogSize-1, last.Checkpoint, i.hashes(ctx))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s := &shown{root: last, proof: proof, views: map[uint64]setView{last.Seq: newSetView(i.group)}}
	for n := len(roots) - 2; n >= 0; n-- {
		s.window = append(s.window, roots[n])
	}
	now := max(i.now(), last.Created)
	if prev := i.shown.Load(); prev != nil { // a reload never lowers issued
		now = max(now, prev.issued*1000)
	}
	if err := i.sign(s, now); err != nil {
		return err
	}
	i.shown.Store(s)
	i.notice(roots...)
	return nil
}

// sign makes s's head as of now (unix ms), dropping what has left the window.
func (i *Issuer) sign(s *shown, now uint64) error {
	h := setlog.Head{
		Origin: i.cfg.Name, Seq: s.root.Seq, Size: s.root.Size, Live: s.root.Live, Depth: s.root.Depth,
		Root: s.root.Root, Issued: now / 1000, MinValidSeq: s.root.MinValidSeq, RootProof: s.proof,
	}
	window := uint64(i.cfg.Window.Milliseconds())
	for _, r := range s.window {
		if r.Superseded+window > now && r.Seq >= s.root.MinValidSeq && len(h.Window) < setlog.MaxWindow {
			h.Window = append(h.Window, setlog.WindowRoot{Seq: r.Seq, Root: r.Root, Superseded: r.Superseded / 1000})
		}
	}
	signed, err := h.Sign(i.signers...)
	if err != nil {
		return fmt.Errorf("issuer: sign head: %w", err)
	}
	sum := sha256.Sum256(signed)
	s.head, s.issued, s.etag = signed, h.Issued, `"`+hex.EncodeToString(sum[:16])+`"`
	return nil
}

// Head gives the newest signed head, signed afresh when it is a second old. A
// clock that runs backwards gets the old head again.
func (i *Issuer) Head() (Head, error) {
	for {
		s := i.shown.Load()
		if s == nil {
			return Head{}, api.Errorf(api.NotFound, "nothing has been published yet")
		}
		if i.fenced.Load() {
			return Head{}, coded(ErrFenced)
		}
		now := i.now()
		if now/1000 < s.issued+uint64(headLife.Seconds()) {
			return Head{s.head, s.etag}, nil
		}
		fresh := *s
		if err := i.sign(&fresh, now); err != nil {
			return Head{}, err
		}
		// An anchor that came between wins: then this head was never shown.
		if i.shown.CompareAndSwap(s, &fresh) {
			return Head{fresh.head, fresh.etag}, nil
		}
	}
}

// Checkpoint gives the newest signed checkpoint.
func (i *Issuer) Checkpoint() ([]byte, error) {
	s := i.shown.Load()
	if s == nil {
		return nil, api.Errorf(api.NotFound, "nothing has been published yet")
	}
	return s.root.Checkpoint, nil
}

// Tile gives a hash tile or, at setlog.EntriesLevel, an entry bundle of the
// published log.
func (i *Issuer) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	s := i.shown.Load()
	if s == nil || !setlog.TileIn(t, s.root.LogSize) {
		return nil, api.Errorf(api.NotFound, "the log has no such tile")
	}
	if t.L != setlog.EntriesLevel {
		b, err := setlog.TileData(t, s.root.LogSize, i.hashes(ctx))
		return b, coded(err)
	}
	from := t.N * setlog.TileWidth
	raw, err := i.cfg.Store.Entries(ctx, from, from+int64(t.W))
	if err != nil {
		return nil, coded(err)
	}
	entries := make([]setlog.Entry, len(raw))
	for n, b := range raw {
		if entries[n], err = setlog.ParseEntry(b); err != nil {
			return nil, api.Wrap(api.Internal, fmt.Errorf("%w: %w", ErrCorrupt, err))
		}
	}
	b, err := setlog.EntryBundle(entries)
	return b, coded(err)
}

// SetTile gives 256 nodes (fewer at the edge) of the set as of seq; leaves are
// level 0. Seqs superseded five minutes ago answer gone.
func (i *Issuer) SetTile(seq uint64, level int, n uint64) ([]byte, error) {
	v, err := i.view(seq)
	if err != nil {
		return nil, err
	}
	b := v.tile(level, n)
	if b == nil {
		return nil, api.Errorf(api.NotFound, "the set has no such tile")
	}
	return b, nil
}

// Leaves gives all leaves of the set as of seq, 32 bytes each, in pieces to be
// written one after the other.
func (i *Issuer) Leaves(seq uint64) (pieces [][]byte, size int, err error) {
	v, err := i.view(seq)
	if err != nil {
		return nil, 0, err
	}
	return v.levels[0], 32 * int(v.size), nil
}

func (i *Issuer) view(seq uint64) (setView, error) {
	s := i.shown.Load()
	if s == nil || seq == 0 || seq > s.root.Seq {
		return setView{}, api.Errorf(api.NotFound, "nothing has been published under this number")
	}
	v, ok := s.views[seq]
	if !ok || v.superseded != 0 && i.now() >= v.superseded+uint64(setTileLife.Milliseconds()) {
		return setView{}, api.Errorf(api.Gone, "superseded; start again from the head")
	}
	return v, nil
}

// hashes reads the stored hashes of the committed log.
func (i *Issuer) hashes(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return i.cfg.Store.Hashes(ctx, indexes)
	})
}
