package storetest

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
)

// backups: T07, backups while people are enrolled, restored elsewhere, checked,
// and gone on from.
func backups(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	alice, bob, carol := r.person(), r.person(), r.person()
	for _, p := range []struct{ f func() }{{func() { r.enrol(t, alice) }}, {func() { r.enrol(t, bob) }}, {func() { r.enrol(t, carol) }}} {
		p.f()
	}
	r.anchor(t)
	r.populate(t, alice, bob, carol)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var made atomic.Int64
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				dumped(t, r.store) // fsck finds nothing wrong with a moment in between
				made.Add(1)
			}
		}
	})
	begin := time.Now()
	for n := 0; n < 10 || made.Load() < 2; n++ {
		if time.Since(begin) > time.Minute {
			t.Fatalf("only %d backups were taken meanwhile", made.Load())
		}
		r.enrol(t, r.person())
		r.anchor(t)
	}
	close(stop)
	wg.Wait()
	path := filepath.Join(t.TempDir(), "backup")
	if err := backup.ToFile(t.Context(), r.store.(backup.Source), path); err != nil {
		t.Fatal(err)
	}
	if err := backup.ToFile(t.Context(), r.store.(backup.Source), path); err == nil {
		t.Error("a backup was overwritten")
	}
	whole := dumped(t, r.store)
	other := s.Open(t)
	t.Cleanup(func() { _ = other.Close() })
	target := other.(backup.Target)
	for _, damaged := range [][]byte{whole[:len(whole)-1], whole[:len(whole)/2], append(bytes.Clone(whole), 0), flipped(whole, len(whole)/3), flipped(whole, len(whole)-5), {}} {
		if err := target.Restore(t.Context(), bytes.NewReader(damaged)); err == nil {
			t.Fatal("a damaged backup was restored")
		}
	}
	if err := target.Restore(t.Context(), bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dumped(t, other), whole) {
		t.Error("what was restored is not what was saved")
	}
	if err := target.Restore(t.Context(), bytes.NewReader(whole)); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("restored over a database: %v", err)
	}
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, alice)); err == nil {
		t.Error("the person is new to the old database")
	}
	r.over(t, other)
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, alice.Again(5000))); err == nil {
		t.Error("the person is new to the restored database")
	}
	r.enrol(t, r.person())
	r.anchor(t)
	dumped(t, other)
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// oldBackup: T07, an issuer over a restored old database does not start, nothing
// is signed, and what comes from a newer one does.
func oldBackup(t *testing.T, s Store) {
	mark := backup.MarkFile(filepath.Join(t.TempDir(), "published"))
	first := s.Open(t)
	r := newRig(t, backup.Guard(first, mark))
	r.enrol(t, r.person())
	r.anchor(t)
	old := dumped(t, first)
	r.enrol(t, r.person())
	r.anchor(t)
	fresh := dumped(t, first)
	published, err := r.i.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	restored := func(from []byte) issuer.Store {
		o := s.Open(t)
		t.Cleanup(func() { _ = o.Close() })
		if err := o.(backup.Target).Restore(t.Context(), bytes.NewReader(from)); err != nil {
			t.Fatal(err)
		}
		return o
	}
	stale := restored(old)
	if _, err := issuer.New(t.Context(), r.config(backup.Guard(stale, mark))); !errors.Is(err, backup.ErrOld) {
		t.Errorf("an issuer over the old database: %v", err)
	}
	if got := report(t, stale); got.LogSize != 2 {
		t.Errorf("something was signed: %+v", got)
	}
	if err := backup.Contains(t.Context(), stale, published); !errors.Is(err, backup.ErrOld) {
		t.Errorf("against a checkpoint of the world: %v", err)
	}
	// The control: without the guard it signs a second history, of the same size
	// and then longer; the mark tells both from the published one.
	control := &rig{World: r.World, next: 100}
	control.over(t, stale)
	for range 2 {
		control.enrol(t, control.person())
		control.anchor(t)
		if _, err := issuer.New(t.Context(), r.config(backup.Guard(stale, mark))); !errors.Is(err, backup.ErrOld) {
			t.Errorf("an issuer over another history: %v", err)
		}
	}
	r.over(t, backup.Guard(restored(fresh), mark))
	r.enrol(t, r.person())
	r.anchor(t)

	// A note that cannot be written: nothing is shown that it does not have.
	broken := &brokenMark{Mark: mark}
	r.over(t, backup.Guard(restored(dumped(t, r.store.(interface{ Unwrap() issuer.Store }).Unwrap())), broken))
	r.enrol(t, r.person())
	before, _ := r.i.Checkpoint()
	broken.broken = true
	if _, err := r.i.Anchor(t.Context()); !errors.Is(err, issuer.ErrInDoubt) || broken.fired == 0 {
		t.Errorf("%v, the fault fired %d times", err, broken.fired)
	}
	if now, _ := r.i.Checkpoint(); !bytes.Equal(now, before) {
		t.Error("a checkpoint was shown that was not noted")
	}
	broken.broken = false
	r.anchor(t)
	if now, _ := r.i.Checkpoint(); bytes.Equal(now, before) {
		t.Error("nothing was shown afterwards")
	}
}
