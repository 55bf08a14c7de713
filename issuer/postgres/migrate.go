package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed schema.sql
var createV1 string

//go:embed rate.sql
var createV2 string

//go:embed gallery.sql
var createV3 string

const (
	createVersions  = `CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT NOT NULL PRIMARY KEY)`
	sqlClaimVersion = `INSERT INTO schema_versions (version) VALUES ($1) ON CONFLICT DO NOTHING`
	sqlVersion      = `SELECT coalesce(max(version), 0) FROM schema_versions`

	schemaVersion = 3
)

// migrate brings a schema up to date, or refuses it. Processes that start at
// once wait for each other at the row of a version; doing it again does nothing.
// A step that was released is never changed.
func migrate(ctx context.Context, c *pgx.Conn) error {
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
	for n, createStep := range []string{createV1, createV2, createV3} {
		err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sqlClaimVersion, n+1)
			if err != nil || tag.RowsAffected() == 0 {
				return err
			}
			_, err = tx.Exec(ctx, createStep)
			return err
		})
		if err != nil {
			return fmt.Errorf("schema %d: %w", n+1, err)
		}
	}
	var have int
	if err := c.QueryRow(ctx, sqlVersion).Scan(&have); err != nil {
		return err
	}
	if have > schemaVersion {
		return fmt.Errorf("schema version %d is not known to this program", have)
	}
	return nil
}
