package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Store keeps the checkpoint signed last for each log. Load gives nil before the
// first Save; Save returns once the checkpoint is durable. A witness asks about
// one log from one goroutine at a time.
type Store interface {
	Load(origin string) ([]byte, error)
	Save(origin string, cosigned []byte) error
}

// Folder is a Store of one small file for each log, named by the SHA-256 of its
// origin. A save writes a new file, syncs it, puts it in the old one's place and
// syncs the folder: a crash leaves the old checkpoint or the new one.
type Folder struct {
	path string
	lock *os.File
}

var _ Store = (*Folder)(nil)

// OpenFolder opens a folder, making it if need be, and locks it against a second
// process where the system has locks (not on Windows). Close it at the end.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("witness: state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness: state: %w", err)
	}
	if err := lock(f); err != nil {
		return nil, fmt.Errorf("witness: state: another process uses %s: %w", path, errors.Join(err, f.Close()))
	}
	return &Folder{path, f}, nil
}

// Close gives the folder free.
func (d *Folder) Close() error { return d.lock.Close() }

func (d *Folder) file(origin string) string {
	name := sha256.Sum256([]byte(origin))
	return filepath.Join(d.path, hex.EncodeToString(name[:])+".checkpoint")
}

// Load implements Store.
func (d *Folder) Load(origin string) ([]byte, error) {
	b, err := os.ReadFile(d.file(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("witness: state: %w", err)
	}
	if len(b) == 0 { // never written so: not the same as no file
		return nil, fmt.Errorf("%w: empty file for %s", ErrState, origin)
	}
	return b, nil
}

// Save implements Store.
func (d *Folder) Save(origin string, cosigned []byte) error {
	if err := d.replace(d.file(origin), cosigned); err != nil {
		return fmt.Errorf("witness: state: %w", err)
	}
	return nil
}

func (d *Folder) replace(path string, b []byte) (err error) {
	tmp, err := os.CreateTemp(d.path, filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close() // it may be closed already
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(b); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncFolder(d.path)
}
