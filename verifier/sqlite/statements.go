package sqlite

import (
	"context"
	"database/sql"
)

// Every statement of the store. They are constants, and every value is bound.
const (
	sqlInsertNonce = `
INSERT INTO nonces (nonce, environment, credential, key, nullifier, scope, message, record, attempts, expires_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING`

	// A repeat is a committed write, so its answer comes from this transaction.
	sqlRepeatNonce = `
UPDATE nonces SET attempts = attempts + 1
WHERE nonce = ? AND environment = ? AND credential = ? AND key = ? AND key <> '' AND nullifier = ? AND scope = ? AND message = ?
RETURNING record`

	sqlInsertNullifier = `
INSERT INTO nullifiers (nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms)
VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING`

	// A second attempt is counted whoever makes it: refusals, too, are
	// answered from a row that this transaction wrote.
	sqlTouchNullifier = `
UPDATE nullifiers SET attempts = attempts + 1
WHERE nullifier = ? AND scope = ? AND environment = ?
RETURNING nonce, message, first_ms`

	sqlNonceUsed = `SELECT count(*) FROM nonces WHERE nonce = ? AND environment = ?`
	sqlKeyUsed   = `SELECT count(*) FROM nonces WHERE environment = ? AND credential = ? AND key = ? AND key <> ''`

	sqlSeenNonce = `
SELECT credential, key, nullifier, scope, message, record FROM nonces WHERE nonce = ? AND environment = ?`
	sqlSeenNullifier = `
SELECT nonce, message, first_ms FROM nullifiers WHERE nullifier = ? AND scope = ? AND environment = ?`

	sqlPolicy = `
SELECT kind, len, snapshot, k, next_k, next_from FROM policies WHERE environment = ? AND rp = ? AND action = ?`
	sqlPutPolicy = `
INSERT INTO policies (environment, rp, action, kind, len, snapshot, k, next_k, next_from)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (environment, rp, action) DO UPDATE SET k = excluded.k, next_k = excluded.next_k, next_from = excluded.next_from`

	sqlSigningKeys = `SELECT seed FROM signing_keys WHERE environment = ? AND rp = ? ORDER BY number DESC`
	sqlAddKey      = `INSERT INTO signing_keys (environment, rp, number, seed) VALUES (?, ?, ?, ?)`

	sqlNewestKey = `
INSERT INTO signing_keys (environment, rp, number, seed)
SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3 FROM signing_keys WHERE environment = ?1 AND rp = ?2`
	sqlDropKey = `DELETE FROM signing_keys WHERE environment = ? AND rp = ? AND seed = ?`

	sqlState     = `SELECT state FROM states WHERE name = ?`
	sqlPutState  = `INSERT INTO states (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state`
	sqlSwapState = `UPDATE states SET state = ? WHERE name = ? AND state = ?`
	sqlAddState  = `INSERT INTO states (name, state) VALUES (?, ?) ON CONFLICT DO NOTHING`

	sqlPostEvent = `INSERT INTO events (id, body, created_ms, attempts, next_ms) VALUES (?, ?, ?, 0, ?) ON CONFLICT DO NOTHING`
	sqlClaim     = `
UPDATE events SET attempts = attempts + 1, next_ms = ?
WHERE id IN (SELECT id FROM events WHERE next_ms <= ? ORDER BY next_ms, id LIMIT ?)
RETURNING id, body, created_ms, attempts`
	sqlSettled = `DELETE FROM events WHERE id = ?`
	sqlRetry   = `UPDATE events SET next_ms = ? WHERE id = ?`

	// Forgetting is done in bites, so that it never holds up the writer long.
	sqlForgetNonces = `
DELETE FROM nonces WHERE (nonce, environment) IN (SELECT nonce, environment FROM nonces WHERE expires_ms < ? LIMIT 5000)`
	sqlForgetNullifiers = `
DELETE FROM nullifiers WHERE (nullifier, scope, environment) IN
	(SELECT nullifier, scope, environment FROM nullifiers WHERE closes_ms > 0 AND closes_ms < ? LIMIT 5000)`
)

// prepare readies the writer's statements on its connection.
func (w *writer) prepare(ctx context.Context) error {
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.begin, "BEGIN IMMEDIATE"}, {&w.commit, "COMMIT"},
		{&w.insertNonce, sqlInsertNonce}, {&w.repeatNonce, sqlRepeatNonce},
		{&w.insertNullifier, sqlInsertNullifier}, {&w.touchNullifier, sqlTouchNullifier},
		{&w.nonceUsed, sqlNonceUsed}, {&w.keyUsed, sqlKeyUsed},
		{&w.policy, sqlPolicy}, {&w.putPolicy, sqlPutPolicy},
		{&w.signingKeys, sqlSigningKeys}, {&w.addKey, sqlAddKey},
		{&w.putState, sqlPutState}, {&w.swapState, sqlSwapState}, {&w.addState, sqlAddState},
		{&w.postEvent, sqlPostEvent}, {&w.claim, sqlClaim}, {&w.settled, sqlSettled}, {&w.retry, sqlRetry},
		{&w.forgetNonces, sqlForgetNonces}, {&w.forgetNullifiers, sqlForgetNullifiers},
	} {
		var err error
		if *s.to, err = w.conn.PrepareContext(ctx, s.query); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// readStatements run on the read pool.
type readStatements struct{ nonce, nullifier, key, policy, state *sql.Stmt }

func prepareReads(ctx context.Context, db *sql.DB) (*readStatements, error) {
	r := &readStatements{}
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{{&r.nonce, sqlSeenNonce}, {&r.nullifier, sqlSeenNullifier}, {&r.key, sqlKeyUsed}, {&r.policy, sqlPolicy}, {&r.state, sqlState}} {
		var err error
		if *s.to, err = db.PrepareContext(ctx, s.query); err != nil {
			return nil, err
		}
	}
	return r, nil
}
