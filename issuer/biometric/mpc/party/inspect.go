package party

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	inUse, err := f.inUse()
	if err != nil {
		return in, err
	}
	if len(inUse) == 0 && in.Places == 0 {
		return in, nil
	}
	if len(inUse) != 1 {
		in.fault(fmt.Errorf("%w: %d share files for a roll of %d places", ErrFolder, len(inUse), in.Places))
		return in, nil
	}
	return in, in.file(inUse[0], f, records)
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

// file looks at the share file.
func (in *Inspection) file(path string, f *Folder, records bool) (err error) {
	file, err := os.Open(path) // #nosec G304 -- in the party's folder
	if err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b := make([]byte, headSize)
	n, err := file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	epoch, err := parseHeader(b[:n], f.number, f.group.modality)
	if err != nil {
		in.fault(err)
		return nil
	}
	in.Epoch = epoch.Number
	if !records {
		return nil
	}
	s := newShares(file, path, f.group.modality.Words())
	b = make([]byte, s.record)
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
