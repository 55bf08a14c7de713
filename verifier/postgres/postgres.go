// Package postgres is the spend store of a verifier on many machines: one
// PostgreSQL database, or up to 64 that share the nullifiers between them.
//
//	store, err := postgres.Open(ctx, postgres.One(dsn, "forum.example"), postgres.Options{})
//
// An answer means that the row is committed, and on a synchronous standby if the
// server has one. Acts that wait together share a transaction (package batch):
// each table gets one statement for the whole batch, with its rows in the order
// of their keys, so that transactions never wait for each other in a circle. The
// inserts decide, and a repeat is a write too: no answer comes from a row that a
// standby may not have.
//
// # In doubt
//
// From the moment COMMIT was sent, an error leaves the acts of the batch in
// doubt: verifier.ErrInDoubt. So does a COMMIT that came back with a warning: a
// server that is told to stop waiting for its standby reports success and says
// only in a warning that the standby may not have the rows. Before COMMIT, an
// error means that nothing was written; serialisation failures and deadlocks are
// tried again.
//
// # Shards
//
// A Map spreads 64 logical shards over databases. A nonce is sharded by itself, a
// nullifier by itself, an idempotency key by its digest; what lives in one
// database is committed at once, and otherwise the nonce is committed first, then
// the key, then the nullifier. A process that dies between two of them has cost a
// challenge: the same act, sent again under its key, goes on where it stopped;
// without a key it needs a new challenge. No order of events accepts a nullifier
// twice. Policies, signing keys and states live in the database of shard 0. An
// event lives beside the nullifier; the event of a second visit under Returning
// is lost if the process dies between two commits.
//
// Each database keeps the name of its deployment, its shards and the epoch of the
// map. A database of another name is refused, and each transaction checks the
// epoch, so that a process with an old map is fenced (ErrFenced).
//
// The SQL is the subset that CockroachDB and YugabyteDB also take: no LISTEN, no
// advisory locks, no triggers, no sequences. docs/storage.md is the operator's
// side: standbys, failover, moving shards, sizes.
package postgres

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// Errors beyond those of verifier.Store; both are kinds of
// verifier.ErrUnavailable when a method returns them.
var (
	// ErrFenced: the database is at another epoch than this process's map.
	ErrFenced = errors.New("postgres: the shard map is not the one in force")
	// ErrNoStandby: Options.RequireStandby, and the server waits for none.
	ErrNoStandby = errors.New("postgres: the server has no synchronous standby")
)

// Options may be left at zero.
type Options struct {
	BatchLimit int           // acts in one transaction; default 512
	Writers    int           // transactions at one time for each database; default 2
	Readers    int           // connections beside the writers; default 4
	Timeout    time.Duration // of one transaction, the wait for a standby included; default 10 s

	// RequireStandby refuses to write to a server whose
	// synchronous_standby_names is empty: what it acknowledged would be lost
	// with it.
	RequireStandby bool

	Rand io.Reader        // names attempts; default crypto/rand
	Now  func() time.Time // dates schema changes; default time.Now
}

// Store implements verifier.Store, verifier.StateKeeper and verifier.Outbox. It
// is safe for concurrent use.
type Store struct {
	opts  Options
	table [Shards]int
	dbs   []*database
	gate  batch.Gate
}

var (
	_ verifier.Store       = (*Store)(nil)
	_ verifier.StateKeeper = (*Store)(nil)
	_ verifier.Outbox      = (*Store)(nil)
)

// Open connects to every database of a map, brings its schema up to date, and
// raises its epoch to that of the map: from then on processes with an older map
// are fenced. It fails if a database does not answer, belongs to another
// deployment, or is ahead of the map.
func Open(ctx context.Context, m Map, o Options) (*Store, error) { return open(ctx, m, o, faults{}) }

func open(ctx context.Context, m Map, o Options, f faults) (*Store, error) {
	if o.BatchLimit <= 0 {
		o.BatchLimit = 512
	}
	if o.Writers <= 0 {
		o.Writers = 2
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Rand == nil {
		o.Rand = crand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	table, err := m.table()
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, table: table}
	for i, d := range m.Databases {
		db, err := connect(ctx, m, i, o, f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("postgres: database of shards %s: %w", d.Shards, err), s.Close())
		}
		s.dbs = append(s.dbs, db)
	}
	return s, nil
}

func (s *Store) of(key [32]byte) *database { return s.dbs[s.table[ShardOf(key)]] }

// home is the database of what is not sharded.
func (s *Store) home() *database { return s.dbs[s.table[0]] }

// Close implements verifier.Store.
func (s *Store) Close() error {
	if s.gate.Close() { // an act may need several databases: none closes before the last act ended
		for _, db := range s.dbs {
			db.close()
		}
	}
	return nil
}
