package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// ErrOtherFile: an import is to go on with a file that does not begin as the
// one did with which it began.
var ErrOtherFile = errors.New("issuer: another file than the one that this import began with")

// ErrNoRoom: nobody could prove membership in a set of that size.
var ErrNoRoom = errors.New("issuer: the set would be larger than its proof depth")

// ImportOptions say how to import. The zero value does.
type ImportOptions struct {
	Label string // tells imports into one set apart; each goes on where it stopped
	Batch int    // members in one anchor; 4096
	Skip  bool   // leave refused commitments out; otherwise nothing is imported if there are any
	// Progress is told after every anchor how far the import is.
	Progress func(done, total int)
}

// ImportReport says what an import did. Refused is complete only with Skip;
// without it, it holds at least the first ones.
type ImportReport struct {
	Members  int // in the file, refused ones apart
	Before   int // of them, taken in by an earlier run
	Imported int // of them, by this run
	Removed  int // zero leaves of an export: members that its owner has removed
	Refused  []Refusal
}

// Import takes in people whom somebody else has enrolled: commitments, with no
// capture and no proof that anybody holds their keys, from the export of an
// official Group, a JSON array, or a list with one in every line. Their order is
// kept: imported into an empty set they come to the root that they had, unless
// some had been removed, whose places are not kept.
//
// Nobody compared these people with each other or with those who enrol, so the
// metadata list "import" as one more kind of evidence from before the first of
// them on, and every verdict's bound grows by one.
//
// Members are anchored in batches, each in one transaction with the note how far
// the import is: after a crash, or an error, the same call goes on there. It
// blocks until the end; enrolments go on between its batches. Memory is about
// 100 bytes a member.
func (i *Issuer) Import(ctx context.Context, file io.Reader, o ImportOptions) (ImportReport, error) {
	if o.Batch <= 0 {
		o.Batch = 4096
	}
	r, err := readRoll(file)
	if err != nil {
		return ImportReport{}, err
	}
	report := ImportReport{Members: len(r.members), Removed: r.removed, Refused: r.refused}
	if len(r.refused) > 0 && !o.Skip {
		return report, fmt.Errorf("issuer: nothing is imported: %w", r.refused[0])
	}
	mark, err := i.beginImport(ctx, r, o, &report)
	if err != nil {
		return report, err
	}
	for done := int(mark.Lines); done < len(r.members); {
		n := min(o.Batch, len(r.members)-done)
		for _, c := range r.members[done : done+n] {
			mark.Prefix = chain(mark.Prefix, c)
		}
		mark.Lines += uint64(n)
		took, err := i.importBatch(ctx, r, done, n, mark, o.Skip, &report)
		if err != nil {
			return report, err
		}
		report.Imported += took
		if done += n; o.Progress != nil {
			o.Progress(done, len(r.members))
		}
	}
	return report, nil
}

// chain hashes over the commitments that were taken in, in order.
func chain(prefix [32]byte, c semaphore.Element) [32]byte {
	return sha256.Sum256(append(prefix[:], c[:]...))
}

// beginImport finds where to go on, looks for members among the rest, and
// publishes that the set has imported members.
func (i *Issuer) beginImport(ctx context.Context, r *roll, o ImportOptions, report *ImportReport) (ImportMark, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return ImportMark{}, err
	}
	mark, err := i.cfg.Store.BeginImport(ctx, sha256.Sum256([]byte("perhuman/import/1"+o.Label)))
	if err != nil {
		return mark, i.failed(ctx, err, false)
	}
	if mark.Lines > uint64(len(r.members)) {
		return mark, fmt.Errorf("%w: it has %d members, %d were taken in", ErrOtherFile, len(r.members), mark.Lines)
	}
	var prefix [32]byte
	for _, c := range r.members[:mark.Lines] {
		prefix = chain(prefix, c)
	}
	if prefix != mark.Prefix {
		return mark, fmt.Errorf("%w: among the first %d members", ErrOtherFile, mark.Lines)
	}
	if rest := len(r.members) - int(mark.Lines); i.group.Size()+rest > 1<<i.cfg.Depth {
		return mark, fmt.Errorf("%w: %d leaves and %d more, at proof depth %d", ErrNoRoom, i.group.Size(), rest, i.cfg.Depth)
	}
	report.Before = int(mark.Lines)
	if !o.Skip {
		for n := int(mark.Lines); n < len(r.members); n += o.Batch {
			if _, err := i.free(ctx, r, n, min(o.Batch, len(r.members)-n), false, report); err != nil {
				return mark, err
			}
		}
	}
	i.imported.Store(true)
	if err := i.publishPolicy(ctx); err != nil {
		return mark, i.failed(ctx, err, false)
	}
	return mark, nil
}

// free gives those of the n members from position from on that are no members
// yet. The others are reported, and an error unless they may be left out. The
// caller holds mu.
func (i *Issuer) free(ctx context.Context, r *roll, from, n int, skip bool, report *ImportReport) ([]Change, error) {
	taken, err := i.cfg.Store.Taken(ctx, r.members[from:from+n])
	if err != nil {
		return nil, coded(err)
	}
	changes := make([]Change, 0, n)
	for k, is := range taken {
		if !is {
			changes = append(changes, Change{Op: setlog.OpEnrol, Commitment: r.members[from+k], imported: true})
			continue
		}
		refusal := Refusal{Unit: r.unit, Number: r.at[from+k], Err: ErrIsMember}
		report.Refused = append(report.Refused, refusal)
		if !skip {
			return nil, fmt.Errorf("issuer: import: %w", refusal)
		}
	}
	return changes, nil
}

// importBatch anchors members, and with them how far the import is.
func (i *Issuer) importBatch(ctx context.Context, r *roll, from, n int, mark ImportMark, skip bool, report *ImportReport) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return 0, err
	}
	changes, err := i.free(ctx, r, from, n, skip, report)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	var next *shown
	touched := false
	err = i.cfg.Store.Anchor(ctx, func(_ []Change, log tlog.HashReader) (b *Batch, err error) {
		now := i.now()
		if s := i.shown.Load(); s != nil && now < s.root.Created {
			return nil, ErrClock
		}
		touched = true
		if b, next, err = i.build(changes, log, now); err == nil {
			b.Import = &mark
		}
		return b, err
	})
	if err != nil {
		return 0, i.failed(ctx, err, touched)
	}
	i.shown.Store(next)
	return len(changes), nil
}

// IsImportRefusal reports whether an import stopped because of what stands in
// its file, and not because of the store.
func IsImportRefusal(err error) bool {
	var r Refusal
	var e *api.Error
	return !errors.As(err, &e) && (errors.As(err, &r) || errors.Is(err, ErrImportFile) || errors.Is(err, ErrOtherFile) || errors.Is(err, ErrNoRoom))
}
