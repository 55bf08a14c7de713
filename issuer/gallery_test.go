package issuer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// irisRequest is a request whose capture is of both irises.
func irisRequest(t testing.TB, w *testkit.World, i *issuer.Issuer, p *testkit.Person, eyes iris.Pair) api.EnrolmentRequest {
	t.Helper()
	req := w.Start(t, i, p)
	nonce, err := scope.DecodeToken(req.Session)
	if err != nil {
		t.Fatal(err)
	}
	q := capture.CaptureRequest{
		Audience: testkit.Name, Nonce: [32]byte(nonce), Now: w.Clock.Now(), Seal: share.To(rand.Reader, w.Operator.Public()),
		Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: p.ID.Commitment(), ConsentHash: w.Consent,
	}
	if err := match.FromIris(eyes).Fill(&q); err != nil {
		t.Fatal(err)
	}
	b, err := w.Device.Capture(q)
	if err != nil {
		t.Fatal(err)
	}
	req.Envelope = b64(b)
	return req
}

// After a start in the background, set and log are there at once; enrolment says
// that it is not, and when to come back, until the gallery is open.
func TestGalleryFollows(t *testing.T) {
	k := newKept(t, 3)
	k.with(t, func(i *issuer.Issuer) {
		if h := head(t, k.World, i); h.Live != 3 {
			t.Errorf("%d members", h.Live)
		}
		if _, err := i.SetTile(head(t, k.World, i).Seq, 0, 0); err != nil {
			t.Error(err)
		}
		if g := i.Gallery(); g.Open || g.Templates != 0 {
			t.Errorf("%+v", g)
		}
		again, fresh := k.Start(t, i, testkit.NewPerson(2).Again(77)), k.Start(t, i, testkit.NewPerson(50))
		for _, r := range []api.EnrolmentRequest{again, fresh} {
			_, err := i.Enrol(t.Context(), r)
			var e *api.Error
			if !errors.As(err, &e) || e.Code != api.MatcherUnavailable || e.RetryAfter < time.Second {
				t.Errorf("%v", err)
			}
		}
		if _, err := i.EnrolMany(t.Context(), []api.EnrolmentRequest{fresh}); code(err) != api.MatcherUnavailable {
			t.Error(err)
		}
		if err := i.Removal(t.Context(), 1, true); err != nil { // needs no gallery
			t.Error(err)
		}
		if err := i.OpenGallery(t.Context()); err != nil {
			t.Fatal(err)
		}
		if g := i.Gallery(); !g.Open || g.Templates != 3 || g.Problem != nil {
			t.Errorf("%+v", g)
		}
		if _, err := i.Enrol(t.Context(), again); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
		if _, err := i.Enrol(t.Context(), fresh); err != nil {
			t.Error(err)
		}
	}, func(c *issuer.Config) { c.Background = true })
}

// Run opens the gallery.
func TestRunOpensTheGallery(t *testing.T) {
	k := newKept(t, 3)
	k.with(t, func(i *issuer.Issuer) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- i.Run(ctx) }()
		for !i.Gallery().Open {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}, func(c *issuer.Config) { c.Background = true })
}

// The key of the gallery may come from a service that is not there at first;
// templates then open under that key and no other.
func TestGalleryKey(t *testing.T) {
	k := newKept(t, 0)
	secret := bytes.Repeat([]byte{7}, 32)
	hook := func(key []byte, err error) func(*issuer.Config) {
		return func(c *issuer.Config) {
			c.GalleryKey = issuer.KeySourceFunc(func(context.Context) ([]byte, error) { return bytes.Clone(key), err })
		}
	}
	background := func(c *issuer.Config) { c.Background = true }
	alice := testkit.NewPerson(1)
	k.with(t, func(i *issuer.Issuer) { enrolCrowd(t, k.World, i, 1, 2) }, hook(secret, nil))
	unreachable := errors.New("the service does not answer")
	for _, c := range []struct {
		change func(*issuer.Config)
		want   error
	}{
		{hook(nil, unreachable), unreachable},
		{hook(bytes.Repeat([]byte{8}, 32), nil), issuer.ErrWrongOperator},
		{func(*issuer.Config) {}, issuer.ErrWrongOperator}, // the operator's secret alone
	} {
		k.with(t, func(i *issuer.Issuer) {
			if err := i.OpenGallery(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if g := i.Gallery(); g.Open || !errors.Is(g.Problem, c.want) {
				t.Errorf("%+v", g)
			}
			if h := head(t, k.World, i); h.Live != 2 {
				t.Errorf("%d members", h.Live)
			}
		}, c.change, background)
	}
	file := filepath.Join(t.TempDir(), "gallery.key")
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	k.with(t, func(i *issuer.Issuer) {
		if _, err := i.Enrol(t.Context(), k.Start(t, i, alice.Again(9))); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
	}, func(c *issuer.Config) { c.GalleryKey = issuer.KeyFile(file) })
	if err := os.Chmod(file, 0o644); err != nil { // #nosec G302 -- what is to be refused
		t.Fatal(err)
	}
	if _, err := issuer.KeyFile(file).Key(t.Context()); err == nil {
		t.Error("a key that others can read is taken")
	}
}

// listening keeps hold of the bytes that it is to keep nothing of.
type listening struct {
	issuer.Matcher
	mu   sync.Mutex
	kept [][]byte
}

func (l *listening) Restore(s issuer.Serial, m capture.Modality, kept []byte) error {
	err := l.Matcher.Restore(s, m, kept)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, kept)
	return err
}

// What templates are opened into is wiped, and a damaged row is named.
func TestGalleryLeavesNothing(t *testing.T) {
	k := newKept(t, 12)
	l := &listening{}
	k.with(t, func(i *issuer.Issuer) {
		if len(l.kept) != 12 {
			t.Fatalf("%d templates", len(l.kept))
		}
		for _, b := range l.kept {
			if len(b) == 0 || bytes.Count(b, []byte{0}) != len(b) {
				t.Error("an opened template was not wiped")
			}
		}
		if _, err := i.Enrol(t.Context(), k.Start(t, i, testkit.NewPerson(2).Again(78))); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
	}, func(c *issuer.Config) { l.Matcher, c.Matcher = c.Matcher, l })
	for _, column := range []string{"sealed", "mark"} {
		db, err := sql.Open("sqlite3", "file:"+k.db)
		if err != nil {
			t.Fatal(err)
		}
		var serial string
		var before []byte
		if err := db.QueryRow(`SELECT hex(serial), `+column+` FROM templates ORDER BY serial LIMIT 1 OFFSET 5`).Scan(&serial, &before); err != nil { // #nosec G202 -- names from the schema
			t.Fatal(err)
		}
		after := bytes.Clone(before)
		after[len(after)/2]++
		put := func(value []byte) {
			t.Helper()
			if _, err := db.Exec(`UPDATE templates SET `+column+` = ? WHERE hex(serial) = ?`, value, serial); err != nil { // #nosec G202 -- names from the schema
				t.Fatal(err)
			}
		}
		put(after)
		k.with(t, func(i *issuer.Issuer) {
			err := i.OpenGallery(t.Context())
			if !errors.Is(err, issuer.ErrWrongOperator) || !strings.Contains(err.Error(), strings.ToLower(serial)) {
				t.Errorf("%s: %v", column, err)
			}
			put(before)
			if err := i.OpenGallery(t.Context()); err != nil {
				t.Error(err)
			}
		}, func(c *issuer.Config) { c.Background = true })
		_ = db.Close()
	}
}

// Neither the database nor its journal, nor the snapshot, holds a piece of an
// iris in the clear, and no piece of a template's row stands in any row about a
// member: nothing that is stored joins the two.
func TestGalleryAtRest(t *testing.T) {
	k := newKept(t, 0)
	var eyes []iris.Pair
	k.with(t, func(i *issuer.Issuer) {
		for n := range uint64(3) {
			eyes = append(eyes, synth.New(1).Person(n).Sample(0))
			if _, err := i.Enrol(t.Context(), irisRequest(t, k.World, i, testkit.NewPerson(n), eyes[n])); err != nil {
				t.Fatal(err)
			}
		}
		again := irisRequest(t, k.World, i, testkit.NewPerson(40), synth.New(1).Person(1).Sample(1))
		if _, err := i.Enrol(t.Context(), again); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
		hunt := func() {
			t.Helper()
			for _, pair := range eyes {
				sealed, err := match.FromIris(pair).MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				codes, _ := pair.Left.Flat()
				for name, secret := range map[string][]byte{
					"template": sealed[1000:1016], "right eye": sealed[len(sealed)-16:], "flat code": codes[700:716],
				} {
					grep(t, filepath.Dir(k.db), name, secret)
				}
			}
			unlinked(t, k.db)
		}
		hunt() // pending
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := i.WriteSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		hunt()
	})
	k.with(t, func(i *issuer.Issuer) { // opened from what is at rest
		again := irisRequest(t, k.World, i, testkit.NewPerson(41), synth.New(1).Person(2).Sample(2))
		if _, err := i.Enrol(t.Context(), again); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
	})
}

// unlinked looks for twelve bytes that a row of templates shares with any row of
// another table.
func unlinked(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	const piece = 12
	known := map[[piece]byte]bool{}
	read := func(table string, f func(value []byte)) {
		t.Helper()
		rows, err := db.Query(`SELECT * FROM ` + table) // #nosec G202 -- names from the schema
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values := make([]any, len(columns))
		for n := range values {
			values[n] = new([]byte)
		}
		for rows.Next() {
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				f(*v.(*[]byte))
			}
		}
	}
	pieces := func(b []byte, f func([piece]byte)) {
		for ; len(b) >= piece; b = b[1:] {
			f([piece]byte(b[:piece]))
		}
	}
	read("templates", func(b []byte) { pieces(b, func(p [piece]byte) { known[p] = true }) })
	if len(known) < 3*4000 {
		t.Fatalf("%d pieces of templates", len(known))
	}
	tables, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'templates'`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	_ = tables.Close()
	for _, name := range names {
		read(name, func(b []byte) {
			pieces(b, func(p [piece]byte) {
				if known[p] {
					t.Errorf("a row of %s shares %x with a template's", name, p)
				}
			})
		})
	}
	if len(names) < 6 {
		t.Error("tables:", names)
	}
}
