// Package storetest is what every issuer.Store must pass. A store's own test
// runs it:
//
//	func TestStore(t *testing.T) { storetest.Run(t, storetest.Store{Open: ..., Reopen: ..., Faulty: ...}) }
//	func TestStoreChild(t *testing.T) { storetest.Child(t, open) }
//
// It works through a real issuer with real captures and keys, breaks the store at
// every statement and commit, kills the process that writes, and holds what is
// left against backup.Fsck, which computes everything again from the log. Every
// fault has to have fired, and stores that are careless on purpose have to fail.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// Store is a kind of store under test. Every function fails the test itself.
type Store struct {
	// Open gives a store over a fresh database.
	Open func(t testing.TB) issuer.Store
	// Reopen closes s and opens its database again.
	Reopen func(t testing.TB, s issuer.Store) issuer.Store
	// Second opens the database of s beside it, as a process would that found no
	// lock in its way.
	Second func(t testing.TB, s issuer.Store) issuer.Store
	// Faulty is Open with faults between the store and its database.
	Faulty func(t testing.TB) (issuer.Store, *Faults)
	// Busy holds the database of s as another writer, for longer than s waits.
	Busy func(t testing.TB, s issuer.Store) (release func())
	// Refusing makes the database of s refuse writes in some way, by name: full,
	// read-only. undo lets it write again.
	Refusing map[string]func(t testing.TB, s issuer.Store) (undo func())
	// Tamper runs a statement behind the back of s, past whatever forbids it.
	Tamper func(t testing.TB, s issuer.Store, query string)
	// Where names the database of a fresh store for a child process.
	Where func(t testing.TB) string
	// At opens the database that Where named.
	At func(t testing.TB, where string) issuer.Store
	// Kills is how often the child of the crash test is killed.
	Kills int
}

// Run is the suite.
func Run(t *testing.T, s Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Store)
	}{
		{"Life", life},
		{"Templates", templates},
		{"CacheKey", cacheKey},
		{"Rates", rates},
		{"T12 Race", race},
		{"T12 RaceOfPersons", raceOfPersons},
		{"T12 RaceOfWriters", raceOfWriters},
		{"T04 CommitInDoubt", inDoubt},
		{"T14 EveryStep", everyStep},
		{"T14 HungUp", hungUp},
		{"T06 Fenced", fenced},
		{"T06 WrongOwner", wrongOwner},
		{"T13 Busy", busy},
		{"T05 Refusing", refusing},
		{"T07 Backup", backups},
		{"T07 OldBackup", oldBackup},
		{"Fsck", damaged},
		{"T01 KillNine", killNine},
		{"T01 KillHasty", killHasty},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, s) })
	}
}

// RunRefusing is the part of the suite about databases that refuse writes, for a
// store whose fault would hurt its neighbours.
func RunRefusing(t *testing.T, s Store) { refusing(t, s) }

// Faults stands between a store and its database: an adapter calls Statement
// before every statement that writes, and Commit in place of a commit.
type Faults struct {
	mu        sync.Mutex
	statement func() error
	commit    func(real func() error) error
}

// Statement says whether a statement may run.
func (f *Faults) Statement(string) error {
	f.mu.Lock()
	hook := f.statement
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook()
}

// Commit commits, or does something else.
func (f *Faults) Commit(real func() error) error {
	f.mu.Lock()
	hook := f.commit
	f.mu.Unlock()
	if hook == nil {
		return real()
	}
	return hook(real)
}

func (f *Faults) set(statement func() error, commit func(func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statement, f.commit = statement, commit
}

var errInjected = errors.New("injected")

// rig is an issuer over a store.
type rig struct {
	*testkit.World
	store issuer.Store
	i     *issuer.Issuer
	next  uint64
}

// quick are delays that tests can walk through.
func (r *rig) config(s issuer.Store) issuer.Config {
	c := r.Config(s, r.Matcher())
	c.Window = 10 * time.Minute
	c.Life = issuer.Life{RekeyPeriod: time.Hour, Cooldown: 3 * time.Hour, ReentryDelay: 24 * time.Hour}
	return c
}

func newRig(t testing.TB, s issuer.Store) *rig {
	t.Helper()
	r := &rig{World: testkit.NewWorld(t, 1), next: 1}
	r.over(t, s)
	return r
}

// over starts an issuer over s.
func (r *rig) over(t testing.TB, s issuer.Store) {
	t.Helper()
	t.Cleanup(func() { _ = s.Close() })
	i, err := issuer.New(t.Context(), r.config(s))
	if err != nil {
		t.Fatal(err)
	}
	r.store, r.i = s, i
}

func (r *rig) person() *testkit.Person { r.next++; return testkit.NewPerson(r.next) }

func (r *rig) enrol(t testing.TB, p *testkit.Person) string {
	t.Helper()
	got, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p))
	if err != nil {
		t.Fatal(err)
	}
	return got.Enrolment.ID
}

func (r *rig) anchor(t testing.TB) {
	t.Helper()
	r.Clock.Move(time.Second)
	if _, err := r.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// dumped is a backup of the store, which fsck finds nothing wrong with.
func dumped(t testing.TB, s issuer.Store) []byte {
	t.Helper()
	from, ok := s.(backup.Source)
	if !ok {
		t.Fatal("the store cannot be copied")
	}
	var b bytes.Buffer
	if err := from.Dump(context.WithoutCancel(t.Context()), &b); err != nil {
		t.Fatal(err)
	}
	if report, err := backup.Fsck(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatalf("fsck: %v: %v", err, report.Faults)
	}
	return b.Bytes()
}

func digest(t testing.TB, s issuer.Store) [32]byte { return sha256.Sum256(dumped(t, s)) }

// report is what fsck says about the store.
func report(t testing.TB, s issuer.Store) backup.Report {
	t.Helper()
	r, err := backup.Fsck(bytes.NewReader(dumped(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codeIs(t testing.TB, err error, want api.Code) {
	t.Helper()
	if err == nil || api.CodeOf(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}
