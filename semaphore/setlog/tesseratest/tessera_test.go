package tesseratest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const t0 = 1_790_000_000

// server serves a log's files over HTTP; bend may change them.
type server struct {
	mu   sync.Mutex
	is   *setlogtest.Issuer
	bend func(path string, b []byte) []byte
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	b, err := s.is.Fetch(path)
	if path == "checkpoint" {
		b, err = s.is.Checkpoints[int64(len(s.is.Entries))], nil
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if s.bend != nil {
		b = s.bend(path, bytes.Clone(b))
	}
	_, _ = w.Write(b)
}

// grow publishes one batch of n documents.
func grow(is *setlogtest.Issuer, n int) {
	is.Seq++
	batch := make([]setlog.Entry, n)
	for i := range batch {
		batch[i] = setlog.Entry{Op: setlog.OpStatistics}
		binary.BigEndian.PutUint64(batch[i].Document[:], is.Seq<<20|uint64(i))
	}
	is.Publish(t0+is.Seq, batch)
}

// leaves hashes a bundle with Tessera's parser.
func leaves(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var out [][]byte
	for _, record := range b.Entries {
		if _, err := setlog.ParseRecord(record); err != nil {
			return nil, err
		}
		h := tlog.RecordHash(record)
		out = append(out, h[:])
	}
	return out, nil
}

// A log of three levels of tiles is read by Tessera: its fsck finds it whole,
// its proofs are ours, its tracker follows it from size to size.
func TestTesseraReadsUs(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a", "b", "c"})
	s := &server{is: is}
	web := httptest.NewServer(s)
	defer web.Close()
	root, err := url.Parse(web.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		return fsck.New(is.Name, is.Verifier, f, leaves, fsck.Opts{N: 8}).Check(t.Context())
	}
	tracker, err := client.NewLogStateTracker(t.Context(), f.ReadTile, nil, is.Verifier, is.Name, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 250, 2, 1, 300, 211, 65536 - 768, 1, 700} {
		before := int64(len(is.Entries))
		grow(is, n)
		size := int64(len(is.Entries))
		if err := check(); err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if _, _, _, err := tracker.Update(t.Context()); err != nil || tracker.Latest().Size != uint64(size) {
			t.Fatalf("size %d: the tracker is at %d: %v", size, tracker.Latest().Size, err)
		}
		b, err := client.NewProofBuilder(t.Context(), uint64(size), f.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := b.ConsistencyProof(t.Context(), uint64(before), uint64(size))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := tlog.ProveTree(size, before, is.Hashes)
		if err != nil || !slices.EqualFunc(theirs, ours, func(a []byte, b tlog.Hash) bool { return bytes.Equal(a, b[:]) }) {
			t.Fatalf("consistency of %d and %d: %v", before, size, err)
		}
		for _, i := range []int64{0, before, size / 2, size - 1} {
			theirs, err := b.InclusionProof(t.Context(), uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			ours := is.Proof(int(i)).Proof
			if !slices.EqualFunc(theirs, ours, func(a []byte, b tlog.Hash) bool { return bytes.Equal(a, b[:]) }) {
				t.Fatalf("inclusion of %d in %d", i, size)
			}
		}
	}

	// A second log under the same key is seen by their tracker, as by ours.
	twin := is.Fork()
	grow(is, 3)
	if _, _, _, err := tracker.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	twin.Anchor(t0, []string{"told to somebody else"})
	grow(twin, 9)
	s.mu.Lock()
	s.is = twin
	s.mu.Unlock()
	var fork client.ErrInconsistency
	if _, _, _, err := tracker.Update(t.Context()); !errors.As(err, &fork) {
		t.Error(fmt.Errorf("fork: %w", err))
	}
}

// What is changed in the files does not pass Tessera's fsck. The log is small:
// on a large one fsck 1.0.4 waits for ever for its workers, which have given up.
func TestTesseraSeesChanges(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	grow(is, 600)
	s := &server{is: is}
	web := httptest.NewServer(s)
	defer web.Close()
	root, err := url.Parse(web.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		return fsck.New(is.Name, is.Verifier, f, leaves, fsck.Opts{N: 32}).Check(t.Context())
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"tile/0/000", "tile/1/000.p/2", "tile/entries/001", "checkpoint"} {
		s.mu.Lock()
		bent := false
		s.bend = func(at string, b []byte) []byte {
			if at == path {
				bent = true
				b[len(b)-20] ^= 4
			}
			return b
		}
		s.mu.Unlock()
		if err := check(); err == nil {
			t.Errorf("fsck did not see that %s was changed", path)
		}
		s.mu.Lock()
		if !bent {
			t.Error("nobody asked for", path)
		}
		s.bend = nil
		s.mu.Unlock()
	}
}
