package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
)

//go:embed schema.sql
var schema string

//go:embed life.sql
var life string

//go:embed rate.sql
var rate string

//go:embed gallery.sql
var gallery string

const (
	schemaVersion = 4

	getVersion = `PRAGMA user_version`
	setVersion = `PRAGMA user_version = 4`
)

// migrate brings the schema from whatever version it has to the newest, in one
// transaction. Doing it again does nothing.
func migrate(db *sql.DB) error {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	var version int
	if err := tx.QueryRowContext(ctx, getVersion).Scan(&version); err != nil {
		return classify(err)
	}
	if version == schemaVersion {
		return nil
	}
	if version > schemaVersion || version < 0 {
		return fmt.Errorf("sqlite: schema version %d is not known to this program", version)
	}
	if version < 1 {
		_, err = tx.ExecContext(ctx, schema)
	}
	if err == nil && version < 2 {
		_, err = tx.ExecContext(ctx, life)
	}
	if err == nil && version < 3 {
		_, err = tx.ExecContext(ctx, rate)
	}
	if err == nil && version < 4 {
		_, err = tx.ExecContext(ctx, gallery)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, setVersion)
	}
	if err != nil {
		return classify(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlite: migrate the schema: %w", err)
	}
	return nil
}
