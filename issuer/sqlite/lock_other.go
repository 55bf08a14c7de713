//go:build !unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
)

// lockFile refuses: without a lock that dies with its process, two processes
// could keep two galleries over one set and admit one person twice.
func lockFile(path string) (*os.File, error) {
	return nil, fmt.Errorf("sqlite: lock %s: %w", path, errors.ErrUnsupported)
}
