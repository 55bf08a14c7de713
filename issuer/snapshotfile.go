package issuer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// SnapshotFile keeps the snapshot in a file of mode 0600. A new one is written
// beside it, synced, and renamed over it, so that a crash at any moment leaves
// the old one or the new one.
type SnapshotFile string

var _ Snapshots = SnapshotFile("")

// Open implements Snapshots.
func (f SnapshotFile) Open() (io.ReadCloser, int64, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// Replace implements Snapshots.
func (f SnapshotFile) Replace(write func(io.Writer) error) (err error) {
	name := string(f) + ".new"
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(name, string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return syncDir(string(f))
}

// syncDir has the disk keep a name: that of the file, in its folder.
func syncDir(name string) error {
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
