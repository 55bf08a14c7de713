package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// migrations holds the step to each version of the schema from the one before.
// A step that was released is never changed. The SQL is the subset that
// CockroachDB and YugabyteDB take too.
var migrations = [...]string{createV1}

const createVersions = `
CREATE TABLE IF NOT EXISTS schema_versions (
	version    BIGINT NOT NULL PRIMARY KEY,
	applied_ms BIGINT NOT NULL
)`

const createV1 = `
CREATE TABLE deployment (
	id     BIGINT NOT NULL PRIMARY KEY,
	name   TEXT   NOT NULL,
	shards TEXT   NOT NULL,
	epoch  BIGINT NOT NULL
);

CREATE TABLE nonces (
	nonce       BYTEA  NOT NULL,
	environment TEXT   NOT NULL,
	ticket      BYTEA  NOT NULL,
	digest      BYTEA  NOT NULL,
	nullifier   BYTEA  NOT NULL,
	scope       BYTEA  NOT NULL,
	message     BYTEA  NOT NULL,
	record      BYTEA  NOT NULL,
	attempts    BIGINT NOT NULL,
	expires_ms  BIGINT NOT NULL,
	PRIMARY KEY (nonce, environment)
);
CREATE INDEX nonces_by_expiry ON nonces (expires_ms);

CREATE TABLE idempotency_keys (
	digest     BYTEA  NOT NULL PRIMARY KEY,
	ticket     BYTEA  NOT NULL,
	attempts   BIGINT NOT NULL,
	expires_ms BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_ms);

CREATE TABLE nullifiers (
	nullifier   BYTEA  NOT NULL,
	scope       BYTEA  NOT NULL,
	environment TEXT   NOT NULL,
	ticket      BYTEA  NOT NULL,
	message     BYTEA  NOT NULL,
	attempts    BIGINT NOT NULL,
	root_seq    BIGINT NOT NULL,
	first_ms    BIGINT NOT NULL,
	closes_ms   BIGINT NOT NULL,
	PRIMARY KEY (nullifier, scope, environment)
);
CREATE INDEX nullifiers_by_closing ON nullifiers (closes_ms) WHERE closes_ms > 0;

CREATE TABLE policies (
	environment TEXT   NOT NULL,
	rp          TEXT   NOT NULL,
	action      TEXT   NOT NULL,
	kind        BIGINT NOT NULL,
	len         BIGINT NOT NULL,
	snapshot    BIGINT NOT NULL,
	k           BIGINT NOT NULL,
	next_k      BIGINT NOT NULL,
	next_from   BIGINT NOT NULL,
	PRIMARY KEY (environment, rp, action)
);

CREATE TABLE signing_keys (
	environment TEXT   NOT NULL,
	rp          TEXT   NOT NULL,
	number      BIGINT NOT NULL,
	seed        BYTEA  NOT NULL,
	PRIMARY KEY (environment, rp, number)
);

CREATE TABLE states (
	name  TEXT  NOT NULL PRIMARY KEY,
	state BYTEA NOT NULL
);

CREATE TABLE events (
	id         TEXT   NOT NULL PRIMARY KEY,
	body       BYTEA  NOT NULL,
	created_ms BIGINT NOT NULL,
	attempts   BIGINT NOT NULL,
	next_ms    BIGINT NOT NULL
);
CREATE INDEX events_by_next ON events (next_ms)`

const (
	sqlClaimVersion = `INSERT INTO schema_versions (version, applied_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	sqlVersion      = `SELECT coalesce(max(version), 0) FROM schema_versions`
	sqlDeployment   = `SELECT name, shards, epoch FROM deployment WHERE id = 1 FOR UPDATE`
	sqlFound        = `INSERT INTO deployment (id, name, shards, epoch) VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING`
	sqlAdopt        = `UPDATE deployment SET shards = $1, epoch = $2 WHERE id = 1`
	sqlSettings     = `SELECT coalesce(current_setting('fsync', true), 'on')`
)

// durable refuses a server that does not write to its disk.
func durable(ctx context.Context, c *pgx.Conn) error {
	var fsync string
	if err := c.QueryRow(ctx, sqlSettings).Scan(&fsync); err != nil {
		return err
	}
	if fsync != "on" {
		return errors.New("the server runs with fsync off: not durable")
	}
	return nil
}

// migrate brings a database to the present schema, or refuses it. Processes
// that start at once wait for each other at the row of a version.
func migrate(ctx context.Context, c *pgx.Conn, now time.Time) error {
	// Two processes that make the first table at once: one of them is refused,
	// and finds the table at its second try.
	if _, err := c.Exec(ctx, createVersions); err != nil {
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != "23505" && pe.Code != "42P07" && pe.Code != "42710" && pe.Code != "40001" {
			return err
		}
		if _, err := c.Exec(ctx, createVersions); err != nil {
			return err
		}
	}
	for i, createStep := range migrations {
		if err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sqlClaimVersion, i+1, now.UnixMilli())
			if err != nil || tag.RowsAffected() == 0 {
				return err
			}
			_, err = tx.Exec(ctx, createStep)
			return err
		}); err != nil {
			return fmt.Errorf("schema %d: %w", i+1, err)
		}
	}
	var have int
	if err := c.QueryRow(ctx, sqlVersion).Scan(&have); err != nil {
		return err
	}
	if have > len(migrations) {
		return fmt.Errorf("the database has schema %d, this program knows 1 to %d", have, len(migrations))
	}
	return nil
}

// adopt makes a database part of a deployment at an epoch, or refuses it.
func adopt(ctx context.Context, c *pgx.Conn, name, shards string, epoch int64) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlFound, name, shards, epoch); err != nil {
			return err
		}
		var haveName, haveShards string
		var have int64
		if err := tx.QueryRow(ctx, sqlDeployment).Scan(&haveName, &haveShards, &have); err != nil {
			return err
		}
		switch {
		case haveName != name:
			return fmt.Errorf("the database belongs to %q, not to %q", haveName, name)
		case have > epoch:
			return fmt.Errorf("the shard map has epoch %d, the database is at %d: %w", epoch, have, ErrFenced)
		case have == epoch && haveShards != shards:
			return fmt.Errorf("at epoch %d the database holds shards %s, not %s", epoch, haveShards, shards)
		case have == epoch:
			return nil
		}
		_, err := tx.Exec(ctx, sqlAdopt, shards, epoch)
		return err
	})
}
