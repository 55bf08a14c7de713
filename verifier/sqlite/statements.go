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

	// The same for many rows, and only if all of them are new. Rows that nothing
	// was bound to are left out.
	sqlManyNonces = `
INSERT INTO nonces (nonce, environment, credential, key, nullifier, scope, message, record, attempts, expires_ms)
SELECT * FROM (VALUES `
	sqlNonceRow       = `(?, ?, ?, ?, ?, ?, ?, ?, 1, ?)`
	sqlNonceRows2     = sqlNonceRow + `, ` + sqlNonceRow
	sqlNonceRows4     = sqlNonceRows2 + `, ` + sqlNonceRows2
	sqlNonceRows8     = sqlNonceRows4 + `, ` + sqlNonceRows4
	sqlNonceRows16    = sqlNonceRows8 + `, ` + sqlNonceRows8
	sqlNonceRows32    = sqlNonceRows16 + `, ` + sqlNonceRows16
	sqlInsert8Nonces  = sqlManyNonces + sqlNonceRows8 + sqlBound
	sqlInsert64Nonces = sqlManyNonces + sqlNonceRows32 + `, ` + sqlNonceRows32 + sqlBound
	sqlBound          = `) WHERE column1 IS NOT NULL`

	sqlInsertSpent = sqlIntoSpent + ` VALUES ` + sqlSpentRow
	sqlIntoSpent   = `
INSERT INTO spent (id, nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms)`
	sqlManySpent     = sqlIntoSpent + ` SELECT * FROM (VALUES `
	sqlSpentRow      = `(?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`
	sqlSpentRows2    = sqlSpentRow + `, ` + sqlSpentRow
	sqlSpentRows4    = sqlSpentRows2 + `, ` + sqlSpentRows2
	sqlSpentRows8    = sqlSpentRows4 + `, ` + sqlSpentRows4
	sqlSpentRows16   = sqlSpentRows8 + `, ` + sqlSpentRows8
	sqlSpentRows32   = sqlSpentRows16 + `, ` + sqlSpentRows16
	sqlInsert8Spent  = sqlManySpent + sqlSpentRows8 + sqlBound
	sqlInsert64Spent = sqlManySpent + sqlSpentRows32 + `, ` + sqlSpentRows32 + sqlBound

	sqlBegin  = `BEGIN IMMEDIATE`
	sqlCommit = `COMMIT`
	sqlMark   = `SELECT upto, max(upto, coalesce((SELECT max(id) FROM spent), 0)) FROM spent_mark`

	// Whether the index may have one of many nullifiers. What is not to be looked
	// for is empty.
	sqlKnownParts = `
SELECT EXISTS (SELECT 1 FROM spent_by_nullifier WHERE part IN (
	substr(?1, 1, 16), substr(?1, 17, 16), substr(?1, 33, 16), substr(?1, 49, 16),
	substr(?1, 65, 16), substr(?1, 81, 16), substr(?1, 97, 16), substr(?1, 113, 16),
	substr(?1, 129, 16), substr(?1, 145, 16), substr(?1, 161, 16), substr(?1, 177, 16),
	substr(?1, 193, 16), substr(?1, 209, 16), substr(?1, 225, 16), substr(?1, 241, 16),
	substr(?1, 257, 16), substr(?1, 273, 16), substr(?1, 289, 16), substr(?1, 305, 16),
	substr(?1, 321, 16), substr(?1, 337, 16), substr(?1, 353, 16), substr(?1, 369, 16),
	substr(?1, 385, 16), substr(?1, 401, 16), substr(?1, 417, 16), substr(?1, 433, 16),
	substr(?1, 449, 16), substr(?1, 465, 16), substr(?1, 481, 16), substr(?1, 497, 16),
	substr(?1, 513, 16), substr(?1, 529, 16), substr(?1, 545, 16), substr(?1, 561, 16),
	substr(?1, 577, 16), substr(?1, 593, 16), substr(?1, 609, 16), substr(?1, 625, 16),
	substr(?1, 641, 16), substr(?1, 657, 16), substr(?1, 673, 16), substr(?1, 689, 16),
	substr(?1, 705, 16), substr(?1, 721, 16), substr(?1, 737, 16), substr(?1, 753, 16),
	substr(?1, 769, 16), substr(?1, 785, 16), substr(?1, 801, 16), substr(?1, 817, 16),
	substr(?1, 833, 16), substr(?1, 849, 16), substr(?1, 865, 16), substr(?1, 881, 16),
	substr(?1, 897, 16), substr(?1, 913, 16), substr(?1, 929, 16), substr(?1, 945, 16),
	substr(?1, 961, 16), substr(?1, 977, 16), substr(?1, 993, 16), substr(?1, 1009, 16)))`

	sqlFindNullifier = `
SELECT s.id, s.nonce, s.message, s.first_ms
FROM spent_by_nullifier i CROSS JOIN spent s ON s.id = i.id
WHERE i.part = substr(?1, 1, 16) AND s.nullifier = ?1 AND s.scope = ?2 AND s.environment = ?3`

	// The mark, with each row above it and above the id that is asked for.
	sqlTail = `
SELECT m.upto, s.id, s.nullifier, s.scope, s.environment, s.nonce, s.message, s.first_ms
FROM spent_mark m LEFT JOIN spent s ON s.id > max(m.upto, ?) ORDER BY s.id`

	sqlPartRow     = `(?, ?)`
	sqlPartRows2   = sqlPartRow + `, ` + sqlPartRow
	sqlPartRows4   = sqlPartRows2 + `, ` + sqlPartRows2
	sqlPartRows8   = sqlPartRows4 + `, ` + sqlPartRows4
	sqlPartRows16  = sqlPartRows8 + `, ` + sqlPartRows8
	sqlPartRows32  = sqlPartRows16 + `, ` + sqlPartRows16
	sqlInsertParts = `
INSERT OR IGNORE INTO spent_by_nullifier (part, id) SELECT * FROM (VALUES ` + sqlPartRows32 + `, ` + sqlPartRows32 + sqlBound
	sqlIndexTail = `
INSERT OR IGNORE INTO spent_by_nullifier (part, id) SELECT substr(nullifier, 1, 16), id FROM spent WHERE id > ? ORDER BY 1, 2`
	sqlMoveMark = `UPDATE spent_mark SET upto = max(upto, ?)`

	// A repeat is a committed write, so its answer comes from this transaction.
	sqlRepeatNonce = `
UPDATE nonces SET attempts = attempts + 1
WHERE nonce = ? AND environment = ? AND credential = ? AND key = ? AND key <> '' AND nullifier = ? AND scope = ? AND message = ?
RETURNING record`

	// A second attempt is counted whoever makes it: refusals, too, are
	// answered from a row that this transaction wrote.
	sqlTouchNullifier = `UPDATE spent SET attempts = attempts + 1 WHERE id = ?`

	sqlNonceUsed = `SELECT count(*) FROM nonces WHERE nonce = ? AND environment = ?`
	sqlKeyUsed   = `SELECT count(*) FROM nonces WHERE environment = ? AND credential = ? AND key = ? AND key <> ''`

	// All that is known of an act, in one row, but for the tail. Without a key of the caller's, no
	// other nonce is looked for.
	sqlSeen = `
SELECT n.credential, n.key, n.nullifier, n.scope, n.message, n.record,
	?6 <> '' AND EXISTS (SELECT 1 FROM nonces WHERE environment = ?2 AND credential = ?5 AND key = ?6 AND key <> ''),
	s.nonce, s.message, s.first_ms, m.upto, coalesce((SELECT max(id) FROM spent), 0)
FROM spent_mark m
LEFT JOIN nonces n ON n.nonce = ?1 AND n.environment = ?2
LEFT JOIN spent s ON s.id = (
	SELECT i.id FROM spent_by_nullifier i CROSS JOIN spent x ON x.id = i.id
	WHERE i.part = substr(?3, 1, 16) AND x.nullifier = ?3 AND x.scope = ?4 AND x.environment = ?2)`

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
	sqlLastClosed = `SELECT coalesce(max(id), 0) FROM spent WHERE closes_ms > 0 AND closes_ms < ?`
	sqlUnindex    = `
DELETE FROM spent_by_nullifier WHERE (part, id) IN
	(SELECT substr(nullifier, 1, 16), id FROM spent WHERE closes_ms > 0 AND closes_ms < ? ORDER BY closes_ms, id LIMIT 5000)`
	sqlForgetSpent = `
DELETE FROM spent WHERE id IN (SELECT id FROM spent WHERE closes_ms > 0 AND closes_ms < ? ORDER BY closes_ms, id LIMIT 5000)`
)

// prepare readies the writer's statements on its connection.
func (w *writer) prepare(ctx context.Context) error {
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.insertNonce, sqlInsertNonce}, {&w.repeatNonce, sqlRepeatNonce},
		{&w.insertSpent, sqlInsertSpent}, {&w.findNullifier, sqlFindNullifier}, {&w.touchNullifier, sqlTouchNullifier},
		{&w.nonceUsed, sqlNonceUsed}, {&w.keyUsed, sqlKeyUsed},
		{&w.policy, sqlPolicy}, {&w.putPolicy, sqlPutPolicy},
		{&w.signingKeys, sqlSigningKeys}, {&w.addKey, sqlAddKey},
		{&w.putState, sqlPutState}, {&w.swapState, sqlSwapState}, {&w.addState, sqlAddState},
		{&w.postEvent, sqlPostEvent}, {&w.claim, sqlClaim}, {&w.settled, sqlSettled}, {&w.retry, sqlRetry},
		{&w.forgetNonces, sqlForgetNonces}, {&w.lastClosed, sqlLastClosed}, {&w.unindex, sqlUnindex}, {&w.forgetSpent, sqlForgetSpent},
		{&w.readTail, sqlTail}, {&w.indexTail, sqlIndexTail}, {&w.moveMark, sqlMoveMark},
	} {
		var err error
		if *s.to, err = w.conn.PrepareContext(ctx, s.query); err != nil {
			return unavailable(err)
		}
	}
	if err := w.conn.Raw(w.prepareFast); err != nil {
		return unavailable(err)
	}
	return nil
}

// readStatements run on the read pool.
type readStatements struct{ act, tail, policy, state *sql.Stmt }

func prepareReads(ctx context.Context, db *sql.DB) (*readStatements, error) {
	r := &readStatements{}
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{{&r.act, sqlSeen}, {&r.tail, sqlTail}, {&r.policy, sqlPolicy}, {&r.state, sqlState}} {
		var err error
		if *s.to, err = db.PrepareContext(ctx, s.query); err != nil {
			return nil, err
		}
	}
	return r, nil
}
