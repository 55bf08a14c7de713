package witness_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/sdk/witness"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const t0 = 1_790_000_000

func clock() time.Time { return time.Unix(t0, 0) }

func witnessKey(t testing.TB, name string) (signer, vkey string) {
	t.Helper()
	signer, vkey, err := setlog.GenerateWitnessKey(setlogtest.Seed("key of "+name), name)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

func folder(t testing.TB, path string) *witness.Folder {
	t.Helper()
	f, err := witness.OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // some tests close it themselves
	return f
}

func start(t testing.TB, store witness.Store, logs ...string) *witness.Witness {
	t.Helper()
	key, _ := witnessKey(t, "witness.example")
	w, err := witness.New(witness.Config{Key: key, Logs: logs, Store: store, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// log is an issuer with a checkpoint at every size up to n.
func log(t testing.TB, name string, n int) *setlogtest.Issuer {
	is := setlogtest.New(t, name)
	for i := range n {
		is.Anchor(uint64(t0+i), []string{fmt.Sprint(i)})
	}
	return is
}

func proof(t testing.TB, is *setlogtest.Issuer, from, to int64) tlog.TreeProof {
	t.Helper()
	if from == 0 || from == to {
		return nil
	}
	p, err := tlog.ProveTree(to, from, is.Hashes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func post(t testing.TB, url string, body []byte) (status int, answer, mediaType string) {
	t.Helper()
	resp, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header.Get("Content-Type")
}

// TestT53Protocol walks through every answer that the protocol has, over HTTP.
func TestT53Protocol(t *testing.T) {
	is, dir := log(t, "issuer.example", 20), t.TempDir()
	store := folder(t, dir)
	w := start(t, store, is.VKey)
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	twin := is.Fork()
	twin.Anchor(t0+50, []string{"other"})
	is.Anchor(t0+50, []string{"one"})
	stranger := log(t, "stranger.example", 3)
	policy, err := setlog.NewWitnesses(1, []string{w.VKey()})
	if err != nil {
		t.Fatal(err)
	}
	request := func(old, size int64) []byte {
		return witness.MarshalRequest(old, proof(t, is, old, size), is.Checkpoints[size])
	}
	impostor := setlogtest.New(t, "issuer.example").Fork()
	impostor.Signer, err = note.NewSigner(func() string {
		s, _, err := setlog.GenerateKey(setlogtest.Seed("another key"), "issuer.example")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}())
	if err != nil {
		t.Fatal(err)
	}
	impostor.Anchor(t0, []string{"x"})

	for _, c := range []struct {
		name   string
		body   []byte
		status int
		answer string // of a 409
	}{
		{"nothing", nil, 400, ""},
		{"no empty line", []byte("old 0\n" + is.Name + "\n"), 400, ""},
		{"leading zero", append([]byte("old 00\n\n"), is.Checkpoints[5]...), 400, ""},
		{"negative", append([]byte("old -1\n\n"), is.Checkpoints[5]...), 400, ""},
		{"not base64", append([]byte("old 0\n!\n\n"), is.Checkpoints[5]...), 400, ""},
		{"too many lines", append([]byte("old 0\n"+strings.Repeat(is.Tree(1).Hash.String()+"\n", 64)+"\n"), is.Checkpoints[5]...), 400, ""},
		{"too long", bytes.Repeat([]byte("old 0\n"), 1<<15), 400, ""},
		{"unknown log", witness.MarshalRequest(0, nil, stranger.Checkpoints[3]), 404, ""},
		{"unknown log, unsigned", []byte("old 0\n\nnowhere.example\n0\n\n"), 404, ""},
		{"another's signature", witness.MarshalRequest(0, nil, impostor.Checkpoints[1]), 403, ""},
		{"extension line", witness.MarshalRequest(0, nil, []byte(strings.Replace(string(is.Checkpoints[5]), "\n\n", "\nmore\n\n", 1))), 403, ""},
		{"proof from nothing", witness.MarshalRequest(0, proof(t, is, 3, 5), is.Checkpoints[5]), 422, ""},
		{"not seen yet", request(3, 5), 409, "0\n"},
		{"first", request(0, 5), 200, ""},
		{"again from nothing", request(0, 5), 409, "5\n"},
		{"again", request(5, 5), 200, ""},
		{"again with a proof", witness.MarshalRequest(5, proof(t, is, 3, 5), is.Checkpoints[5]), 422, ""},
		{"stale", request(4, 7), 409, "5\n"},
		{"smaller", request(5, 5), 200, ""},
		{"old above the checkpoint", witness.MarshalRequest(5, nil, is.Checkpoints[4]), 400, ""},
		{"no proof", witness.MarshalRequest(5, nil, is.Checkpoints[9]), 422, ""},
		{"bad proof", witness.MarshalRequest(5, proof(t, is, 4, 9), is.Checkpoints[9]), 422, ""},
		{"next", request(5, 9), 200, ""},
		{"next", request(9, 21), 200, ""},
		{"fork of the same size", witness.MarshalRequest(21, nil, twin.Checkpoints[21]), 409, "21\n"},
		{"fork of an earlier size", witness.MarshalRequest(9, proof(t, twin, 9, 21), twin.Checkpoints[21]), 409, "21\n"},
	} {
		status, answer, mediaType := post(t, server.URL, c.body)
		if status != c.status || c.status == 409 && (answer != c.answer || mediaType != "text/x.tlog.size") {
			t.Errorf("%s: %d %s %q", c.name, status, mediaType, answer)
		}
		if status != 200 {
			continue
		}
		_, _, signed, err := witness.ParseRequest(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if err := policy.Check(append(bytes.Clone(signed), answer...)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := policy.Check(signed); err == nil {
			t.Error("cosigned before it was")
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/add-checkpoint", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Error(method, resp.Status)
		}
	}

	// After a restart it knows where it was.
	if _, err := witness.OpenFolder(dir); err == nil {
		t.Error("two processes in one folder")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w = start(t, folder(t, dir), is.VKey)
	var size *witness.SizeError
	if _, err := w.Add(0, nil, is.Checkpoints[21]); !errors.As(err, &size) || size.Latest != 21 {
		t.Error(err)
	}
	if latest, err := w.Latest(is.Name); err != nil || policy.Check(latest) != nil {
		t.Error("what is stored bears the cosignature:", err)
	}
}

// slow is a store that takes its time, notes what it was given, and fails when
// told to.
type slow struct {
	witness.Store
	mu    sync.Mutex
	sizes []int64
	fail  atomic.Bool
}

var errDisk = errors.New("disk full")

func (s *slow) Save(origin string, cosigned []byte) error {
	if s.fail.Load() {
		return errDisk
	}
	c, err := setlog.RootProof{Checkpoint: cosigned}.UnverifiedCheckpoint()
	if err != nil {
		return err
	}
	time.Sleep(200 * time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, c.Size)
	return s.Store.Save(origin, cosigned)
}

// TestT53Races: requests side by side, each from the size that its sender last
// saw. What is stored never shrinks, and nobody gets a signature for a size that
// was not stored as the newest.
func TestT53Races(t *testing.T) {
	const size, callers = 120, 8
	is := log(t, "issuer.example", size)
	store := &slow{Store: folder(t, t.TempDir())}
	w := start(t, store, is.VKey)
	var signed sync.Map
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			known := int64(0)
			for step := int64(1 + caller%3); known < size; {
				next := min(known+step, size)
				_, err := w.Add(known, proof(t, is, known, next), is.Checkpoints[next])
				var stale *witness.SizeError
				switch {
				case err == nil:
					signed.Store(next, true)
					known = next
				case errors.As(err, &stale):
					if stale.Latest < known {
						t.Errorf("rolled back from %d to %d", known, stale.Latest)
					}
					known = stale.Latest
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	stored := map[int64]bool{}
	for i, n := range store.sizes {
		if i > 0 && n <= store.sizes[i-1] {
			t.Errorf("%d was stored after %d", n, store.sizes[i-1])
		}
		stored[n] = true
	}
	signed.Range(func(n, _ any) bool {
		if !stored[n.(int64)] {
			t.Errorf("%d was signed and not stored", n)
		}
		return true
	})
	if len(store.sizes) < size/3 {
		t.Error("hardly anything was stored:", len(store.sizes))
	}
}

// TestT53ForkRace: two histories that fit the same state arrive together; one of
// them is signed.
func TestT53ForkRace(t *testing.T) {
	for round := range 20 {
		is := log(t, "issuer.example", 5)
		twin := is.Fork()
		is.Anchor(t0, []string{"ours"})
		twin.Anchor(t0, []string{"theirs"})
		w := start(t, &slow{Store: folder(t, t.TempDir())}, is.VKey)
		if _, err := w.Add(0, nil, is.Checkpoints[5]); err != nil {
			t.Fatal(err)
		}
		var good atomic.Int32
		var all sync.WaitGroup
		for _, one := range []*setlogtest.Issuer{is, twin} {
			all.Go(func() {
				if _, err := w.Add(5, proof(t, one, 5, 6), one.Checkpoints[6]); err == nil {
					good.Add(1)
				}
			})
		}
		all.Wait()
		if good.Load() != 1 {
			t.Fatalf("round %d: %d histories signed", round, good.Load())
		}
	}
}

// Without a durable state there is no signature; a state that this witness did
// not write stops it.
func TestState(t *testing.T) {
	is, dir := log(t, "issuer.example", 9), t.TempDir()
	files := folder(t, dir)
	store := &slow{Store: files}
	w := start(t, store, is.VKey)
	if _, err := w.Add(0, nil, is.Checkpoints[4]); err != nil {
		t.Fatal(err)
	}
	store.fail.Store(true)
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	if status, answer, _ := post(t, server.URL, witness.MarshalRequest(4, proof(t, is, 4, 9), is.Checkpoints[9])); status != 500 || strings.Contains(answer, "—") || strings.Contains(answer, dir) {
		t.Error(status, answer)
	}
	store.fail.Store(false)
	var size *witness.SizeError
	if _, err := w.Add(9, nil, is.Checkpoints[9]); !errors.As(err, &size) || size.Latest != 4 {
		t.Error("what was not stored counts:", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	var state string
	for _, path := range found {
		if strings.HasSuffix(path, ".checkpoint") {
			state = path
		}
	}
	good, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := witnessKey(t, "witness.example")
	for name, b := range map[string][]byte{"empty": nil, "cut": good[:len(good)-5], "not cosigned": is.Checkpoints[1], "bent": bytes.Replace(bytes.Clone(good), []byte("\n4\n"), []byte("\n3\n"), 1)} {
		if err := os.WriteFile(state, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := witness.New(witness.Config{Key: key, Logs: []string{is.VKey}, Store: files, Now: clock}); !errors.Is(err, witness.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// While an issuer changes its key, either signature will do (T52).
func TestKeyChange(t *testing.T) {
	is := log(t, "issuer.example", 3)
	skey, vkey, err := setlog.GenerateKey(setlogtest.Seed("the next key"), "issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, folder(t, t.TempDir()), is.VKey, vkey)
	if _, err := w.Add(0, nil, is.Checkpoints[2]); err != nil {
		t.Fatal(err)
	}
	if is.Signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	is.Anchor(t0+9, []string{"under the new key"})
	if _, err := w.Add(2, proof(t, is, 2, 4), is.Checkpoints[4]); err != nil {
		t.Error(err)
	}
}

func FuzzParseRequest(f *testing.F) {
	is := log(f, "issuer.example", 5)
	f.Add(witness.MarshalRequest(2, proof(f, is, 2, 5), is.Checkpoints[5]))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		old, p, signed, err := witness.ParseRequest(body)
		if err != nil {
			if !errors.Is(err, witness.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		if !bytes.Equal(witness.MarshalRequest(old, p, signed), body) {
			t.Error("a second encoding")
		}
	})
}
