package party

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// Inspection is what a folder holds.
type Inspection struct {
	Status
	Members int
	Gone    int
	// Torn: the roll ends with a change that was written in part, which nobody was
	// told of. The next start drops it.
	Torn bool
	// Erase is how many people are gone whose shares were not yet overwritten,
	// after a crash. The next start does it.
	Erase int
	// Faults are what no crash leaves, each of the form errors of OpenFolder have.
	Faults []error
}

// Inspect looks at a folder that nobody has open, and changes nothing in it.
// With records it reads and checks the shares of every place too, which takes as
// long as reading the file. What is wrong with the folder's contents is in Faults;
// an error says that they could not be looked at.
func Inspect(dir string, g Group, records bool) (in Inspection, err error) {
	f, err := whose(dir, g)
	if err != nil {
		return in, err
	}
	defer f.keys.Seal.Wipe()
	if f.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, f.lock.Close()) }()
	in.Party, in.Modality = f.number, f.group.modality.Name()
	if f.mark, err = mpc.OpenMark(filepath.Join(dir, "mark")); err != nil {
		in.fault(fmt.Errorf("%w: %w", ErrFolder, err))
	} else {
		in.Next = f.mark.Next()
		if err := f.lost(); err != nil {
			in.fault(err)
			return in, nil
		}
	}
	f.roll, in.Torn, err = mpc.ReadRoll(filepath.Join(dir, "roll"))
	switch {
	case errors.Is(err, fs.ErrNotExist): // a party that never ran
		return in, nil
	case err != nil:
		in.fault(fmt.Errorf("%w: %w", ErrFolder, err))
		return in, nil
	}
	in.count(f.roll)
	files, err := f.list()
	if err != nil {
		in.fault(err)
		return in, nil
	}
	if len(files.inUse) == 0 {
		if in.Places > 0 {
			in.fault(fmt.Errorf("%w: 0 share files for a roll of %d places", ErrFolder, in.Places))
		}
		return in, nil
	}
	// One is in use; the other one belongs to a refresh that is not done.
	var e epochs
	list := slices.Clone(files.inUse)
	into := []*mpc.Epoch{&e.now}
	switch {
	case len(list) == 2:
		e.older = &mpc.Epoch{}
		into = []*mpc.Epoch{e.older, &e.now}
	case files.kept != nil:
		e.kept = &mpc.Epoch{}
		list, into = append(list, *files.kept), append(into, e.kept)
	}
	for i, x := range list {
		if *into[i], err = in.file(x, f, records); err != nil {
			return in, err
		}
	}
	in.in(e)
	return in, nil
}

func (in *Inspection) fault(err error) { in.Faults = append(in.Faults, err) }

func (in *Inspection) count(r *mpc.Roll) {
	places, digest := r.Digest()
	in.Places, in.Digest, in.Pending = places, digest[:], len(r.Pending())
	for place := range places {
		switch _, state, _ := r.At(place); state {
		case mpc.Member:
			in.Members++
		case mpc.Gone:
			in.Gone++
		}
	}
}

// file looks at a share file.
func (in *Inspection) file(x shareFile, f *Folder, records bool) (epoch mpc.Epoch, err error) {
	file, err := os.Open(x.path) // #nosec G304 -- in the party's folder
	if err != nil {
		return epoch, fmt.Errorf("%w: %w", ErrShares, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b := make([]byte, headSize)
	n, err := file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return epoch, fmt.Errorf("%w: %w", ErrShares, err)
	}
	if epoch, err = parseHeader(b[:n], f.number, f.group.modality); err == nil {
		err = x.is(epoch)
	}
	if err != nil {
		in.fault(err)
		return epoch, nil
	}
	if records {
		err = in.records(file, x.path, f)
	}
	return epoch, err
}

// records looks at every record of a share file.
func (in *Inspection) records(file *os.File, path string, f *Folder) error {
	s := newShares(file, path, f.group.modality.Words())
	b := make([]byte, s.record)
	defer clear(b)
	read := func(place int) (whole bool, gone uint64, err error) {
		clear(b)
		if _, err := file.ReadAt(b, s.offset(place)); err != nil && err != io.EOF {
			return false, 0, fmt.Errorf("%w: place %d: %w", ErrShares, place, err)
		}
		return checkRecord(b, s.words, place) == nil, binary.LittleEndian.Uint64(b[2*s.words+8:]), nil
	}
	for place := range in.Places {
		_, state, _ := f.roll.At(place)
		whole, gone, err := read(place)
		switch {
		case err != nil:
			return err
		case state == mpc.Gone && (!whole || gone == 0):
			in.Erase++
		case state != mpc.Gone && !whole:
			in.fault(fmt.Errorf("%w: place %d", ErrShares, place))
		case state != mpc.Gone && gone != 0:
			in.fault(fmt.Errorf("%w: place %d was overwritten, and its person is not gone", ErrShares, place))
		}
	}
	// One place past the end may have been written before a crash, never two.
	if whole, _, err := read(in.Places + 1); err != nil || whole {
		if whole {
			in.fault(fmt.Errorf("%w: the roll has %d places, and there are shares of more", ErrFolder, in.Places))
		}
		return err
	}
	return nil
}
