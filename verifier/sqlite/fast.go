package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/mattn/go-sqlite3"
)

// fast is a statement of the driver itself, for what every transaction does. The
// driver binds and runs a query in one call into C, however many values it has,
// and copies each value once; through package sql it would be a call and an
// allocation for every value. The writer is the only one to use its connection.
type fast struct {
	stmt driver.Stmt
	args []driver.NamedValue
	row  []driver.Value
}

// bind appends values, in the order of the statement's parameters. Parameters
// that get none are NULL.
func (f *fast) bind(values ...any) {
	for _, v := range values {
		f.args = append(f.args, driver.NamedValue{Ordinal: len(f.args) + 1, Value: v})
	}
}

// run runs the statement with what was bound, reads the first row of its answer
// into f.row if that has columns, and lets go of the values.
func (f *fast) run(ctx context.Context) (err error) {
	stmt, ok := f.stmt.(driver.StmtQueryContext)
	if !ok {
		return errors.New("the driver cannot query")
	}
	rows, err := stmt.QueryContext(ctx, f.args)
	clear(f.args)
	f.args = f.args[:0]
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if len(f.row) == 0 {
		return nil
	}
	return rows.Next(f.row)
}

// number gives a column of the row that was read.
func (f *fast) number(column int) int64 {
	n, _ := f.row[column].(int64) // the tables are STRICT
	return n
}

// conflicts tells whether a statement failed because a row was there already.
func conflicts(err error) bool {
	var se sqlite3.Error
	return errors.As(err, &se) && se.Code == sqlite3.ErrConstraint
}

// prepareFast readies the statements of the driver.
func (w *writer) prepareFast(raw any) error {
	conn, ok := raw.(driver.Conn)
	if !ok {
		return errors.New("not a connection of the driver")
	}
	for _, s := range []struct {
		to    *fast
		query string
	}{
		{&w.begin, sqlBegin}, {&w.commit, sqlCommit}, {&w.mark, sqlMark}, {&w.knownParts, sqlKnownParts},
		{&w.insertNonces[0], sqlInsert64Nonces}, {&w.insertNonces[1], sqlInsert8Nonces},
		{&w.insertSpents[0], sqlInsert64Spent}, {&w.insertSpents[1], sqlInsert8Spent},
		{&w.insertParts, sqlInsertParts},
	} {
		stmt, err := conn.Prepare(s.query)
		if err != nil {
			return err
		}
		*s.to = fast{stmt: stmt}
		w.fasts = append(w.fasts, stmt)
	}
	w.mark.row, w.knownParts.row = make([]driver.Value, 2), make([]driver.Value, 1)
	return nil
}
