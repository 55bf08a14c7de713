package cosign_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/cosign"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/witness"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// aWitness is a real witness behind a real server, with two switches.
type aWitness struct {
	vkey, dir   string
	server      *httptest.Server
	down, lying atomic.Bool
	asked       atomic.Int64
	liar        http.Handler
	real        http.Handler
}

func newWitness(t *testing.T, name, issuerKey string) *aWitness {
	t.Helper()
	skey, vkey, err := setlog.GenerateWitnessKey(setlogtest.Seed(name), name)
	if err != nil {
		t.Fatal(err)
	}
	a := &aWitness{vkey: vkey, dir: t.TempDir()}
	open := func(folder, key string) http.Handler {
		store, err := witness.OpenFolder(filepath.Join(a.dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		w, err := witness.New(witness.Config{Key: key, Logs: []string{issuerKey}, Store: store, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return w.Handler()
	}
	// A liar signs under the same name with a key that is not the published one.
	other, _, err := setlog.GenerateWitnessKey(setlogtest.Seed("not "+name), name)
	if err != nil {
		t.Fatal(err)
	}
	a.real, a.liar = open("real", skey), open("liar", other)
	a.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		switch {
		case a.down.Load():
			select { // it takes the request and never answers
			case <-r.Context().Done():
			case <-t.Context().Done():
			}
		case a.lying.Load():
			a.liar.ServeHTTP(w, r)
		default:
			a.real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

type world struct {
	*testkit.World
	store *sqlite.Store
	i     *issuer.Issuer
	all   []*aWitness
	path  string
	c     *cosign.Collector
	stop  func()
}

const quorum = 2

func (w *world) open(t *testing.T) {
	t.Helper()
	var err error
	if w.store, err = sqlite.Open(w.path); err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(w.store, w.Matcher())
	cfg.Quorum, cfg.Now = quorum, time.Now
	at := map[string]string{}
	for _, a := range w.all {
		cfg.Witnesses = append(cfg.Witnesses, a.vkey)
		at[a.vkey] = a.server.URL
	}
	if w.i, err = issuer.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.c, err = cosign.New(cosign.Config{Issuer: w.i, Witnesses: at, Timeout: 300 * time.Millisecond, Look: 5 * time.Millisecond, Pause: 20 * time.Millisecond, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.c.Run(ctx); close(done) }()
	w.stop = func() { cancel(); <-done }
}

func (w *world) close(t *testing.T) {
	t.Helper()
	w.stop()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: testkit.NewWorld(t, 1), path: filepath.Join(t.TempDir(), "issuer.db")}
	w.Clock.Move(time.Since(w.Clock.Now()))
	w.Device = w.NewDevice(t)
	for _, name := range []string{"north.example", "south.example", "west.example"} {
		w.all = append(w.all, newWitness(t, name, w.VKey))
	}
	w.open(t)
	return w
}

func (w *world) enrol(t *testing.T, n uint64) string {
	t.Helper()
	r, err := w.i.Enrol(t.Context(), w.Start(t, w.i, testkit.NewPerson(n)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := w.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 250*time.Millisecond {
		t.Errorf("an anchor took %s: it waited for a witness", took)
	}
	return r.Enrolment.ID
}

// follower reads heads straight from the issuer, with a k-of-n policy.
func (w *world) follower(t *testing.T, k int) *setlog.Follower {
	t.Helper()
	var vkeys []string
	for _, a := range w.all {
		vkeys = append(vkeys, a.vkey)
	}
	policy, err := setlog.NewWitnesses(k, vkeys)
	if err != nil {
		t.Fatal(err)
	}
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: w.i.VKey(), Witnesses: policy})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) update(t *testing.T, f *setlog.Follower) error {
	t.Helper()
	head, err := w.i.Head()
	if err != nil {
		t.Fatal(err)
	}
	return f.Update(head.Note, time.Now(), func(path string) ([]byte, error) {
		tile, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return w.i.Tile(t.Context(), tile)
	})
}

// await waits until so many have cosigned the newest checkpoint.
func (w *world) await(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(w.i.Witnesses().Signed) != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d have signed, not %d: %+v", len(w.i.Witnesses().Signed), n, w.c.State())
		}
	}
}

// Three witnesses, of which one is down and one lies about its key: one
// cosignature, and two of three are not to be had. Then the liar comes to its
// senses, and a follower that asks for two accepts exactly then; one that asks
// for three only when all are there. Anchors never wait.
func TestThreeWitnesses(t *testing.T) {
	w := newWorld(t)
	w.all[1].lying.Store(true)
	w.all[2].down.Store(true)
	w.run(t)
	id := w.enrol(t, 1)
	w.await(t, 1)
	one, two, three := w.follower(t, 1), w.follower(t, 2), w.follower(t, 3)
	if err := w.update(t, one); err != nil {
		t.Error(err)
	}
	for k, f := range map[int]*setlog.Follower{2: two, 3: three} {
		if err := w.update(t, f); !errors.Is(err, setlog.ErrWitnesses) {
			t.Errorf("%d of 3 with one cosignature: %v", k, err)
		}
	}
	if e, err := w.i.Status(t.Context(), id); err != nil || e.Status != api.StateCommitted {
		t.Errorf("%+v %v", e, err)
	}
	if s := w.i.Witnesses(); s.Met() || s.Witnessed != 0 {
		t.Errorf("%+v", s)
	}
	for end := time.Now().Add(5 * time.Second); w.c.State()[1].Failed == 0 || w.c.State()[2].Failed == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", w.c.State())
		}
	}

	w.all[1].lying.Store(false)
	w.await(t, 2)
	if err := errors.Join(w.update(t, one), w.update(t, two)); err != nil {
		t.Error(err)
	}
	if err := w.update(t, three); !errors.Is(err, setlog.ErrWitnesses) {
		t.Errorf("3 of 3 with two cosignatures: %v", err)
	}
	e, err := w.i.Status(t.Context(), id)
	if err != nil || e.Status != api.StateWitnessed {
		t.Fatalf("%+v %v", e, err)
	}
	proof, err := setlog.ParseRootProof([]byte(e.RootProof))
	if err != nil {
		t.Fatal(err)
	}
	policy, _ := setlog.NewWitnesses(quorum, []string{w.all[0].vkey, w.all[1].vkey, w.all[2].vkey})
	if _, _, err := proof.Verify(w.i.Keys()[0]); err != nil || policy.Check(proof.Checkpoint) != nil {
		t.Error("the proof of a witnessed enrolment does not bear its witnesses:", err)
	}

	// What was witnessed stays so when a newer checkpoint is not yet.
	w.all[0].down.Store(true)
	w.all[1].down.Store(true)
	later := w.enrol(t, 2)
	if e, err := w.i.Status(t.Context(), id); err != nil || e.Status != api.StateWitnessed {
		t.Errorf("%+v %v", e, err)
	}
	if e, err := w.i.Status(t.Context(), later); err != nil || e.Status != api.StateCommitted {
		t.Errorf("%+v %v", e, err)
	}
	if err := w.update(t, two); !errors.Is(err, setlog.ErrWitnesses) {
		t.Errorf("a new head without cosignatures: %v", err)
	}
	for _, a := range w.all {
		a.down.Store(false)
	}
	w.await(t, 3)
	if err := errors.Join(w.update(t, one), w.update(t, two), w.update(t, three)); err != nil {
		t.Error(err)
	}
	w.stop()
	_ = w.store.Close()
}

// After a restart the cosignatures are there at once, and a checkpoint that was
// not cosigned before the stop is cosigned after it: the witnesses tell where
// they stand.
func TestRestartResumes(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	id := w.enrol(t, 1)
	w.await(t, 3)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) { // stored after it was shown
		w.close(t)
		w.open(t)
		if len(w.i.Witnesses().Signed) == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("cosignatures are not stored: %+v", w.i.Witnesses())
		}
		w.run(t)
	}
	if e, err := w.i.Status(t.Context(), id); err != nil || e.Status != api.StateWitnessed {
		t.Errorf("%+v %v", e, err)
	}
	asked := w.all[0].asked.Load()
	later := w.enrol(t, 2) // nobody is asked: the collector does not run
	if n := w.all[0].asked.Load(); n != asked {
		t.Error("asked without being told to", n)
	}
	w.stop = func() {}
	w.close(t)
	w.open(t)
	w.run(t)
	w.await(t, 3)
	if e, err := w.i.Status(t.Context(), later); err != nil || e.Status != api.StateWitnessed {
		t.Errorf("%+v %v", e, err)
	}
	w.close(t)
}

// A database that is older than what the witnesses have signed: they say so,
// and give nothing.
func TestOldBackupIsSeen(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	w.enrol(t, 1)
	w.enrol(t, 2)
	w.await(t, 3)
	w.close(t)
	w.path = filepath.Join(t.TempDir(), "restored.db") // as good as an old backup: it has the first entry alone
	w.open(t)
	w.run(t)
	defer w.close(t)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ahead := 0
		for _, s := range w.c.State() {
			if s.Ahead {
				ahead++
			}
		}
		if ahead == 3 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", w.c.State())
		}
	}
	if s := w.i.Witnesses(); len(s.Signed) != 0 {
		t.Errorf("%+v", s)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := w.i.Head(); errors.Is(err, issuer.ErrFenced) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it goes on signing")
		}
	}
	if _, err := w.i.Anchor(t.Context()); !errors.Is(err, issuer.ErrFenced) {
		t.Error(err)
	}
}

// Before a first signature the witnesses are asked: an old backup, and an empty
// database in place of a lost one, sign nothing. One witness alone stops nobody,
// and neither do witnesses that are down.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	w.enrol(t, 1)
	w.await(t, 3)
	w.close(t)
	old, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.open(t)
	w.run(t)
	w.enrol(t, 2)
	w.await(t, 3)
	w.close(t)
	start := func(path string) (*issuer.Issuer, error) {
		store, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		cfg := w.Config(store, w.Matcher())
		cfg.Quorum, cfg.Now = quorum, time.Now
		at := map[string]string{}
		for _, a := range w.all {
			cfg.Witnesses = append(cfg.Witnesses, a.vkey)
			at[a.vkey] = a.server.URL
		}
		cfg.Guard = cosign.Guard(at, cosign.Wanted(quorum, 3), nil, 300*time.Millisecond)
		return issuer.New(t.Context(), cfg)
	}
	restored := filepath.Join(t.TempDir(), "restored.db")
	if err := os.WriteFile(restored, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(w.path); err != nil {
		t.Error("the newest database:", err)
	}
	for name, path := range map[string]string{"old backup": restored, "lost": filepath.Join(t.TempDir(), "empty.db")} {
		if _, err := start(path); !errors.Is(err, issuer.ErrOldBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.all[0].down.Store(true)
	w.all[1].down.Store(true)
	if _, err := start(restored); err != nil {
		t.Error("one witness alone stops an issuer:", err)
	}
	for _, c := range [][3]int{{0, 1, 1}, {1, 1, 1}, {1, 3, 2}, {2, 3, 2}, {3, 3, 3}} {
		if got := cosign.Wanted(c[0], c[1]); got != c[2] {
			t.Errorf("%v: %d", c, got)
		}
	}
}

// What a witness sends besides its signature is not passed on.
func TestLinesOfAWitness(t *testing.T) {
	w := newWorld(t)
	defer func() { _ = w.store.Close() }()
	_, checkpoint, size, err := w.i.Growth(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	client, err := witness.NewClient(w.all[0].server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	line, err := client.Add(t.Context(), 0, nil, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	good, other := w.all[0].vkey, w.all[1].vkey
	for name, bad := range map[string][]byte{"nothing": nil, "no newline": line[:len(line)-1], "junk": []byte("hello\n"), "text": checkpoint} {
		if err := w.i.Cosign(good, size, bad); !errors.Is(err, issuer.ErrCosignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.i.Cosign(other, size, line); !errors.Is(err, issuer.ErrCosignature) {
		t.Error("one witness's line for another:", err)
	}
	if err := w.i.Cosign("x+1+AA", size, line); !errors.Is(err, issuer.ErrCosignature) {
		t.Error("a stranger:", err)
	}
	if err := w.i.Cosign(good, size, append([]byte("— ads.example AAAAAAAA\n"), line...)); err != nil {
		t.Error(err)
	}
	now, err := w.i.Checkpoint()
	if err != nil || string(now) != string(checkpoint)+string(line) {
		t.Errorf("%v\n%s", err, now)
	}
	if err := w.i.Cosign(good, size, line); err != nil {
		t.Error("again:", err)
	}
	if again, _ := w.i.Checkpoint(); string(again) != string(now) {
		t.Error("the same line twice")
	}
}
