package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"

	"github.com/perhuman/perhuman/verifier"
)

// job is one act that waits for the writer. Whoever gets it out of waiting
// decides: the writer takes it, or its caller gives up.
type job struct {
	order []byte // jobs of a batch are applied in this order
	apply func(context.Context, *writer) error
	state atomic.Int32
	done  chan error
}

const (
	waiting int32 = iota
	taken
	givenUp
)

// submit has the writer apply a job inside a transaction and waits for its
// COMMIT. Once the writer has the job, a caller that stops waiting is in doubt.
func (s *Store) submit(ctx context.Context, order []byte, apply func(context.Context, *writer) error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.begun.Done()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	j := &job{order: order, apply: apply, done: make(chan error, 1)}
	select {
	case s.queue <- j:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, givenUp) {
			return unavailable(ctx.Err())
		}
	}
	select { // the answer may have come at the same moment
	case err := <-j.done:
		return err
	default:
		return fmt.Errorf("%w: %w", verifier.ErrInDoubt, ctx.Err())
	}
}

// run is the writer: take one, drain what else waits, commit, answer.
func (s *Store) run() {
	defer close(s.stopped)
	batch := make([]*job, 0, s.opts.BatchLimit)
	for first := range s.queue {
		batch = append(batch[:0], first)
	drain:
		for len(batch) < s.opts.BatchLimit {
			select {
			case j, ok := <-s.queue:
				if !ok {
					break drain
				}
				batch = append(batch, j)
			default:
				break drain
			}
		}
		slices.SortStableFunc(batch, func(a, b *job) int { return bytes.Compare(a.order, b.order) })
		batch, err := s.commit(context.Background(), batch)
		for _, j := range batch {
			j.done <- err
		}
	}
}

// commit writes a batch in one transaction and gives back the jobs to answer.
// Its error holds for all of them: ErrInDoubt from the moment COMMIT was sent.
func (s *Store) commit(ctx context.Context, batch []*job) (_ []*job, err error) {
	w := &s.w
	if err := w.check(s.path); err != nil {
		w.discard()
		return batch, err
	}
	if w.conn == nil {
		if err := w.connect(ctx, s); err != nil {
			return batch, err
		}
		if err := w.prepare(ctx); err != nil {
			w.discard()
			return batch, err
		}
	}
	if _, err := w.begin.ExecContext(ctx); err != nil {
		w.discard()
		return batch, unavailable(err)
	}
	// Only now is a job out of its caller's hands: waiting for another process
	// to release the file leaves nobody in doubt.
	live := batch[:0]
	for _, j := range batch {
		if j.state.CompareAndSwap(waiting, taken) {
			live = append(live, j)
		}
	}
	for i, j := range live {
		if err := j.apply(ctx, w); err != nil {
			w.discard()
			return live, unavailable(err)
		}
		if s.faults.inside != nil && i == len(live)/2 {
			s.faults.inside()
		}
	}
	if s.faults.beforeCommit != nil {
		err = s.faults.beforeCommit()
	}
	if err == nil {
		_, err = w.commit.ExecContext(ctx)
	}
	if err == nil && s.faults.afterCommit != nil {
		err = s.faults.afterCommit()
	}
	if err != nil {
		w.discard()
		return live, fmt.Errorf("%w: %w", verifier.ErrInDoubt, err)
	}
	return live, nil
}

// writer is the one connection that writes, with its statements.
type writer struct {
	file fs.FileInfo // as first opened; its identity must stay
	size int64       // the file never shrinks
	db   *sql.DB
	conn *sql.Conn

	begin, commit                          *sql.Stmt
	insertNonce, repeatNonce               *sql.Stmt
	insertNullifier, touchNullifier        *sql.Stmt
	nonceUsed, keyUsed                     *sql.Stmt
	policy, putPolicy, signingKeys, addKey *sql.Stmt
	forgetNonces, forgetNullifiers         *sql.Stmt
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
	if w.conn != nil {
		err = w.conn.Close()
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
	}
	w.conn, w.db = nil, nil
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
