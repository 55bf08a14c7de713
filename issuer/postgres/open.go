package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perhuman/perhuman/issuer"
)

const setID = 1 // one schema, one set

// ErrNoStandby: Options.RequireStandby, and the server waits for none.
var ErrNoStandby = errors.New("postgres: the server has no synchronous standby")

// Options may be left at zero.
type Options struct {
	Readers int           // connections beside the writer's; default 4
	Busy    time.Duration // how long an act waits for another writer; default 5 s
	Timeout time.Duration // of one transaction, the wait for a standby included; default 1 minute

	// RequireStandby refuses to write to a server whose
	// synchronous_standby_names is empty: what it acknowledged would be lost
	// with it.
	RequireStandby bool
}

// Store is an issuer.Store in PostgreSQL. Its methods may be called from many
// goroutines; writes wait for one another.
type Store struct {
	opts   Options
	w, r   *pool
	writer int64 // our number in binding.writer, 0 until Bind
	faults faults
}

var (
	_ issuer.Store        = (*Store)(nil)
	_ issuer.CosignKeeper = (*Store)(nil)
)

// faults are the places where tests break things; all nil in production.
type faults struct {
	statement func(query string) error      // before a statement of a writing transaction
	commit    func(real func() error) error // in place of COMMIT
	noFsync   bool                          // take a server that does not write to its disk
}

// warned is where a connection keeps the last warning of its server.
const warned = "perhuman: warning"

// Open connects to the schema that the DSN names, refuses a server that is not
// durable (fsync or synchronous_commit off), and brings the schema up to date.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	return open(ctx, dsn, o, faults{})
}

func open(ctx context.Context, dsn string, o Options, f faults) (*Store, error) {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Busy <= 0 {
		o.Busy = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("postgres: the DSN cannot be read") // the driver's text may hold parts of a password
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	cfg.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		switch n.SeverityUnlocalized {
		case "DEBUG", "LOG", "INFO", "NOTICE":
		default:
			c.CustomData()[warned] = n.Message
		}
	}
	for name, value := range map[string]string{
		"application_name": "perhuman-issuer", "synchronous_commit": "on",
		"lock_timeout": strconv.FormatInt(o.Busy.Milliseconds(), 10),
	} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	switch cfg.RuntimeParams["synchronous_commit"] {
	case "on", "remote_apply":
	default:
		return nil, errors.New("postgres: the DSN turns synchronous_commit off: not durable")
	}
	s := &Store{opts: o, w: newPool(cfg, 1), r: newPool(cfg, o.Readers), faults: f}
	err = s.w.with(ctx, func(c *pgx.Conn) error {
		if err := durable(ctx, c); err != nil && !f.noFsync {
			return err
		}
		return migrate(ctx, c)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), s.Close())
	}
	return s, nil
}

const sqlFsync = `SELECT coalesce(current_setting('fsync', true), 'on')`

// durable refuses a server that does not write to its disk.
func durable(ctx context.Context, c *pgx.Conn) error {
	var fsync string
	if err := c.QueryRow(ctx, sqlFsync).Scan(&fsync); err != nil {
		return err
	}
	if fsync != "on" {
		return errors.New("the server runs with fsync off: not durable")
	}
	return nil
}

// Close waits for the acts under way and closes the connections.
func (s *Store) Close() error {
	s.w.close()
	s.r.close()
	return nil
}
