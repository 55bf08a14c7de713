package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// faults stands between database/sql and SQLite. Its hooks see every statement
// that writes and every commit of the writing connection.
type faults struct {
	mu        sync.Mutex
	statement func(query string) error      // before it runs
	commit    func(real func() error) error // in place of COMMIT
}

func (f *faults) set(statement func(string) error, commit func(func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statement, f.commit = statement, commit
}

func (f *faults) onStatement(query string) error {
	f.mu.Lock()
	hook := f.statement
	f.mu.Unlock()
	if hook == nil || strings.HasPrefix(query, "SELECT") {
		return nil
	}
	return hook(query)
}

type faultDriver struct {
	sqlite3.SQLiteDriver
	f *faults
}

func (d *faultDriver) Open(name string) (driver.Conn, error) {
	c, err := d.SQLiteDriver.Open(name)
	if err != nil {
		return nil, err
	}
	return &faultConn{c.(*sqlite3.SQLiteConn), d.f}, nil
}

type faultConn struct {
	*sqlite3.SQLiteConn
	f *faults
}

func (c *faultConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.f.onStatement(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.ExecContext(ctx, query, args)
}

func (c *faultConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultStmt{s.(*sqlite3.SQLiteStmt), c.f, query}, nil
}

func (c *faultConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.SQLiteConn.BeginTx(ctx, o)
	return &faultTx{tx, c.f, o.ReadOnly}, err
}

type faultStmt struct {
	*sqlite3.SQLiteStmt
	f     *faults
	query string
}

func (s *faultStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.f.onStatement(s.query); err != nil {
		return nil, err
	}
	return s.SQLiteStmt.ExecContext(ctx, args)
}

type faultTx struct {
	driver.Tx
	f        *faults
	readOnly bool
}

func (t *faultTx) Commit() error {
	t.f.mu.Lock()
	hook := t.f.commit
	t.f.mu.Unlock()
	if hook == nil || t.readOnly {
		return t.Tx.Commit()
	}
	return hook(t.Tx.Commit)
}

var drivers atomic.Int64 // names of registered drivers must differ

func openFaulty(t testing.TB, path string) (*Store, *faults) {
	t.Helper()
	f := &faults{}
	name := "sqlite3-faulty-" + time.Now().Format("150405.000000") + "-" + string(rune('a'+drivers.Add(1)))
	sql.Register(name, &faultDriver{f: f})
	s, err := open(path, name, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, f
}

var errInjected = errors.New("injected")

// rig is an issuer over a faulty store.
type rig struct {
	*testkit.World
	i     *issuer.Issuer
	store *Store
	f     *faults
	next  uint64
}

func newRig(t testing.TB) *rig {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	s, f := openFaulty(t, filepath.Join(t.TempDir(), "issuer.db"))
	i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	return &rig{World: w, i: i, store: s, f: f, next: 1}
}

func (r *rig) person() *testkit.Person { r.next++; return testkit.NewPerson(r.next) }

// sound reloads the store into a fresh issuer, which replays and compares
// everything, and checks the counts that must go together.
func (r *rig) sound(t testing.TB) counts {
	t.Helper()
	return sound(t, r.World, r.store)
}

type counts struct {
	Matched, Committed, Refused, Pending, Templates, Live, Entries, Roots int
}

func sound(t testing.TB, w *testkit.World, s *Store) counts {
	t.Helper()
	if _, err := issuer.New(t.Context(), w.Config(s, w.Matcher())); err != nil {
		t.Fatalf("the store does not load: %v", err)
	}
	c := count(t, s)
	if c.Pending != c.Matched || c.Templates != c.Matched+c.Committed || c.Live != c.Committed {
		t.Fatalf("half an act is stored: %+v", c)
	}
	return c
}

func count(t testing.TB, s *Store) (c counts) {
	t.Helper()
	for _, q := range []struct {
		to    *int
		query string
	}{
		{&c.Matched, `SELECT count(*) FROM intakes WHERE state = 'matched' AND op = 1`},
		{&c.Committed, `SELECT count(*) FROM intakes WHERE state = 'committed' AND op = 1`},
		{&c.Refused, `SELECT count(*) FROM intakes WHERE state = 'refused' AND op = 1`},
		{&c.Pending, `SELECT count(*) FROM pending WHERE op = 1`},
		{&c.Templates, `SELECT (SELECT count(*) FROM templates) + (SELECT count(*) FROM deletions WHERE destroyed > 0)`},
		{&c.Live, `SELECT (SELECT count(*) FROM members) - (SELECT count(*) FROM intakes WHERE state = 'committed' AND op = 4)`},
		{&c.Entries, `SELECT count(*) FROM changes`},
		{&c.Roots, `SELECT count(*) FROM roots`},
	} {
		if err := s.r.QueryRow(q.query).Scan(q.to); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// T04: a COMMIT that returns an error, with the act on disk or not. Either way
// the answer is in_doubt, the issuer goes on from what the disk holds, and the
// same request again gets the one true answer.
func TestT04CommitInDoubt(t *testing.T) {
	for name, commit := range map[string]func(func() error) error{
		"persisted":     func(real func() error) error { return errors.Join(real(), errInjected) },
		"not persisted": func(func() error) error { return errInjected },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			req := r.Start(t, r.i, r.person())
			once := func(act func() error) {
				t.Helper()
				fired := 0
				r.f.set(nil, func(real func() error) error {
					if fired++; fired > 1 {
						return real()
					}
					return commit(real)
				})
				if err := act(); api.CodeOf(err) != api.InDoubt || !errors.Is(err, issuer.ErrInDoubt) {
					t.Errorf("answered %v", err)
				}
				if fired == 0 {
					t.Error("the fault did not fire")
				}
				r.f.set(nil, nil)
			}
			once(func() error { _, err := r.i.Enrol(t.Context(), req); return err })
			first, err := r.i.Enrol(t.Context(), req)
			if err != nil || first.Repeated != (name == "persisted") {
				t.Fatalf("the same request again: %+v, %v", first, err)
			}
			again, err := r.i.Enrol(t.Context(), req)
			if err != nil || !again.Repeated || again.Enrolment.Receipt != first.Enrolment.Receipt {
				t.Fatalf("and again: %+v, %v", again, err)
			}
			once(func() error { _, err := r.i.Anchor(t.Context()); return err })
			if _, err := r.i.Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
			once(func() error { return r.i.Removal(t.Context(), 0, false) })
			if err := r.i.Removal(t.Context(), 0, true); err != nil && name != "persisted" {
				t.Fatal(err)
			}
			if c := r.sound(t); c.Committed != 1 || c.Entries != 3 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// T14: every statement of every act fails once, and the context ends at every
// statement once: nothing half is stored, and the act goes through afterwards.
func TestT14EveryStep(t *testing.T) {
	r := newRig(t)
	person := r.person()
	for _, act := range []struct {
		name    string
		prepare func() func(context.Context) error
	}{
		{"intake", func() func(context.Context) error {
			req := r.Start(t, r.i, person)
			return func(ctx context.Context) error { _, err := r.i.Enrol(ctx, req); return err }
		}},
		{"anchor", func() func(context.Context) error {
			return func(ctx context.Context) error { _, err := r.i.Anchor(ctx); return err }
		}},
		{"removal", func() func(context.Context) error {
			return func(ctx context.Context) error { return r.i.Removal(ctx, 0, false) }
		}},
	} {
		steps := 0
		for ; r.interrupt(t, act.name, steps+1, act.prepare); steps++ {
		}
		if steps == 0 {
			t.Errorf("%s: nothing was tried", act.name)
		}
	}
	if err := r.i.Removal(t.Context(), 0, true); err != nil {
		t.Fatal(err)
	}
	if c := r.sound(t); c.Committed != 1 || c.Entries != 3 {
		t.Errorf("%+v", c)
	}
}

// interrupt does an act twice, with a failure and with a cancellation at the
// given statement. It reports false when the act has no such statement and went
// through.
func (r *rig) interrupt(t *testing.T, name string, step int, prepare func() func(context.Context) error) bool {
	for _, want := range []error{errInjected, context.Canceled} {
		act := prepare()
		before := r.sound(t)
		ctx, cancel := context.WithCancel(t.Context())
		n, fired := 0, false
		r.f.set(func(string) error {
			if n++; n != step {
				return nil
			}
			fired = true
			if cancel(); want == errInjected {
				return errInjected
			}
			return nil
		}, nil)
		err := act(ctx)
		r.f.set(nil, nil)
		cancel()
		if !fired {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return false
		}
		if !errors.Is(err, want) {
			t.Errorf("%s at step %d: %v, want %v", name, step, err, want)
		}
		if now := r.sound(t); now != before {
			t.Errorf("%s at step %d (%v) left something: %+v, before %+v", name, step, want, now, before)
		}
	}
	return true
}
