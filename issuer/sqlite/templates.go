package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/issuer"
)

// Templates are read in ranges of serials, which are random: as many readers as
// there are callers take one after the other.
const (
	// Without an end: to compare with one SQLite reads all of a row, twice in
	// effect.
	selectTemplates = `SELECT serial, modality, sealed, mark FROM templates WHERE serial >= ? ORDER BY serial`
	// By the index alone: the pages with templates are not read.
	selectMarks    = `SELECT serial, modality, mark FROM templates INDEXED BY templates_marks WHERE serial >= ? ORDER BY serial`
	selectSealed   = `SELECT sealed FROM templates WHERE serial = ?`
	selectAnything = `SELECT count(*) FROM binding`

	templateRanges = 64 // a divisor of 256
)

// Templates implements issuer.Store. Its readers have connections of their own,
// so that they keep nobody else waiting.
func (s *Store) Templates(ctx context.Context, callers int, have func(issuer.Serial) bool, f func(issuer.Template) error) (err error) {
	db, err := s.reader()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, classifyNil(db.Close())) }()
	txs, err := s.together(ctx, db, max(1, callers))
	defer func() {
		for _, tx := range txs {
			_ = tx.Rollback()
		}
	}()
	if err != nil {
		return classify(err)
	}
	var next atomic.Int64
	readers, rctx := errgroup.WithContext(ctx)
	for _, tx := range txs {
		readers.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= templateRanges {
					return nil
				}
				read := readTemplates
				if have != nil {
					read = readMarks(have)
				}
				if err := read(rctx, tx, n, f); err != nil {
					return err
				}
			}
		})
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// together begins transactions that see the same moment: while they begin,
// nobody writes.
func (s *Store) together(ctx context.Context, db *sql.DB, n int) (txs []*sql.Tx, err error) {
	if n > 1 {
		still, err := s.w.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		defer func() { _ = still.Rollback() }()
	}
	for range n {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return txs, err
		}
		txs = append(txs, tx)
		var n int64 // the first statement decides on the moment
		if err := tx.QueryRowContext(ctx, selectAnything).Scan(&n); err != nil {
			return txs, err
		}
	}
	return txs, nil
}

// readTemplates calls f for those of the n-th range.
func readTemplates(ctx context.Context, tx *sql.Tx, n int, f func(issuer.Template) error) error {
	rows, err := tx.QueryContext(ctx, selectTemplates, rangeFrom(n))
	if err != nil {
		return classify(err)
	}
	defer func() { _ = rows.Close() }()
	var serial, modality, sealed, mark sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&serial, &modality, &sealed, &mark); err != nil {
			return classify(err)
		}
		t := issuer.Template{Modality: string(modality), Sealed: sealed, Mark: mark}
		if len(serial) != len(t.Serial) {
			return fmt.Errorf("%w: serial of a template", issuer.ErrCorrupt)
		}
		copy(t.Serial[:], serial)
		if behind(t.Serial, n) {
			return nil
		}
		if err := f(t); err != nil {
			return err
		}
	}
	return classifyNil(rows.Err())
}

const rangeWidth = 256 / templateRanges

// rangeFrom is where the n-th range begins.
func rangeFrom(n int) []byte {
	if n == 0 {
		return []byte{} // before everything
	}
	return []byte{byte(n * rangeWidth)}
}

func behind(s issuer.Serial, n int) bool { return int(s[0]) >= (n+1)*rangeWidth }

// readMarks is readTemplates without what have tells to be at hand.
func readMarks(have func(issuer.Serial) bool) func(context.Context, *sql.Tx, int, func(issuer.Template) error) error {
	return func(ctx context.Context, tx *sql.Tx, n int, f func(issuer.Template) error) error {
		missing, err := eachMark(ctx, tx, n, have, f)
		for _, t := range missing {
			if err == nil {
				if err = tx.QueryRowContext(ctx, selectSealed, t.Serial[:]).Scan(&t.Sealed); err != nil {
					return classify(err)
				}
				err = f(t)
			}
		}
		return err
	}
}

// eachMark calls f for those at hand, and gives the others.
func eachMark(ctx context.Context, tx *sql.Tx, n int, have func(issuer.Serial) bool, f func(issuer.Template) error) (missing []issuer.Template, err error) {
	rows, err := tx.QueryContext(ctx, selectMarks, rangeFrom(n))
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var serial, modality, mark sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&serial, &modality, &mark); err != nil {
			return nil, classify(err)
		}
		t := issuer.Template{Modality: string(modality), Mark: mark}
		if copy(t.Serial[:], serial) != len(t.Serial) {
			return nil, fmt.Errorf("%w: serial of a template", issuer.ErrCorrupt)
		}
		if behind(t.Serial, n) {
			break
		}
		if !have(t.Serial) {
			t.Mark = bytes.Clone(mark)
			missing = append(missing, t)
		} else if err := f(t); err != nil {
			return nil, err
		}
	}
	return missing, classifyNil(rows.Err())
}
