package setlog

import (
	"fmt"
	"io"
	"io/fs"
)

// FetchFS reads a log's files from a folder that holds them under the paths at
// which they are served: "checkpoint", "head", "tile/0/x001/234". A missing file
// gives an error that is fs.ErrNotExist; a file above 1 MiB is refused.
func FetchFS(folder fs.FS) Fetch {
	return func(path string) ([]byte, error) {
		f, err := folder.Open(path)
		if err != nil {
			return nil, fmt.Errorf("setlog: archive: %w", err)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, MaxHead+1))
		if err != nil {
			return nil, fmt.Errorf("setlog: archive: %w", err)
		}
		if len(b) > MaxHead {
			return nil, malformed("archive: %s is too large", path)
		}
		return b, nil
	}
}

// FetchEntries reads entry bundles, and no other files, from one file that holds
// them one after the other from the first on.
func FetchEntries(file io.ReaderAt) Fetch {
	return func(path string) ([]byte, error) {
		t, err := ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		if t.L != EntriesLevel {
			return nil, fmt.Errorf("setlog: archive: %s: %w", path, fs.ErrNotExist)
		}
		b := make([]byte, t.W*(2+RecordSize))
		// A reader may report the end together with the last bytes.
		if n, err := file.ReadAt(b, t.N*int64(MaxBundle)); n < len(b) {
			return nil, fmt.Errorf("setlog: archive: %s: %d of %d bytes: %w", path, n, len(b), err)
		}
		return b, nil
	}
}
