package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks our files ("phsp").
const applicationID = 0x70687370

// migrations holds the step to each version of the schema from the one before.
// A step that was released is never changed.
var migrations = [...]string{createV1, createV2, createV3, createV4}

const createV1 = `
CREATE TABLE nonces (
	nonce       BLOB    NOT NULL,
	environment TEXT    NOT NULL,
	credential  TEXT    NOT NULL,
	key         TEXT    NOT NULL,
	nullifier   BLOB    NOT NULL,
	scope       BLOB    NOT NULL,
	message     BLOB    NOT NULL,
	record      BLOB    NOT NULL,
	attempts    INTEGER NOT NULL,
	expires_ms  INTEGER NOT NULL,
	PRIMARY KEY (nonce, environment)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX nonces_by_key ON nonces (environment, credential, key) WHERE key <> '';
CREATE INDEX nonces_by_expiry ON nonces (expires_ms);

CREATE TABLE nullifiers (
	nullifier   BLOB    NOT NULL,
	scope       BLOB    NOT NULL,
	environment TEXT    NOT NULL,
	message     BLOB    NOT NULL,
	nonce       BLOB    NOT NULL,
	key         TEXT    NOT NULL,
	attempts    INTEGER NOT NULL,
	root_seq    INTEGER NOT NULL,
	first_ms    INTEGER NOT NULL,
	closes_ms   INTEGER NOT NULL,
	PRIMARY KEY (nullifier, scope, environment)
) STRICT, WITHOUT ROWID;
CREATE INDEX nullifiers_by_closing ON nullifiers (closes_ms) WHERE closes_ms > 0;

CREATE TABLE policies (
	environment TEXT    NOT NULL,
	rp          TEXT    NOT NULL,
	action      TEXT    NOT NULL,
	kind        INTEGER NOT NULL,
	len         INTEGER NOT NULL,
	k           INTEGER NOT NULL,
	next_k      INTEGER NOT NULL,
	next_from   INTEGER NOT NULL,
	PRIMARY KEY (environment, rp, action)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
	environment TEXT    NOT NULL,
	rp          TEXT    NOT NULL,
	number      INTEGER NOT NULL,
	seed        BLOB    NOT NULL,
	PRIMARY KEY (environment, rp, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE states (
	name  TEXT NOT NULL,
	state BLOB NOT NULL,
	PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 1885893488;
PRAGMA user_version = 1;
`

const createV2 = `
CREATE TABLE events (
	id         TEXT    NOT NULL,
	body       BLOB    NOT NULL,
	created_ms INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	next_ms    INTEGER NOT NULL,
	PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_next ON events (next_ms);

PRAGMA user_version = 2;
`

// createV3 lets an action be bound to a frozen set.
const createV3 = `
ALTER TABLE policies ADD COLUMN snapshot INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 3;
`

// createV4 appends nullifiers instead of keeping them in a tree by their value;
// see tail.go. A part of a nullifier finds its row: two with the same part cost a
// look at both. No id is ever used again, and rows above the mark stay.
const createV4 = `
CREATE TABLE spent (
	id          INTEGER PRIMARY KEY,
	nullifier   BLOB    NOT NULL,
	scope       BLOB    NOT NULL,
	environment TEXT    NOT NULL,
	message     BLOB    NOT NULL,
	nonce       BLOB    NOT NULL,
	key         TEXT    NOT NULL,
	attempts    INTEGER NOT NULL,
	root_seq    INTEGER NOT NULL,
	first_ms    INTEGER NOT NULL,
	closes_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO spent (nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms)
SELECT nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms FROM nullifiers;
CREATE INDEX spent_by_closing ON spent (closes_ms) WHERE closes_ms > 0;

CREATE TABLE spent_by_nullifier (
	part BLOB    NOT NULL,
	id   INTEGER NOT NULL,
	PRIMARY KEY (part, id)
) STRICT, WITHOUT ROWID;
INSERT INTO spent_by_nullifier (part, id) SELECT substr(nullifier, 1, 16), id FROM spent ORDER BY 1, 2;

CREATE TABLE spent_mark (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	upto INTEGER NOT NULL
) STRICT;
INSERT INTO spent_mark (one, upto) SELECT 1, coalesce(max(id), 0) FROM spent;

DROP TABLE nullifiers;

PRAGMA user_version = 4;
`

// migrate brings a file to the present schema, or refuses it. Two processes
// may do this at once: it happens inside an immediate transaction.
func migrate(ctx context.Context, c *sql.Conn) (err error) {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = c.ExecContext(ctx, "ROLLBACK") // the first error is the one that counts
		}
	}()
	var app, have, tables int
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return err
	}
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	switch {
	case app == 0 && have == 0 && tables == 0:
	case app != applicationID:
		return errors.New("the file is not a spend store")
	case have < 1 || have > len(migrations):
		return fmt.Errorf("the file has schema %d, this program knows 1 to %d", have, len(migrations))
	}
	for _, createStep := range migrations[have:] {
		if _, err := c.ExecContext(ctx, createStep); err != nil {
			return err
		}
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return err
}
