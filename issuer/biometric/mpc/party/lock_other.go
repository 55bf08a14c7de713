//go:build !unix

package party

import (
	"errors"
	"fmt"
	"os"
)

// lockFile refuses: without a lock that dies with its process, two processes
// could use one query number twice.
func lockFile(path string) (*os.File, error) {
	return nil, fmt.Errorf("%w: lock %s: %w", ErrFolder, path, errors.ErrUnsupported)
}

func mapped(*os.File, int64, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return nil }
