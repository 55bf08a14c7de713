package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// database is one database of the map: a pool of connections, and the writers
// that share transactions between acts.
type database struct {
	opts   Options
	epoch  int64
	faults faults
	pool   *pool
	acts   *batch.Queue[*leg]
}

// faults are the places where tests break things; all nil in production.
type faults struct {
	between      func() error // after the commit of one database, before the next
	beforeCommit func() error // an error: the transaction fails and nothing is kept
	afterCommit  func() error // an error: COMMIT reports failure and all is kept
	retried      func()       // a transaction is tried again
	noFsync      bool         // take a server that does not write to its disk
}

// warned is where a connection keeps the last warning of its server.
const warned = "perhuman: warning"

func connect(ctx context.Context, m Map, i int, o Options, f faults) (*database, error) {
	cfg, err := pgx.ParseConfig(m.Databases[i].DSN)
	if err != nil {
		return nil, errors.New("the DSN cannot be read") // the driver's text may hold parts of a password
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = o.Timeout
	}
	cfg.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		if !slices.Contains([]string{"DEBUG", "LOG", "INFO", "NOTICE"}, n.SeverityUnlocalized) {
			c.CustomData()[warned] = n.Message
		}
	}
	for name, value := range map[string]string{"application_name": "perhuman", "synchronous_commit": "on"} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	switch cfg.RuntimeParams["synchronous_commit"] {
	case "on", "remote_apply":
	default:
		return nil, errors.New("the DSN turns synchronous_commit off: not durable")
	}
	db := &database{opts: o, epoch: m.Epoch, faults: f, pool: newPool(cfg, o.Writers+o.Readers)}
	if err := db.prepare(ctx, m, i); err != nil {
		db.pool.close()
		return nil, err
	}
	writers := make([]func([]*batch.Job[*leg]) error, o.Writers)
	for i := range writers {
		writers[i] = db.write
	}
	db.acts = batch.New(o.BatchLimit, writers...)
	return db, nil
}

// prepare brings the schema up to date and raises the epoch.
func (db *database) prepare(ctx context.Context, m Map, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*db.opts.Timeout)
	defer cancel()
	return db.pool.with(ctx, func(c *pgx.Conn) error {
		if err := durable(ctx, c); err != nil && !db.faults.noFsync {
			return err
		}
		if err := migrate(ctx, c, db.opts.Now()); err != nil {
			return err
		}
		return adopt(ctx, c, m.Name, m.Databases[i].Shards, m.Epoch)
	})
}

func (db *database) close() {
	db.acts.Close()
	db.pool.close()
}

// tries bounds how often a transaction is repeated that the server gave up.
const tries = 10

// transact runs work inside a transaction of this database at the map's epoch,
// and commits. Work may run several times. The errors are those of a Store.
func (db *database) transact(ctx context.Context, work func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	defer cancel()
	for try := 1; ; try++ {
		err := db.once(ctx, work)
		if err == nil || !repeatable(err) || errors.Is(err, verifier.ErrInDoubt) || try == tries {
			return err
		}
		if db.faults.retried != nil {
			db.faults.retried()
		}
		pause := time.Duration(1+rand.IntN(1<<min(try, 6))) * time.Millisecond // #nosec G404 -- jitter
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// repeatable: the server gave the whole transaction up, for reasons that lie in
// what others did at the same time.
func repeatable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

const (
	// The lock keeps the epoch from being raised under a transaction.
	sqlEpoch = `SELECT epoch, coalesce(current_setting('synchronous_standby_names', true), '') FROM deployment WHERE id = 1 FOR SHARE`
	sqlBegin = `BEGIN`
)

// once tries a transaction once.
func (db *database) once(ctx context.Context, work func(context.Context, *pgx.Conn) error) error {
	var late error // from the work on; nothing of it is done again on another connection
	err := db.pool.with(ctx, func(c *pgx.Conn) error {
		if err := db.begin(ctx, c); err != nil {
			abandon(ctx, c)
			return err
		}
		late = db.finish(ctx, c, work)
		return nil
	})
	if err != nil {
		return unavailable(err)
	}
	return late
}

// finish does the work of a transaction that was begun, and commits it.
func (db *database) finish(ctx context.Context, c *pgx.Conn, work func(context.Context, *pgx.Conn) error) error {
	if err := work(ctx, c); err != nil {
		abandon(ctx, c)
		return unavailable(err)
	}
	if db.faults.beforeCommit != nil {
		if err := db.faults.beforeCommit(); err != nil {
			abandon(ctx, c)
			return fmt.Errorf("%w: %w", verifier.ErrInDoubt, err)
		}
	}
	return db.commit(ctx, c)
}

// begin opens the transaction and checks that the map is in force.
func (db *database) begin(ctx context.Context, c *pgx.Conn) error {
	var b pgx.Batch
	b.Queue(sqlBegin)
	b.Queue(sqlEpoch)
	r := c.SendBatch(ctx, &b)
	var epoch int64
	var standbys string
	_, err := r.Exec()
	if err == nil {
		err = r.QueryRow().Scan(&epoch, &standbys)
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	switch {
	case epoch != db.epoch:
		return fmt.Errorf("%w: it has epoch %d, the database is at %d", ErrFenced, db.epoch, epoch)
	case standbys == "" && db.opts.RequireStandby:
		return ErrNoStandby
	}
	return nil
}

// commit ends a transaction. Whatever is not plainly a success or plainly a
// failure leaves it in doubt.
func (db *database) commit(ctx context.Context, c *pgx.Conn) error {
	delete(c.PgConn().CustomData(), warned)
	tag, err := c.Exec(ctx, "COMMIT")
	if err == nil && db.faults.afterCommit != nil {
		err = db.faults.afterCommit()
	}
	switch warning := c.PgConn().CustomData()[warned]; {
	case err != nil && repeatable(err):
		abandon(ctx, c)
		return unavailable(err)
	case err != nil:
		abandon(ctx, c)
		return fmt.Errorf("%w: %w", verifier.ErrInDoubt, err)
	case warning != nil: // the wait for a standby was cut short
		abandon(ctx, c)
		return fmt.Errorf("%w: the server warned: %v", verifier.ErrInDoubt, warning)
	case tag.String() != "COMMIT": // a transaction that had failed before
		return unavailable(fmt.Errorf("COMMIT was answered by %s", tag))
	}
	return nil
}

// abandon throws a connection away whose transaction went wrong: nothing that
// it may still say matters, and the next one may find a new primary. One that
// only lost a race is kept.
func abandon(ctx context.Context, c *pgx.Conn) {
	if !c.IsClosed() && ctx.Err() == nil {
		if _, err := c.Exec(ctx, "ROLLBACK"); err == nil && !readOnly(ctx, c) {
			return
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel() // at once: no farewell
	_ = c.Close(done)
}

// readOnly tells whether the connection ended up on a standby.
func readOnly(ctx context.Context, c *pgx.Conn) bool {
	var mode string
	return c.QueryRow(ctx, "SHOW transaction_read_only").Scan(&mode) != nil || mode != "off"
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", verifier.ErrUnavailable, err) }
