package party

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// A refresh replaces the shares of everybody, at all three or at none. A party's
// part of it goes through four states, which its files alone say, so a kill in
// between changes nothing:
//
//	shares.N                      settled in epoch N
//	shares.N  shares.N+1.kept     it has kept N+1, and computes nothing
//	shares.N  shares.N+1          it has switched, and computes nothing
//	          shares.N+1          settled in epoch N+1
//
// The sequencer calls Switch when all three have kept the same epoch, and Settle
// when all three have switched: before that nobody has removed anything, and
// after it nobody needs the older shares. Drop goes back from kept, at any time.
// Back goes back from switched, and is called only when another party has answered
// Drop since: that one has not switched then, and never will, so that nobody can
// have settled. So whoever calls what, in any order and however late, all three
// keep shares of one common epoch.
//
// In epochs that are not settled a party refuses everything but these calls,
// Status and Roll: what would be computed or begun there belongs to two epochs.

// epochs is where a party is.
type epochs struct {
	now    mpc.Epoch
	kept   *mpc.Epoch
	older  *mpc.Epoch
	cancel context.CancelFunc // of a refresh that runs
	broken error              // the shares could not be opened again
}

func (e epochs) settled() error {
	switch {
	case e.broken != nil:
		return e.broken
	case e.cancel != nil, e.kept != nil, e.older != nil:
		return fmt.Errorf("%w: a refresh is not done yet", mpc.ErrEpoch)
	}
	return nil
}

// enter gives the party for as long as its shares stay where they are. An epoch
// that is not settled is ErrEpoch.
func (f *Folder) enter() (p *mpc.Party, done func(), err error) {
	f.use.RLock()
	p, e := f.now()
	if err := e.settled(); err != nil {
		f.use.RUnlock()
		return nil, nil, err
	}
	return p, f.use.RUnlock, nil
}

// now gives the party, which nobody may compute with, and its epochs.
func (f *Folder) now() (*mpc.Party, epochs) {
	f.at.Lock()
	defer f.at.Unlock()
	return f.party, f.epochs
}

// refresh makes the shares of the next epoch with the other two. When it returns
// no error all three have kept theirs.
func (f *Folder) refresh(ctx context.Context, number uint64) (mpc.Epoch, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := f.freeze(cancel)
	if err != nil {
		return mpc.Epoch{}, err
	}
	f.use.RLock()
	defer f.use.RUnlock()
	w := &shareWriter{f: f}
	e, err := p.Refresh(ctx, number, w)
	err = errors.Join(err, w.close())
	files, failed := f.list()
	f.at.Lock()
	defer f.at.Unlock()
	f.epochs.cancel = nil
	switch {
	case failed != nil:
		f.epochs.broken = failed
	case files.kept != nil:
		f.epochs.kept = &w.epoch
	}
	return e, errors.Join(err, failed)
}

// freeze waits for whoever is at work, and keeps others out.
func (f *Folder) freeze(cancel context.CancelFunc) (*mpc.Party, error) {
	f.use.Lock()
	defer f.use.Unlock()
	f.at.Lock()
	defer f.at.Unlock()
	if err := f.epochs.settled(); err != nil {
		return nil, err
	}
	f.epochs.cancel = cancel
	return f.party, nil
}

// switchTo goes from kept to switched. Kept shares that are damaged are removed:
// they never were switched to, so the others go back.
func (f *Folder) switchTo(to mpc.Epoch, now uint64) error {
	f.use.Lock()
	defer f.use.Unlock()
	_, e := f.now()
	switch {
	case e.broken != nil:
		return e.broken
	case e.kept == nil && e.now == to:
		return nil
	case e.kept == nil || *e.kept != to:
		return fmt.Errorf("%w: epoch %d was not kept", mpc.ErrEpoch, to.Number)
	}
	files, err := f.list()
	if err != nil {
		return err
	}
	if damaged := f.whole(files.kept.path); damaged != nil {
		return errors.Join(damaged, f.remove(files.kept.path, now))
	}
	path := strings.TrimSuffix(files.kept.path, keptSuffix)
	err = errors.Join(os.Rename(files.kept.path, path), syncFolder(path))
	return f.reopen(err, now)
}

// whole reads and checks the record of every place.
func (f *Folder) whole(path string) (err error) {
	s, _, err := OpenShares(path, f.number, f.group.modality)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for place := range f.roll.Len() {
		if _, state, _ := f.roll.At(place); state == mpc.Gone {
			continue
		}
		if err := s.Check(place); err != nil {
			return err
		}
	}
	return nil
}

// drop goes back from kept to settled in an epoch, and ends a refresh that runs.
func (f *Folder) drop(in mpc.Epoch, now uint64) error {
	if _, e := f.now(); e.cancel != nil {
		e.cancel()
	}
	f.use.Lock()
	defer f.use.Unlock()
	_, e := f.now()
	switch {
	case e.broken != nil:
		return e.broken
	case e.older != nil || e.now != in:
		return fmt.Errorf("%w: it is in epoch %d, or was switched to it", mpc.ErrEpoch, e.now.Number)
	case e.kept == nil:
		return nil
	}
	files, err := f.list()
	if err != nil {
		return err
	}
	return f.remove(files.kept.path, now)
}

// back goes from switched to the older epoch.
func (f *Folder) back(from mpc.Epoch, now uint64) error {
	f.use.Lock()
	defer f.use.Unlock()
	_, e := f.now()
	switch {
	case e.broken != nil:
		return e.broken
	case e.now != from:
		return nil
	case e.older == nil:
		return fmt.Errorf("%w: the shares before epoch %d are removed", mpc.ErrEpoch, from.Number)
	}
	return f.removeInUse(1, now)
}

// settle removes the older shares.
func (f *Folder) settle(in mpc.Epoch, now uint64) error {
	f.use.Lock()
	defer f.use.Unlock()
	_, e := f.now()
	switch {
	case e.broken != nil:
		return e.broken
	case e.now != in || e.kept != nil:
		return fmt.Errorf("%w: it is not in epoch %d", mpc.ErrEpoch, in.Number)
	case e.older == nil:
		return nil
	}
	return f.removeInUse(0, now)
}

// removeInUse removes the older or the newer of two files. use is held.
func (f *Folder) removeInUse(which int, now uint64) error {
	files, err := f.list()
	if err != nil {
		return err
	}
	if len(files.inUse) != 2 {
		return fmt.Errorf("%w: %d share files", ErrFolder, len(files.inUse))
	}
	return f.remove(files.inUse[which].path, now)
}

// remove removes a share file for good and opens what is left. use is held.
func (f *Folder) remove(path string, now uint64) error {
	err := os.Remove(path)
	return f.reopen(errors.Join(err, syncFolder(path)), now)
}

// reopen has the party use what the files say now. If that fails, or what was done
// to the files did, it computes nothing until it is started again. use is held.
func (f *Folder) reopen(before error, now uint64) error {
	if before != nil {
		before = fmt.Errorf("%w: %w", ErrFolder, before)
	}
	old, _ := f.now()
	old.Stop(fmt.Errorf("%w: another epoch is in use", mpc.ErrEpoch))
	err := errors.Join(before, f.shares.Close())
	f.shares = nil
	if err == nil {
		err = f.openShares(now)
	}
	if err != nil {
		f.at.Lock()
		f.epochs.broken = err
		f.at.Unlock()
	}
	return err
}
