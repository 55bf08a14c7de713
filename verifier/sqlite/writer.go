package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// job is one act that waits for the writer.
type job struct {
	order []byte // jobs of a batch are applied in this order
	apply func(context.Context, *writer) error
	spend *spending // instead of apply
}

// class brings together the acts that can be spent together: those that expect
// a nullifier of theirs to be new.
func (j job) class() int {
	switch {
	case j.spend == nil:
		return 0
	case j.spend.act.Returning:
		return 1
	}
	return 2
}

// before orders the jobs of a batch.
func before(a, b *batch.Job[job]) int {
	return cmp.Or(cmp.Compare(a.Item.class(), b.Item.class()), bytes.Compare(a.Item.order, b.Item.order))
}

// submit has the writer apply a job inside a transaction and waits for its
// COMMIT.
func (s *Store) submit(ctx context.Context, order []byte, apply func(context.Context, *writer) error) error {
	return s.queue.Submit(ctx, job{order: order, apply: apply})
}

// write puts a batch into one transaction. Its error holds for all of it:
// ErrInDoubt from the moment COMMIT was sent.
func (s *Store) write(batched []*batch.Job[job]) (err error) {
	w, ctx := &s.w, context.Background()
	slices.SortStableFunc(batched, before)
	if err := w.check(s.path); err != nil {
		w.discard()
		return err
	}
	if w.conn == nil {
		if err := w.connect(ctx, s); err != nil {
			return err
		}
		if err := w.prepare(ctx); err != nil {
			w.discard()
			return err
		}
	}
	if err := w.begin.run(ctx); err != nil {
		w.discard()
		return unavailable(err)
	}
	if err := w.enter(ctx); err != nil {
		w.discard()
		return unavailable(err)
	}
	// Only now is a job out of its caller's hands: waiting for another process
	// to release the file leaves nobody in doubt.
	live := batch.Take(batched)
	if s.faults.inside != nil {
		half := len(live) / 2
		err = w.apply(ctx, live[:half])
		s.faults.inside()
		live = live[half:]
	}
	if err == nil {
		err = w.apply(ctx, live)
	}
	if err == nil {
		err = w.follow(ctx, len(w.fresh))
	}
	if err != nil {
		w.discard()
		return unavailable(err)
	}
	if s.faults.beforeCommit != nil {
		err = s.faults.beforeCommit()
	}
	if err == nil {
		err = w.commit.run(ctx)
	}
	if err == nil && s.faults.afterCommit != nil {
		err = s.faults.afterCommit()
	}
	if err != nil {
		w.discard()
		return fmt.Errorf("%w: %w", verifier.ErrInDoubt, err)
	}
	w.publish()
	return nil
}

// apply does jobs in their order, those together that may be.
func (w *writer) apply(ctx context.Context, jobs []*batch.Job[job]) error {
	w.run = w.run[:0]
	for _, j := range jobs {
		var err error
		switch j := j.Item; j.class() {
		case 0:
			err = j.apply(ctx, w)
		case 1:
			err = w.spendEach(ctx, []*spending{j.spend})
		default: // they come last
			w.run = append(w.run, j.spend)
		}
		if err != nil {
			return err
		}
	}
	return w.spendRun(ctx, w.run)
}

// writer is the one connection that writes, with its statements.
type writer struct {
	file fs.FileInfo // as first opened; its identity must stay
	size int64       // the file never shrinks
	db   *sql.DB
	conn *sql.Conn

	// Of the transaction: the mark and the last row of spent as it leaves them,
	// and the rows that it added.
	upto, last int64
	fresh      []tailRow
	added      map[spentKey]spentRow
	tail       *tail // what was committed before
	tailLimit  int64
	pass       pass

	run    []*spending // memory for the acts of a batch
	values []any       // and for the values of a statement
	parts  []byte

	fasts                      []driver.Stmt // all of these
	begin, commit              fast
	mark, knownParts           fast
	insertNonces, insertSpents [len(together)]fast
	insertParts                fast

	insertNonce, repeatNonce               *sql.Stmt
	insertSpent, touchNullifier            *sql.Stmt
	findNullifier, readTail                *sql.Stmt
	indexTail, moveMark                    *sql.Stmt
	nonceUsed, keyUsed                     *sql.Stmt
	policy, putPolicy, signingKeys, addKey *sql.Stmt
	forgetNonces, lastClosed               *sql.Stmt
	unindex, forgetSpent                   *sql.Stmt
	putState, swapState, addState          *sql.Stmt
	postEvent, claim, settled, retry       *sql.Stmt
}

// check refuses a file that is gone, was replaced, or was cut short.
func (w *writer) check(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return unavailable(err)
	case !os.SameFile(info, w.file):
		return unavailable(errors.New("the database file was replaced"))
	case info.Size() < w.size:
		return unavailable(errors.New("the database file was cut short"))
	}
	w.size = info.Size()
	return nil
}

func (w *writer) connect(ctx context.Context, s *Store) error {
	db, err := sql.Open("sqlite3", s.dsn("rw"))
	if err != nil {
		return unavailable(err)
	}
	db.SetMaxOpenConns(1)
	w.db = db
	if w.conn, err = db.Conn(ctx); err != nil {
		w.discard()
		return unavailable(err)
	}
	// Checkpoints put pages back into the file, four times as rarely as usual: a
	// page that many transactions touched is then written once. The WAL grows to
	// some 16 MB.
	_, err = w.conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = 4000")
	if err == nil { // 16 MB of pages: the index is gone through for every act
		_, err = w.conn.ExecContext(ctx, "PRAGMA cache_size = -16000")
	}
	if err == nil { // what a savepoint may have to take back is kept in memory
		_, err = w.conn.ExecContext(ctx, "PRAGMA temp_store = MEMORY")
	}
	if err != nil {
		w.discard()
		return unavailable(err)
	}
	var mode string
	var level int
	if err = w.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err == nil {
		err = w.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level)
	}
	if err == nil && (mode != "wal" || level != 2) {
		err = fmt.Errorf("journal %q, synchronous %d: not durable", mode, level)
	}
	if err != nil {
		w.discard()
		return unavailable(err)
	}
	return nil
}

// drop closes the connection; the next batch opens another.
func (w *writer) drop() error {
	var err error
	for _, stmt := range w.fasts {
		err = errors.Join(err, stmt.Close())
	}
	w.fasts = nil
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
	}
	w.conn, w.db, w.pass = nil, nil, pass{}
	return err
}

// discard drops a connection that has failed already: nothing that it may
// still say matters. The ROLLBACK lets go of the file at once.
func (w *writer) discard() {
	if w.conn != nil {
		_, _ = w.conn.ExecContext(context.Background(), "ROLLBACK")
	}
	_ = w.drop()
}
