package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// T04: every COMMIT of a recovery and of a deletion returns an error once, with
// the act on disk and without. The same request again gets the one true answer,
// and every step follows.
func TestT04Life(t *testing.T) {
	for _, kind := range []string{"recovery", "deletion"} {
		for _, persisted := range []bool{true, false} {
			for commit := 1; commit <= 4; commit++ {
				r := newLifeRig(t)
				p := r.person()
				if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p)); err != nil {
					t.Fatal(err)
				}
				if _, err := r.i.Anchor(t.Context()); err != nil {
					t.Fatal(err)
				}
				var act func() (string, error)
				if kind == "recovery" {
					req := r.Recovery(t, r.i, p.Again(99))
					act = func() (string, error) { a, _, err := r.i.Recover(t.Context(), req); return a.ID, err }
				} else {
					req := testkit.Deletion(t, r.i, p.ID)
					act = func() (string, error) { a, _, err := r.i.Delete(t.Context(), req); return a.ID, err }
				}
				n, fired := 0, false
				r.f.set(nil, func(real func() error) error {
					if n++; n != commit {
						return real()
					}
					if fired = true; persisted {
						if err := real(); err != nil {
							return err
						}
					}
					return errInjected
				})
				first, err := act()
				r.f.set(nil, nil)
				if commit <= 3 && !fired {
					t.Fatalf("%s has no commit %d", kind, commit)
				}
				if err != nil && (api.CodeOf(err) != api.InDoubt || commit > 2) {
					t.Errorf("%s, commit %d: %v", kind, commit, err)
				}
				id, err := act()
				if err != nil || first != "" && id != first {
					t.Errorf("%s, commit %d, persisted %v, again: %v", kind, commit, persisted, err)
					continue
				}
				for range 6 {
					r.Clock.Move(2 * time.Minute)
					if err := r.i.Release(t.Context()); err != nil {
						t.Fatal(err)
					}
					if _, err := r.i.Anchor(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if kind == "recovery" {
					if s, err := r.i.RecoveryStatus(t.Context(), id); err != nil || s.Status != api.RecoveryCommitted {
						t.Errorf("commit %d: %+v, %v", commit, s, err)
					}
				} else if s, err := r.i.DeletionStatus(t.Context(), id); err != nil || s.Status != api.DeletionDestroyed {
					t.Errorf("commit %d: %+v, %v", commit, s, err)
				}
				orderOfSteps(t, r.store)
			}
		}
	}
}

// A deletion whose own anchor failed does not wait for the period: it is tried
// again as soon as the store may have come back.
func TestForcedAgain(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	s, f := openFaulty(t, filepath.Join(t.TempDir(), "issuer.db"))
	cfg := w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	cfg.Anchor, cfg.Window = time.Hour, 2*time.Hour
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{World: w, i: i, store: s, f: f, next: 1}
	p := r.person()
	if _, err := i.Enrol(t.Context(), r.Start(t, i, p)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	var mu sync.Mutex
	fails := 0
	f.set(func(query string) error { // two anchors fail
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(query, "INSERT INTO roots") && fails < 2 {
			fails++
			return errInjected
		}
		return nil
	}, nil)
	d, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, p.ID))
	if err != nil || d.Status != api.DeletionAccepted {
		t.Errorf("%+v, %v", d, err)
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if d, err = i.DeletionStatus(t.Context(), d.ID); err != nil || time.Since(begin) > time.Minute {
			t.Fatalf("%+v, %v", d, err)
		}
		if d.Status == api.DeletionRemoved {
			break
		}
	}
	mu.Lock()
	if fails != 2 {
		t.Errorf("%d anchors failed", fails)
	}
	mu.Unlock()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func newLifeRig(t *testing.T) *rig {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	s, f := openFaulty(t, filepath.Join(t.TempDir(), "issuer.db"))
	cfg := w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{World: w, i: i, store: s, f: f, next: 1}
}

// T60: a database of schema 1 is brought to the newest, once and again; its
// templates get marks, and its people can recover and leave.
func TestT60FromSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.db")
	asSchema1(t, path, old)
	for range 2 {
		if s, err = Open(old); err != nil {
			t.Fatal(err)
		}
		cfg = w.Config(s, w.Matcher())
		lifeDelays(&cfg)
		if _, err = issuer.New(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if c := count(t, s); c.Committed != 3 || c.Templates != 3 || c.Live != 3 {
			t.Errorf("%+v", c)
		}
		var marked int
		if err := s.r.QueryRow(`SELECT count(*) FROM templates WHERE length(mark) > 0`).Scan(&marked); err != nil || marked != 3 {
			t.Errorf("%d templates have marks, %v", marked, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Open(old); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	cfg = w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	if i, err = issuer.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, testkit.NewPerson(1).Again(9))); err != nil {
		t.Error(err)
	}
	if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(2).ID)); err != nil {
		t.Error(err)
	}
}

// asSchema1 copies what schema 1 has of a database into a new one made by it.
func asSchema1(t *testing.T, from, to string) {
	t.Helper()
	if _, err := private(to); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+to)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	ctx := context.Background()
	_, err = db.ExecContext(ctx, schema)
	for _, q := range []string{
		`PRAGMA user_version = 1`,
		`INSERT INTO binding (set_id, origin, vkey, operator, writer) SELECT set_id, origin, vkey, operator, writer FROM new.binding`,
		`INSERT INTO intakes (id, session, commitment, received, state, code, receipt, seq, idx, record)
			SELECT id, session, commitment, received, state, code, receipt, seq, idx, record FROM new.intakes`,
		`INSERT INTO members (set_id, idx, commitment, added_seq, removed_seq, link) SELECT set_id, idx, commitment, added_seq, removed_seq, link FROM new.members`,
		`INSERT INTO changes (set_id, change_no, root_seq, op, idx, commitment, entry) SELECT set_id, change_no, root_seq, op, idx, commitment, entry FROM new.changes`,
		`INSERT INTO hashes (set_id, n, hash) SELECT set_id, n, hash FROM new.hashes`,
		`INSERT INTO roots (set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint)
			SELECT set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint FROM new.roots`,
		`INSERT INTO templates (serial, modality, sealed, link) SELECT serial, modality, sealed, link FROM new.templates`,
		`INSERT INTO devices (device, counter, admitted, refused) SELECT device, counter, admitted, refused FROM new.devices`,
	} {
		if q == `PRAGMA user_version = 1` && err == nil {
			_, err = db.ExecContext(ctx, `ATTACH DATABASE ? AS new`, from)
		}
		if err == nil {
			_, err = db.ExecContext(ctx, q)
		}
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
