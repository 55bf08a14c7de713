package postgres

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
)

// T60: a schema is brought up to date once, and again without effect; that of a
// newer program is refused.
func TestT60Migrate(t *testing.T) {
	dsn := shared.Schema(t)
	for range 2 {
		s := openWith(t, dsn, faults{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	if _, err := c.Exec(t.Context(), `INSERT INTO schema_versions (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t.Context(), dsn, Options{}, faults{noFsync: true}); err == nil {
		t.Error("a schema of a newer program was opened")
	}
}

// A COMMIT that comes back with a warning is in doubt: a standby whose wait is
// cancelled may not have the rows. The server is told to wait for one that does
// not exist, and the session to stop waiting. The server learns of its new
// setting when its checkpointer wakes: a commit that came before that waits for
// nobody and is answered, and the next one is tried.
func TestWarningIsInDoubt(t *testing.T) {
	c := pgtest.Start(t, "fsync=off")
	s := openWith(t, c.Schema(t), faults{})
	defer func() { _ = s.Close() }()
	if err := s.Bind(t.Context(), issuer.Binding{Origin: "x"}); err != nil {
		t.Fatal(err)
	}
	c.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	c.Exec(t, "SELECT pg_reload_conf()")
	begin := time.Now()
	for i := uint64(1); ; i++ {
		var name [32]byte
		binary.BigEndian.PutUint64(name[:], i)
		done := make(chan error, 1)
		go func() { _, err := s.BeginImport(t.Context(), name); done <- err }()
		err := cancelWaits(t, c, done)
		if errors.Is(err, issuer.ErrInDoubt) && strings.Contains(err.Error(), "warned") {
			return
		}
		if err != nil || time.Since(begin) > time.Minute {
			t.Fatalf("answered %v at attempt %d", err, i)
		}
	}
}

// cancelWaits plays the operator who cancels what hangs, until the answer is in.
func cancelWaits(t *testing.T, c *pgtest.Cluster, done <-chan error) error {
	t.Helper()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Millisecond):
			c.Ask(t, "SELECT count(pg_cancel_backend(pid))::text FROM pg_stat_activity WHERE application_name = 'perhuman-issuer' AND wait_event = 'SyncRep'")
		}
	}
}
