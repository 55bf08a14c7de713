package setlog

import (
	"errors"
	"fmt"
)

// Since reads the log's entries from an index up to the newest head that was
// taken, in order, each checked against that head, and gives the index after the
// last: where to go on another time. each may end it with an error. It fetches
// whole bundles, the same ones whoever asks. Errors: *ErrFork, ErrStale before
// the first head or one with too few witnesses, ErrProof, those of fetch and
// each.
func (f *Follower) Since(from int64, fetch Fetch, each func(index int64, e Entry) error) (next int64, err error) {
	s := f.snap.Load()
	switch {
	case s.fork != nil:
		return from, s.fork
	case s.signed == nil:
		return from, fmt.Errorf("%w: no head yet", ErrStale)
	case s.lacking != nil:
		return from, fmt.Errorf("%w: %w", ErrStale, s.lacking)
	}
	return s.walk(from, fetch, each)
}

// errEnough ends a walk without being a failure of it.
var errEnough = errors.New("setlog: enough")

// walk reads entries in order until each has enough.
func (s *snapshot) walk(from int64, fetch Fetch, each func(index int64, e Entry) error) (next int64, err error) {
	c, err := s.head.Checkpoint()
	if err != nil {
		return from, err
	}
	r := NewEntryReader(c.Tree(), fetch)
	for next = max(from, 0); next < c.Size; next++ {
		if next%TileWidth == 0 {
			clear(r.bundles) // what lies behind is not asked for again
		}
		e, err := r.Entry(next)
		if err == nil {
			err = each(next, e)
		}
		if err == errEnough { //nolint:errorlint // made here, and never wrapped
			return next, nil
		}
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// LogSize is how many entries the log has under the newest head that was taken;
// 0 before the first.
func (f *Follower) LogSize() int64 {
	s := f.snap.Load()
	if s.signed == nil {
		return 0
	}
	return s.head.LogSize()
}
