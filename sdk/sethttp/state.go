package sethttp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State keeps a follower's memory over restarts. Load gives nil before the first
// Save; Save returns once the state is durable.
type State interface {
	Load() ([]byte, error)
	Save(state []byte) error
}

// FileState keeps the state in one file, which only its owner may read. A save
// replaces the file as a whole: a crash leaves the old state or the new one.
// Delete the file to start again from the first head, for example after a fork
// has been dealt with.
func FileState(path string) State { return fileState(path) }

type fileState string

var _ State = fileState("")

func (f fileState) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sethttp: read state: %w", err)
	}
	return b, nil
}

func (f fileState) Save(state []byte) (err error) {
	dir := filepath.Dir(string(f))
	// CreateTemp makes the file with mode 0600.
	tmp, err := os.CreateTemp(dir, filepath.Base(string(f))+".*.tmp")
	if err != nil {
		return fmt.Errorf("sethttp: write state: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close() // it may be closed already
			err = fmt.Errorf("sethttp: write state: %w", errors.Join(err, os.Remove(tmp.Name())))
		}
	}()
	if _, err = tmp.Write(state); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), string(f)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
