package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pool is a bounded set of connections. A slot that holds nil, or a connection
// that was closed, is dialled when it is taken.
type pool struct {
	cfg   *pgx.ConnConfig
	slots chan *pgx.Conn
}

func newPool(cfg *pgx.ConnConfig, size int) *pool {
	p := &pool{cfg: cfg, slots: make(chan *pgx.Conn, size)}
	for range size {
		p.slots <- nil
	}
	return p
}

// with lends a connection to work, which is run once more on a new one if the
// lent one turns out to be dead: the server may have gone, or moved, since its
// last use. Work must therefore be without effect when it fails that way.
func (p *pool) with(ctx context.Context, work func(*pgx.Conn) error) error {
	var c *pgx.Conn
	select {
	case c = <-p.slots:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.slots <- c }()
	if c != nil && !c.IsClosed() {
		err := work(c)
		var pe *pgconn.PgError
		if !c.IsClosed() || ctx.Err() != nil || errors.As(err, &pe) && !strings.HasPrefix(pe.Code, "57") {
			return err
		}
	}
	fresh, err := pgx.ConnectConfig(ctx, p.cfg)
	if err != nil {
		return err
	}
	c = fresh
	return work(c)
}

// close closes all connections; none is lent any more.
func (p *pool) close() {
	for range cap(p.slots) {
		if c := <-p.slots; c != nil && !c.IsClosed() {
			ctx, cancel := context.WithTimeout(context.Background(), p.cfg.ConnectTimeout)
			_ = c.Close(ctx) // a farewell; the server notices without it, too
			cancel()
		}
	}
}
