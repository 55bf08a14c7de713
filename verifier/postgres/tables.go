package postgres

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
)

// errStranger: a statement gave back other rows than it was given.
var errStranger = errors.New("a statement gave back other rows than it wrote")

// column collects one field of the first act of each run: an array of a
// statement.
func column[T any](all [][]*leg, field func(*leg) T) []T {
	out := make([]T, len(all))
	for i, run := range all {
		out[i] = field(run[0])
	}
	return out
}

func nonceOf(l *leg) []byte       { return l.act.Nonce[:] }
func environmentOf(l *leg) string { return l.act.Environment }
func nullifierOf(l *leg) []byte   { return l.act.Nullifier[:] }
func scopeOf(l *leg) []byte       { return l.act.Scope[:] }
func messageOf(l *leg) []byte     { return l.act.Message[:] }
func ticketOf(l *leg) []byte      { return l.ticket[:] }
func ownerOf(l *leg) []byte       { return l.owner[:] }
func digestOf(l *leg) []byte      { return l.digest[:] }
func expiresOf(l *leg) int64      { return l.act.Expires.UnixMilli() }

// nonces writes the rows of the nonces: of the acts with one nonce the first
// decides, and the others are repeats of what is in its row or refused by it.
func nonces(ctx context.Context, c *pgx.Conn, legs []*leg) error {
	if len(legs) == 0 {
		return nil
	}
	all := runs(legs, byNonce)
	rows, err := c.Query(ctx, sqlNonces, column(all, nonceOf), column(all, environmentOf), column(all, ticketOf),
		column(all, keyDigestOf), column(all, nullifierOf), column(all, scopeOf), column(all, messageOf),
		column(all, func(l *leg) []byte { return notNull(l.act.Record) }), column(all, expiresOf))
	var row nonceRow
	return each(rows, err, all, func() (*leg, error) { return row.scan(rows) }, byNonce, func(run []*leg) {
		if row.ticket == run[0].ticket { // the row is this act
			row.digest, row.record = keyDigestOf(run[0]), run[0].act.Record
			row.nullifier, row.scope, row.message = nullifierOf(run[0]), scopeOf(run[0]), messageOf(run[0])
		}
		for _, l := range run {
			l.owner = row.ticket
			switch {
			case row.ticket == l.ticket:
				l.nonce = fresh
			case row.repeats(l.spending):
				l.nonce, l.record = repeated, bytes.Clone(row.record)
			default:
				l.nonce, l.out.Result = refused, verifier.NonceUsed
			}
		}
	})
}

// keyDigestOf is empty for an act without a key, which repeats nothing.
func keyDigestOf(l *leg) []byte {
	if l.act.Key == "" {
		return []byte{}
	}
	return l.digest[:]
}

// nonceRow is a row of table nonces; all but the key and the ticket are NULL in
// the answer of a statement that has just made the row.
type nonceRow struct {
	key                                       leg
	ticket                                    ticket
	digest, nullifier, scope, message, record []byte
}

func (r *nonceRow) scan(rows pgx.Row) (*leg, error) {
	r.key.spending = &spending{}
	var nonce, owner []byte
	err := rows.Scan(&nonce, &r.key.act.Environment, &owner, &r.digest, &r.nullifier, &r.scope, &r.message, &r.record)
	copy(r.key.act.Nonce[:], nonce)
	copy(r.ticket[:], owner)
	return &r.key, err
}

// repeats: see verifier.Act.Repeats. The digest holds environment, credential
// and key.
func (r *nonceRow) repeats(p *spending) bool {
	return p.act.Key != "" && bytes.Equal(r.digest, p.digest[:]) && bytes.Equal(r.nullifier, p.act.Nullifier[:]) &&
		bytes.Equal(r.scope, p.act.Scope[:]) && bytes.Equal(r.message, p.act.Message[:])
}

// keys writes the rows of the idempotency keys: a key belongs to the act that
// came first.
func keys(ctx context.Context, c *pgx.Conn, legs []*leg) error {
	all := runs(legs, byKey)
	rows, err := c.Query(ctx, sqlKeys, column(all, digestOf), column(all, ownerOf), column(all, expiresOf))
	key := &leg{spending: &spending{}}
	var holder ticket
	read := func() (*leg, error) {
		var digest, owner []byte
		err := rows.Scan(&digest, &owner)
		copy(key.digest[:], digest)
		copy(holder[:], owner)
		return key, err
	}
	return each(rows, err, all, read, byKey, func(run []*leg) {
		for _, l := range run {
			if l.owner != holder {
				l.out.Result = verifier.KeyConflict
			}
		}
	})
}

// nullifiers writes the rows of the nullifiers, and the events of the acts that
// are accepted by that.
func nullifiers(ctx context.Context, c *pgx.Conn, legs []*leg) error {
	if len(legs) == 0 {
		return nil
	}
	all := runs(legs, byNullifier)
	rows, err := c.Query(ctx, sqlNullifiers, column(all, nullifierOf), column(all, scopeOf), column(all, environmentOf),
		column(all, ownerOf), column(all, messageOf), column(all, func(l *leg) int64 { return int64(l.act.RootSeq) }),
		column(all, func(l *leg) int64 { return l.act.Now.UnixMilli() }), column(all, closesOf))
	key := &leg{spending: &spending{}}
	var holder ticket
	var message []byte
	var first, attempts int64
	read := func() (*leg, error) {
		var nullifier, scope, owner []byte
		err := rows.Scan(&nullifier, &scope, &key.act.Environment, &owner, &message, &first, &attempts)
		key.act.Nullifier, key.act.Scope = semaphore.Element{}, semaphore.Uint256{}
		copy(key.act.Nullifier[:], nullifier)
		copy(key.act.Scope[:], scope)
		copy(holder[:], owner)
		return key, err
	}
	var told []verifier.Event
	if err := each(rows, err, all, read, byNullifier, func(run []*leg) {
		for i, l := range run {
			l.judge(holder, message, first)
			isNew := i == 0 && attempts == 1 || l.act.Returning && l.nonce == fresh
			if l.act.Event != nil && l.out.Result == verifier.Accepted && isNew {
				told = append(told, *l.act.Event)
			}
		}
	}); err != nil || len(told) == 0 {
		return err
	}
	return post(ctx, c, told)
}

func closesOf(l *leg) int64 {
	if l.act.Closes.IsZero() {
		return 0
	}
	return l.act.Closes.UnixMilli()
}

// forget takes nonces back that these very attempts wrote.
func forget(ctx context.Context, c *pgx.Conn, legs []*leg) error {
	if len(legs) == 0 {
		return nil
	}
	all := runs(legs, byNonce)
	_, err := c.Exec(ctx, sqlForget, column(all, nonceOf), column(all, environmentOf), column(all, ticketOf))
	return err
}

func post(ctx context.Context, c *pgx.Conn, events []verifier.Event) error {
	slices.SortStableFunc(events, func(a, b verifier.Event) int { return strings.Compare(a.ID, b.ID) })
	var ids []string
	var bodies [][]byte
	var created, next []int64
	for _, e := range events {
		ids, bodies = append(ids, e.ID), append(bodies, notNull(e.Body))
		created, next = append(created, e.Created.UnixMilli()), append(next, e.Due().UnixMilli())
	}
	_, err := c.Exec(ctx, sqlPostEvents, ids, bodies, created, next)
	return err
}

func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
