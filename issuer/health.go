package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// Current is what is published now, for pages and figures.
type Current struct {
	Seq, Size, Live uint64
	MinValidSeq     uint64
	Root            semaphore.Element
	Depth           int
	LogSize         int64
	Created         time.Time // of the newest anchor
}

// Past is a root that was published.
type Past struct {
	Seq                 uint64
	Root                semaphore.Element
	Live                uint64
	Created, Superseded time.Time // Superseded is zero for the newest
}

// Current gives the newest anchor; false before the first.
func (i *Issuer) Current() (Current, bool) {
	s := i.shown.Load()
	if s == nil {
		return Current{}, false
	}
	r := s.root
	return Current{
		Seq: r.Seq, Size: r.Size, Live: r.Live, MinValidSeq: r.MinValidSeq, Root: r.Root, Depth: r.Depth,
		LogSize: r.LogSize, Created: time.UnixMilli(int64(r.Created)), // #nosec G115 -- our own clock's milliseconds
	}, true
}

// Recent gives at most n roots that are still good, the newest first.
func (i *Issuer) Recent(n int) (out []Past) {
	s := i.shown.Load()
	if s == nil {
		return nil
	}
	for _, r := range append([]Root{s.root}, s.window...) {
		if len(out) == n {
			break
		}
		p := Past{Seq: r.Seq, Root: r.Root, Live: r.Live, Created: time.UnixMilli(int64(r.Created))} // #nosec G115 -- as above
		if r.Superseded != 0 {
			p.Superseded = time.UnixMilli(int64(r.Superseded)) // #nosec G115 -- as above
		}
		out = append(out, p)
	}
	return out
}

// Entries gives published entries of the log, [from, to), as setlog encodes
// them; to is at most Current's LogSize.
func (i *Issuer) Entries(ctx context.Context, from, to int64) ([][]byte, error) {
	s := i.shown.Load()
	if s == nil || from < 0 || from > to || to > s.root.LogSize {
		return nil, api.Errorf(api.NotFound, "the log has no such entries")
	}
	raw, err := i.cfg.Store.Entries(ctx, from, to)
	return raw, coded(err)
}

// Answers asks the store something it must answer: nil if it does.
func (i *Issuer) Answers(ctx context.Context) error {
	var nobody ID
	if err := i.random(nobody[:]); err != nil {
		return err
	}
	if _, err := i.cfg.Store.Enrolment(ctx, nobody); err != nil && !errors.Is(err, ErrNotFound) {
		return coded(err)
	}
	return nil
}

// LastTry is when anchoring last went well, whether or not something waited;
// zero before the first time. Run tries once per period.
func (i *Issuer) LastTry() time.Time {
	ms := i.lastTry.Load()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)) // #nosec G115 -- our own clock's milliseconds
}

// Period is the time between anchors.
func (i *Issuer) Period() time.Duration { return i.cfg.Anchor }

// Position gives the leaf of a live member, for the operator's acts. It waits
// for writes under way.
func (i *Issuer) Position(commitment semaphore.Element) (uint64, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.group == nil {
		return 0, false
	}
	n := i.group.IndexOf(commitment)
	return uint64(max(n, 0)), n >= 0
}
