package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// One statement for a table and a batch. The rows come sorted by their keys and
// without doubles, so that two transactions never wait for each other in a
// circle. Every attempt writes its row, and what the row says comes back.
const (
	sqlNonces = `
INSERT INTO nonces (nonce, environment, ticket, digest, nullifier, scope, message, record, attempts, expires_ms)
SELECT n, e, t, d, u, s, m, r, 1, x
FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bigint[])
	AS a (n, e, t, d, u, s, m, r, x)
ON CONFLICT (nonce, environment) DO UPDATE SET attempts = nonces.attempts + 1
RETURNING nonce, environment, ticket,
	CASE WHEN attempts > 1 THEN digest END, CASE WHEN attempts > 1 THEN nullifier END, CASE WHEN attempts > 1 THEN scope END,
	CASE WHEN attempts > 1 THEN message END, CASE WHEN attempts > 1 THEN record END`

	sqlKeys = `
INSERT INTO idempotency_keys (digest, ticket, attempts, expires_ms)
SELECT d, t, 1, x FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS a (d, t, x)
ON CONFLICT (digest) DO UPDATE SET attempts = idempotency_keys.attempts + 1
RETURNING digest, ticket`

	sqlNullifiers = `
INSERT INTO nullifiers (nullifier, scope, environment, ticket, message, attempts, root_seq, first_ms, closes_ms)
SELECT u, s, e, t, m, 1, q, f, c
FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bytea[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[])
	AS a (u, s, e, t, m, q, f, c)
ON CONFLICT (nullifier, scope, environment) DO UPDATE SET attempts = nullifiers.attempts + 1
RETURNING nullifier, scope, environment, ticket, message, first_ms, attempts`

	sqlForget = `
DELETE FROM nonces WHERE (nonce, environment, ticket) IN
	(SELECT n, e, t FROM unnest($1::bytea[], $2::text[], $3::bytea[]) AS a (n, e, t))`

	sqlPostEvents = `
INSERT INTO events (id, body, created_ms, attempts, next_ms)
SELECT i, b, c, 0, x FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[]) AS a (i, b, c, x)
ON CONFLICT (id) DO NOTHING`
)

// write is a writer: it puts a batch into one transaction.
func (db *database) write(jobs []*batch.Job[*leg]) error {
	var legs []*leg
	return db.transact(context.Background(), func(ctx context.Context, c *pgx.Conn) error {
		if legs == nil {
			// Only now are the acts out of their callers' hands: waiting for a
			// connection leaves nobody in doubt.
			for _, j := range batch.Take(jobs) {
				legs = append(legs, j.Item)
			}
		}
		for _, l := range legs {
			if l.out = (verifier.Outcome{}); l.steps&stepNonce != 0 {
				l.nonce = unknown
			}
		}
		for todo := legs; len(todo) > 0; {
			var err error
			if todo, err = apply(ctx, c, todo); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply takes acts through their steps and gives back those that must go again:
// they were refused because of a nonce that was then taken back.
func apply(ctx context.Context, c *pgx.Conn, legs []*leg) (again []*leg, err error) {
	if err := forget(ctx, c, with(legs, stepForget)); err != nil {
		return nil, err
	}
	first := with(legs, stepNonce)
	if err := nonces(ctx, c, first); err != nil {
		return nil, err
	}
	if keyed := with(legs, stepKey); len(keyed) > 0 {
		if err := keys(ctx, c, keyed); err != nil {
			return nil, err
		}
		undone := map[ticket]bool{}
		var gone []*leg
		for _, l := range keyed {
			if l.steps&stepNonce != 0 && l.out.Result == verifier.KeyConflict && l.nonce == fresh {
				undone[l.ticket], gone = true, append(gone, l)
			}
		}
		if err := forget(ctx, c, gone); err != nil {
			return nil, err
		}
		for _, l := range first {
			if l.nonce == refused && undone[l.owner] {
				l.out, l.nonce = verifier.Outcome{}, unknown
				again = append(again, l)
			}
		}
	}
	return again, nullifiers(ctx, c, with(legs, stepNullifier))
}

// with gives the acts that take a step and have no answer yet.
func with(legs []*leg, st step) (some []*leg) {
	for _, l := range legs {
		if l.steps&st != 0 && l.out.Result == 0 {
			some = append(some, l)
		}
	}
	return some
}

// runs sorts acts by a key, keeping the order of those that share one, and cuts
// the list where the key changes.
func runs(legs []*leg, compare func(a, b *leg) int) (out [][]*leg) {
	slices.SortStableFunc(legs, compare)
	for from, i := 0, 1; i <= len(legs); i++ {
		if i == len(legs) || compare(legs[from], legs[i]) != 0 {
			out = append(out, legs[from:i])
			from = i
		}
	}
	return out
}

func byNonce(a, b *leg) int {
	return cmp.Or(bytes.Compare(a.act.Nonce[:], b.act.Nonce[:]), strings.Compare(a.act.Environment, b.act.Environment))
}

func byKey(a, b *leg) int { return bytes.Compare(a.digest[:], b.digest[:]) }

func byNullifier(a, b *leg) int {
	return cmp.Or(bytes.Compare(a.act.Nullifier[:], b.act.Nullifier[:]),
		bytes.Compare(a.act.Scope[:], b.act.Scope[:]), strings.Compare(a.act.Environment, b.act.Environment))
}

// each hands every returned row to the run that it belongs to. Rows come back
// in the order in which they were sent, though nothing promises it.
func each(rows pgx.Rows, err error, all [][]*leg, read func() (key *leg, err error), compare func(a, b *leg) int, settle func(run []*leg)) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		key, err := read()
		if err != nil {
			return err
		}
		i, found := n, n < len(all) && compare(all[n][0], key) == 0
		if !found {
			i, found = slices.BinarySearchFunc(all, key, func(run []*leg, key *leg) int { return compare(run[0], key) })
		}
		if !found {
			return errStranger
		}
		settle(all[i])
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != len(all) {
		return errStranger
	}
	return nil
}
