package party

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// Folder is what one party keeps on its disk, open for one process. It is safe
// for concurrent use.
type Folder struct {
	dir    string
	group  *group
	number int
	keys   *Keys
	mark   *mpc.Mark
	roll   *mpc.Roll
	lock   *os.File

	mu     sync.Mutex   // held while shares change
	use    sync.RWMutex // held by whoever needs the shares; for writing, to exchange the file
	shares *Shares

	at     sync.Mutex // held for a moment
	party  *mpc.Party
	epochs epochs
}

// CreateFolder makes the folder of a new party and gives what others need to know
// of it: the entry for the group file. dir must not exist or be empty.
func CreateFolder(dir, address string, rand io.Reader) (Member, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if len(entries) > 0 {
		return Member{}, fmt.Errorf("%w: %s is not empty", ErrFolder, dir)
	}
	line, err := NewSecret(rand)
	if err != nil {
		return Member{}, err
	}
	keys, err := ParseSecret(line)
	if err != nil {
		return Member{}, err
	}
	if _, err := mpc.CreateMark(filepath.Join(dir, "mark")); err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "secret"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	_, err = file.WriteString(line + "\n")
	if err = errors.Join(err, file.Sync(), file.Close(), syncFolder(file.Name())); err != nil {
		return Member{}, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return keys.Public(address), nil
}

// ReadKeys reads the keys of a folder, which may be open elsewhere.
func ReadKeys(dir string) (*Keys, error) {
	path := filepath.Join(dir, "secret")
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s can be read by others; chmod 600 it first", ErrFolder, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer clear(b)
	return ParseSecret(string(b))
}

// OpenFolder opens a party's folder for its group. Which party it is follows from
// its keys. It reads and checks every record, which takes as long as reading the
// file does. What a crash left to be erased bears the time now.
func OpenFolder(dir string, g Group, now time.Time) (_ *Folder, err error) {
	f, err := whose(dir, g)
	if err != nil {
		return nil, err
	}
	if f.lock, err = lockFile(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.mark, err = mpc.OpenMark(filepath.Join(dir, "mark")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := f.lost(); err != nil {
		return nil, err
	}
	if f.roll, err = mpc.OpenRoll(filepath.Join(dir, "roll")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return f, f.openShares(unix(now))
}

// whose finds out which party of a group a folder is of.
func whose(dir string, g Group) (*Folder, error) {
	read, err := g.read()
	if err != nil {
		return nil, err
	}
	keys, err := ReadKeys(dir)
	if err != nil {
		return nil, err
	}
	for i, m := range g.Parties {
		if keys.Public(m.Address) == m {
			return &Folder{dir: dir, group: read, keys: keys, number: i}, nil
		}
	}
	keys.Seal.Wipe()
	return nil, fmt.Errorf("%w: no party of it has the keys of %s", ErrGroup, dir)
}

// lost says that a folder which was in use has no roll any more. The roll is the
// first file that a start makes: only a new party has none.
func (f *Folder) lost() error {
	_, err := os.Lstat(filepath.Join(f.dir, "roll"))
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files, err := f.list()
	if err == nil && (len(files.inUse) > 0 || f.mark.Next() > 1) {
		err = fmt.Errorf("%w: the roll is missing: %w", ErrFolder, fs.ErrNotExist)
	}
	return err
}

// unix is never 0, which says that nothing was erased.
func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 1)) } // #nosec G115 -- positive

// openShares opens the share file that is in use and gives it to a new party. What
// a crash left of a file that was being written is removed.
func (f *Folder) openShares(now uint64) error {
	files, err := f.list()
	if err != nil {
		return err
	}
	for _, path := range files.cut {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("%w: %w", ErrFolder, err)
		}
	}
	var e epochs
	switch {
	case len(files.inUse) > 0:
		last := files.inUse[len(files.inUse)-1]
		if f.shares, e.now, err = OpenShares(last.path, f.number, f.group.modality); err == nil {
			err = last.is(e.now)
		}
	case f.roll.Len() == 0:
		f.shares, err = CreateShares(filepath.Join(f.dir, "shares.0"), f.number, f.group.modality, e.now)
	default:
		err = fmt.Errorf("%w: 0 share files for a roll of %d places", ErrFolder, f.roll.Len())
	}
	if err != nil {
		return err
	}
	if len(files.inUse) == 2 {
		older, err := f.epochOf(files.inUse[0])
		if err != nil {
			return err
		}
		e.older = &older
	}
	if files.kept != nil {
		kept, err := f.epochOf(*files.kept)
		if err != nil {
			return err
		}
		e.kept = &kept
	}
	p, err := mpc.NewParty(f.number, f.group.modality, f.roll, e.now, mpc.Prefix)
	if err != nil {
		return err
	}
	if err := f.restore(p, now); err != nil {
		return err
	}
	f.at.Lock()
	defer f.at.Unlock()
	f.party, f.epochs = p, e
	return nil
}

// restore gives the party everybody's shares. Who was deleted, and whose shares a
// crash left, is overwritten now.
func (f *Folder) restore(p *mpc.Party, now uint64) error {
	for place := range f.roll.Len() {
		var words []uint16
		if _, state, _ := f.roll.At(place); state == mpc.Gone {
			if _, err := f.shares.Erase(place, now); err != nil {
				return err
			}
		} else {
			if err := f.shares.Check(place); err != nil {
				return err
			}
			var err error
			if words, err = f.shares.Words(place); err != nil {
				return err
			}
		}
		if err := p.Restore(words); err != nil {
			return err
		}
	}
	return nil
}

// Number is which of the three parties it is.
func (f *Folder) Number() int { return f.number }

// Places is the length of the roll.
func (f *Folder) Places() int { return f.roll.Len() }

// begin makes a person pending at a place, which has to be the next one or the
// serial's own. The words are copied.
func (f *Folder) begin(s mpc.Serial, c mpc.Capture, at int, words []uint16) error {
	p, done, err := f.enter()
	if err != nil {
		return err
	}
	defer done()
	f.mu.Lock()
	defer f.mu.Unlock()
	place, there, err := f.roll.May(s, c)
	switch {
	case err != nil:
		return err
	case place != at:
		return fmt.Errorf("%w: %d is the next one, not %d", ErrPlace, place, at)
	case there:
		return nil
	}
	if err := f.shares.Write(place, words, false); err != nil {
		return err
	}
	kept, err := f.shares.Words(place)
	if err != nil {
		return err
	}
	return p.Begin(s, c, kept)
}

// void fills a place that the other parties gave to a serial whose capture never
// came here, so that the rolls are alike again: pending without shares, and gone.
func (f *Folder) void(s mpc.Serial, c mpc.Capture, at int, now uint64) error {
	if _, state, known := f.roll.Lookup(s); known && state == mpc.Gone {
		return nil
	}
	if err := f.begin(s, c, at, make([]uint16, f.group.modality.Words())); err != nil {
		return err
	}
	_, _, err := f.free(s, now)
	return err
}

// free ends a serial, overwrites its shares and gives the time.
func (f *Folder) free(s mpc.Serial, now uint64) (place int, gone uint64, err error) {
	p, done, err := f.enter()
	if err != nil {
		return 0, 0, err
	}
	defer done()
	if err := p.Free(s); err != nil {
		return 0, 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	place, _, _ = f.roll.Lookup(s)
	gone, err = f.shares.Erase(place, now)
	return place, gone, err
}

// commit makes a pending serial a member.
func (f *Folder) commit(s mpc.Serial) error {
	p, done, err := f.enter()
	if err != nil {
		return err
	}
	defer done()
	return p.Commit(s)
}

// disconnect ends the session, if there is one.
func (f *Folder) disconnect() {
	p, _ := f.now()
	_ = p.Disconnect()
}

// Close ends the use of the folder. No computation may be running.
func (f *Folder) Close() error {
	var err error
	if f.party != nil {
		f.party.Stop(fmt.Errorf("%w: closed", ErrUnavailable))
	}
	if f.shares != nil {
		err = f.shares.Close()
	}
	if f.roll != nil {
		err = errors.Join(err, f.roll.Close())
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	f.keys.Seal.Wipe()
	return err
}
