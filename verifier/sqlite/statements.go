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

	// The same for many rows. How many went in says whether all did.
	sqlManyNonces = `
INSERT OR IGNORE INTO nonces (nonce, environment, credential, key, nullifier, scope, message, record, attempts, expires_ms)
VALUES `
	sqlNonceRow       = `(?, ?, ?, ?, ?, ?, ?, ?, 1, ?)`
	sqlNonceRows2     = sqlNonceRow + `, ` + sqlNonceRow
	sqlNonceRows4     = sqlNonceRows2 + `, ` + sqlNonceRows2
	sqlNonceRows8     = sqlNonceRows4 + `, ` + sqlNonceRows4
	sqlNonceRows16    = sqlNonceRows8 + `, ` + sqlNonceRows8
	sqlInsert8Nonces  = sqlManyNonces + sqlNonceRows8
	sqlInsert32Nonces = sqlManyNonces + sqlNonceRows16 + `, ` + sqlNonceRows16

	sqlManyNullifiers = `
INSERT OR IGNORE INTO nullifiers (nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms)
VALUES `
	sqlNullifierRow       = `(?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`
	sqlNullifierRows2     = sqlNullifierRow + `, ` + sqlNullifierRow
	sqlNullifierRows4     = sqlNullifierRows2 + `, ` + sqlNullifierRows2
	sqlNullifierRows8     = sqlNullifierRows4 + `, ` + sqlNullifierRows4
	sqlNullifierRows16    = sqlNullifierRows8 + `, ` + sqlNullifierRows8
	sqlInsert8Nullifiers  = sqlManyNullifiers + sqlNullifierRows8
	sqlInsert32Nullifiers = sqlManyNullifiers + sqlNullifierRows16 + `, ` + sqlNullifierRows16

	sqlSavepoint  = `SAVEPOINT run`
	sqlRollbackTo = `ROLLBACK TO run`
	sqlRelease    = `RELEASE run`

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

	// All that is known of an act, in one row. Without a key of the caller's, no
	// other nonce is looked for.
	sqlSeen = `
SELECT n.credential, n.key, n.nullifier, n.scope, n.message, n.record,
	?6 <> '' AND EXISTS (SELECT 1 FROM nonces WHERE environment = ?2 AND credential = ?5 AND key = ?6 AND key <> ''),
	s.nonce, s.message, s.first_ms
FROM (SELECT 1)
LEFT JOIN nonces n ON n.nonce = ?1 AND n.environment = ?2
LEFT JOIN nullifiers s ON s.nullifier = ?3 AND s.scope = ?4 AND s.environment = ?2`

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
		{&w.savepoint, sqlSavepoint}, {&w.rollbackTo, sqlRollbackTo}, {&w.release, sqlRelease},
		{&w.insertNonces[0], sqlInsert32Nonces}, {&w.insertNonces[1], sqlInsert8Nonces},
		{&w.insertNullifiers[0], sqlInsert32Nullifiers}, {&w.insertNullifiers[1], sqlInsert8Nullifiers},
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
type readStatements struct{ act, policy, state *sql.Stmt }

func prepareReads(ctx context.Context, db *sql.DB) (*readStatements, error) {
	r := &readStatements{}
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{{&r.act, sqlSeen}, {&r.policy, sqlPolicy}, {&r.state, sqlState}} {
		var err error
		if *s.to, err = db.PrepareContext(ctx, s.query); err != nil {
			return nil, err
		}
	}
	return r, nil
}
