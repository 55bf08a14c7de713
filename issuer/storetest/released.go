package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// Golden fills a fresh store with what a released database may hold: people
// enrolled, removed, waiting; with life also recovered, vetoing, about to be
// re-keyed, deleted, and deleted and destroyed. A store's test keeps the rows in
// testdata, under each schema that was released.
func Golden(t testing.TB, s issuer.Store, life bool) {
	t.Helper()
	r := newRig(t, s)
	alice, bob, carol, dave, erin, frank := r.person(), r.person(), r.person(), r.person(), r.person(), r.person()
	for _, p := range []*testkit.Person{alice, bob, carol, dave, erin, frank} {
		r.enrol(t, p)
	}
	r.anchor(t)
	index, _ := r.i.Position(frank.ID.Commitment())
	if err := r.i.Removal(t.Context(), index, false); err != nil {
		t.Fatal(err)
	}
	r.anchor(t)
	if life {
		r.populate(t, alice, bob, carol)
		if _, _, err := r.i.Recover(t.Context(), r.Recovery(t, r.i, erin.Again(700))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.i.Delete(t.Context(), testkit.Deletion(t, r.i, dave.ID)); err != nil {
			t.Fatal(err)
		}
	}
	r.enrol(t, r.person()) // waits
}

// Released: T60, a database that a released program left is brought up to date,
// twice, without losing anything, and an issuer goes on with it: what waited is
// published, everybody is known, and people recover, leave and come.
func Released(t *testing.T, open func(t testing.TB) issuer.Store, life bool) {
	var first []byte
	for range 2 {
		s := open(t)
		now := dumped(t, s)
		if first == nil {
			first = now
		} else if !bytes.Equal(first, now) {
			t.Error("bringing it up to date again changed something")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t)
	was := report(t, s)
	r := &rig{World: testkit.NewWorld(t, 1), next: 100}
	r.Clock.Move(90 * 24 * time.Hour) // later than anything in it
	r.over(t, s)
	r.anchor(t)
	if err := r.i.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	dumped(t, s)
	alice, bob, carol, dave, erin, frank := testkit.NewPerson(2), testkit.NewPerson(3), testkit.NewPerson(4), testkit.NewPerson(5), testkit.NewPerson(6), testkit.NewPerson(7)
	waited := testkit.NewPerson(8)
	if _, ok := r.i.Position(waited.ID.Commitment()); !ok {
		t.Error("who waited for an anchor never came in")
	}
	known := []*testkit.Person{alice, bob, erin, frank, waited}
	gone := []*testkit.Person{carol, dave}
	if !life {
		known, gone = append(known, gone...), nil
	}
	for n, p := range known {
		if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p.Again(uint64(800+n)))); api.CodeOf(err) != api.AlreadyEnrolled {
			t.Errorf("person %d is not known: %v", n, err)
		}
	}
	for n, p := range gone {
		if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, p.Again(uint64(820+n)))); err != nil {
			t.Errorf("person %d cannot come back after the delay: %v", n, err)
		}
	}
	r.enrol(t, r.person())
	r.anchor(t)
	if _, _, err := r.i.Recover(t.Context(), r.Recovery(t, r.i, bob.Again(840))); err != nil {
		t.Error(err)
	}
	if d, _, err := r.i.Delete(t.Context(), testkit.Deletion(t, r.i, waited.ID)); err != nil || d.Status != api.DeletionRemoved {
		t.Errorf("%+v, %v", d, err)
	}
	if now := report(t, s); now.LogSize <= was.LogSize {
		t.Errorf("%+v, before %+v", now, was)
	}
}

// Row writes a row as SQL, for testdata. blob gives the literal of bytes.
func Row(table string, columns []string, values []any, blob func([]byte) string) (string, error) {
	literals := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			literals[i] = "NULL"
		case int64:
			literals[i] = strconv.FormatInt(v, 10)
		case string:
			literals[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case []byte:
			literals[i] = blob(v)
		default:
			return "", errors.New("storetest: a column of another kind")
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s);\n", table, strings.Join(columns, ", "), strings.Join(literals, ", ")), nil
}
