package party

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// Names of share files: "shares.N" is in use, or was until the switch to N+1;
// "shares.N.kept" is whole and on the disk, and waits for the others; what ends in
// ".new" is being written, and of no use after a crash.
const (
	keptSuffix = ".kept"
	newSuffix  = ".new"
)

// shareFile is a share file by its name.
type shareFile struct {
	path  string
	epoch uint64
}

// is says whether the name says what the header does.
func (x shareFile) is(e mpc.Epoch) error {
	if e.Number != x.epoch {
		return fmt.Errorf("%w: epoch %d in the share file of epoch %d", ErrFolder, e.Number, x.epoch)
	}
	return nil
}

// shareFiles are those of a folder.
type shareFiles struct {
	inUse []shareFile // one, or two after a switch: the older first
	kept  *shareFile
	cut   []string // written in part
}

// list finds them. What does not belong together is ErrFolder.
func (f *Folder) list() (files shareFiles, err error) {
	names, err := filepath.Glob(filepath.Join(f.dir, "shares.*"))
	if err != nil {
		return files, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	for _, path := range names {
		text := strings.TrimPrefix(filepath.Base(path), "shares.")
		if strings.HasSuffix(text, newSuffix) {
			files.cut = append(files.cut, path)
			continue
		}
		text, kept := strings.CutSuffix(text, keptSuffix)
		number, err := strconv.ParseUint(text, 10, 64)
		if err != nil || strconv.FormatUint(number, 10) != text || kept && files.kept != nil {
			return files, fmt.Errorf("%w: %s is no share file that this version knows, or one too many", ErrFolder, path)
		}
		if kept {
			files.kept = &shareFile{path, number}
		} else {
			files.inUse = append(files.inUse, shareFile{path, number})
		}
	}
	slices.SortFunc(files.inUse, func(a, b shareFile) int { return cmp.Compare(a.epoch, b.epoch) })
	all := files.inUse
	if files.kept != nil {
		all = append(slices.Clone(all), *files.kept)
	}
	if len(all) > 2 || len(all) == 2 && all[1].epoch != all[0].epoch+1 || len(all) > 0 && len(files.inUse) == 0 {
		return files, fmt.Errorf("%w: %d share files that do not belong together", ErrFolder, len(all))
	}
	return files, nil
}

// epochOf reads the header of a share file.
func (f *Folder) epochOf(x shareFile) (e mpc.Epoch, err error) {
	s, e, err := OpenShares(x.path, f.number, f.group.modality)
	if err != nil {
		return e, err
	}
	return e, errors.Join(x.is(e), s.Close())
}

// shareWriter is the file of a new epoch on its way: mpc.ShareWriter.
type shareWriter struct {
	f      *Folder
	path   string
	shares *Shares
	places int
	epoch  mpc.Epoch
}

var _ mpc.ShareWriter = (*shareWriter)(nil)

// syncEvery is after how many places the disk gets what was written, so that Keep
// takes no longer than the others wait for it.
const syncEvery = 1024

// Start begins the file.
func (w *shareWriter) Start(e mpc.Epoch) error {
	w.path = filepath.Join(w.f.dir, fmt.Sprintf("shares.%d", e.Number))
	for _, path := range []string{w.path, w.path + keptSuffix} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s is there already", ErrShares, path)
		}
	}
	file, err := os.OpenFile(w.path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	w.shares, w.epoch = newShares(file, w.path, w.f.group.modality.Words()), e
	if _, err := file.WriteAt(header(w.f.number, w.f.group.modality, e), 0); err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	return nil
}

// Write puts the words of the next place, or the time at which it was overwritten.
func (w *shareWriter) Write(place int, words []uint16) error {
	var gone uint64
	if words == nil {
		var err error
		if gone, err = w.f.shares.Erased(place); err != nil {
			return err
		}
		words = make([]uint16, w.shares.words)
	}
	if err := w.shares.write(place, words, gone); err != nil {
		return err
	}
	w.places = place + 1
	if w.places%syncEvery == 0 {
		return w.shares.Sync()
	}
	return nil
}

// Keep returns when all of it is on the disk, under a name that says so.
func (w *shareWriter) Keep() error {
	chunks := max(1, (w.places+w.shares.perChunk-1)/w.shares.perChunk)
	if err := w.shares.file.Truncate(headSize + int64(chunks)*int64(w.shares.chunk)); err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	if err := w.shares.Sync(); err != nil {
		return err
	}
	if err := os.Rename(w.path+newSuffix, w.path+keptSuffix); err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	if err := syncFolder(w.path); err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	return nil
}

// close ends the writing; what is not whole is removed.
func (w *shareWriter) close() error {
	if w.shares == nil {
		return nil
	}
	err := w.shares.Close()
	if removed := os.Remove(w.path + newSuffix); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
