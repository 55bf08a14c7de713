package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perhuman/perhuman/issuer"
)

const (
	sqlBegin    = `BEGIN`
	sqlCommit   = `COMMIT`
	sqlRollback = `ROLLBACK`
	sqlSnapshot = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`

	// Writing the row makes writers wait for one another, and gives every commit
	// something that a standby must have.
	sqlTakeTurn = `UPDATE binding SET acts = acts + 1 WHERE set_id = $1
		RETURNING writer, coalesce(current_setting('synchronous_standby_names', true), '')`
	sqlReadOnly = `SHOW transaction_read_only`
)

// tries bounds how often a transaction is repeated that the server gave up.
const tries = 5

// tx is one act. Every statement looks first whether the caller still wants it.
type tx struct {
	c      *pgx.Conn
	steady context.Context // of the statements: not cancelled by the caller
	caller context.Context
	f      *faults
	asked  bool // the act has called back: it cannot be done again
}

func (t *tx) step(query string) error {
	if t.f.statement != nil && !strings.HasPrefix(query, "SELECT") {
		if err := t.f.statement(query); err != nil {
			return err
		}
	}
	return t.caller.Err()
}

// Exec gives the number of rows that a statement changed.
func (t *tx) Exec(sqlText string, args ...any) (int64, error) {
	if err := t.step(sqlText); err != nil {
		return 0, err
	}
	ctx := t.steady
	tag, err := t.c.Exec(ctx, sqlText, args...)
	return tag.RowsAffected(), err
}

// must is Exec for a statement that has to change exactly one row.
func (t *tx) must(n int64, err error) error {
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: a change does not fit the set (%d rows)", issuer.ErrCorrupt, n)
	}
	return err
}

// QueryRow reads one row into to.
func (t *tx) QueryRow(sqlText string, to []any, args ...any) error {
	if err := t.step(sqlText); err != nil {
		return err
	}
	ctx := t.steady
	return t.c.QueryRow(ctx, sqlText, args...).Scan(to...)
}

// into names where the columns of a row go.
func into(to ...any) []any { return to }

// queue is a run of statements that go to the server together.
type queue struct {
	b     pgx.Batch
	exact []bool // must change exactly one row
}

// Queue adds a statement that has to change exactly one row.
func (q *queue) Queue(sqlText string, args ...any) {
	q.b.Queue(sqlText, args...)
	q.exact = append(q.exact, true)
}

// any lets the statement added last change any number of rows.
func (q *queue) any() { q.exact[len(q.exact)-1] = false }

const queueRoom = 2048 // statements at a time

// send runs what is queued and empties the queue.
func (t *tx) send(q *queue) error {
	if len(q.exact) == 0 {
		return nil
	}
	if err := t.step("a batch"); err != nil {
		return err
	}
	r := t.c.SendBatch(t.steady, &q.b)
	var failed error
	for _, exact := range q.exact {
		tag, err := r.Exec()
		if err == nil && exact {
			err = t.must(tag.RowsAffected(), nil)
		}
		if failed = err; err != nil {
			break
		}
	}
	if err := r.Close(); failed == nil {
		failed = err
	}
	*q = queue{}
	return failed
}

// write runs one act in one transaction. The caller's context is looked at
// before each statement: a cancelled act either never was or is whole.
func (s *Store) write(ctx context.Context, f func(*tx) error) error {
	return s.writeAs(ctx, f, func(writer int64, found bool) error {
		switch {
		case !found:
			return fmt.Errorf("%w: the database is not bound", issuer.ErrNotFound)
		case writer != s.writer:
			return issuer.ErrFenced
		}
		return nil
	})
}

func (s *Store) writeAs(ctx context.Context, f func(*tx) error, fence func(writer int64, found bool) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	steady, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Timeout)
	defer cancel()
	for try := 1; ; try++ {
		asked, err := s.once(ctx, steady, f, fence)
		if err == nil || !repeatable(err) || asked || errors.Is(err, issuer.ErrInDoubt) || try == tries {
			return classify(err)
		}
	}
}

// once tries a transaction once.
func (s *Store) once(ctx, steady context.Context, f func(*tx) error, fence func(int64, bool) error) (asked bool, late error) {
	err := s.w.with(steady, func(c *pgx.Conn) error {
		t := &tx{c: c, steady: steady, caller: ctx, f: &s.faults}
		if err := s.begin(t, fence); err != nil {
			abandon(steady, c)
			return err
		}
		// From here on nothing is done again on another connection.
		late = f(t)
		if late == nil {
			late = ctx.Err()
		}
		if late != nil {
			abandon(steady, c)
		} else {
			late = s.commit(t)
		}
		asked = t.asked
		return nil
	})
	if err != nil {
		return false, err
	}
	return asked, late
}

func (s *Store) begin(t *tx, fence func(int64, bool) error) error {
	ctx := t.steady
	if _, err := t.c.Exec(ctx, sqlBegin); err != nil {
		return err
	}
	var writer int64
	var standbys string
	err := t.c.QueryRow(ctx, sqlTakeTurn, setID).Scan(&writer, &standbys)
	found := !errors.Is(err, pgx.ErrNoRows)
	if err != nil && found {
		return err
	}
	if found && standbys == "" && s.opts.RequireStandby {
		return ErrNoStandby
	}
	return fence(writer, found)
}

// commit ends a transaction. Whatever is not plainly a success or plainly a
// failure leaves it in doubt.
func (s *Store) commit(t *tx) error {
	c, ctx := t.c, t.steady
	delete(c.PgConn().CustomData(), warned)
	real := func() error {
		tag, err := c.Exec(ctx, sqlCommit)
		if err == nil && tag.String() != "COMMIT" {
			return fmt.Errorf("COMMIT was answered by %s", tag)
		}
		return err
	}
	var err error
	if s.faults.commit != nil {
		err = s.faults.commit(real)
	} else {
		err = real()
	}
	warning := c.PgConn().CustomData()[warned]
	switch {
	case err != nil && repeatable(err): // the server says that nothing was kept
		abandon(ctx, c)
		return err
	case err != nil:
		abandon(ctx, c)
		return fmt.Errorf("%w: %w", issuer.ErrInDoubt, err)
	case warning != nil: // the wait for a standby was cut short
		abandon(ctx, c)
		return fmt.Errorf("%w: the server warned: %v", issuer.ErrInDoubt, warning)
	}
	return nil
}

// abandon ends a transaction that went wrong. The connection is kept only if it
// still answers and can write: the next one may find a new primary.
func abandon(ctx context.Context, c *pgx.Conn) {
	if !c.IsClosed() && ctx.Err() == nil {
		var mode string
		if _, err := c.Exec(ctx, sqlRollback); err == nil && c.QueryRow(ctx, sqlReadOnly).Scan(&mode) == nil && mode == "off" {
			return
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel() // at once: no farewell
	_ = c.Close(done)
}

// read lends a connection to work that only reads. It may run twice.
func (s *Store) read(ctx context.Context, work func(*pgx.Conn) error) error {
	return classify(s.r.with(ctx, work))
}

// snapshot is read at one moment of the database.
func (s *Store) snapshot(ctx context.Context, work func(*pgx.Conn) error) error {
	return s.read(ctx, func(c *pgx.Conn) error {
		if _, err := c.Exec(ctx, sqlSnapshot); err != nil {
			return err
		}
		err := work(c)
		if ctx.Err() == nil {
			if _, end := c.Exec(ctx, sqlRollback); end == nil {
				return err
			}
		}
		done, cancel := context.WithCancel(context.Background())
		cancel() // at once: nothing is lost with a reader
		_ = c.Close(done)
		return err
	})
}

// repeatable: the server gave the whole transaction up, for reasons that lie in
// what others did at the same time.
func repeatable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// died: the error is not the server's answer, or says that the server ends.
func died(err error) bool {
	var pe *pgconn.PgError
	return !errors.As(err, &pe) || strings.HasPrefix(pe.Code, "57P")
}

// classify gives PostgreSQL's errors the names of the Store interface.
func classify(err error) error {
	var pe *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, issuer.ErrInDoubt):
		return err
	case errors.As(err, &pe) && (repeatable(err) || pe.Code == "55P03" || pe.Code == "57014"):
		return fmt.Errorf("%w: %w", issuer.ErrBusy, err)
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%w: %w", issuer.ErrNotFound, err)
	}
	return err
}
