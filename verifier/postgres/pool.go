package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pool is a bounded set of connections. A new one is dialled only if none is
// idle.
type pool struct {
	cfg  *pgx.ConnConfig
	idle chan *pgx.Conn
	room chan struct{} // one for each connection that may still be dialled
}

func newPool(cfg *pgx.ConnConfig, size int) *pool {
	p := &pool{cfg: cfg, idle: make(chan *pgx.Conn, size), room: make(chan struct{}, size)}
	for range size {
		p.room <- struct{}{}
	}
	return p
}

// take gives an idle connection, or nil where one may be dialled.
func (p *pool) take(ctx context.Context) (*pgx.Conn, error) {
	select {
	case c := <-p.idle:
		return c, nil
	default:
	}
	select {
	case c := <-p.idle:
		return c, nil
	case <-p.room:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) give(c *pgx.Conn) {
	if c == nil || c.IsClosed() {
		p.room <- struct{}{}
	} else {
		p.idle <- c
	}
}

// with lends a connection to work, which is run once more on a new one if the
// lent one turns out to be dead: the server may have gone, or moved, since its
// last use. Work must therefore be without effect when it fails that way.
func (p *pool) with(ctx context.Context, work func(*pgx.Conn) error) error {
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer func() { p.give(c) }()
	if c != nil {
		err := work(c)
		var pe *pgconn.PgError
		if !c.IsClosed() || ctx.Err() != nil || errors.As(err, &pe) && !strings.HasPrefix(pe.Code, "57") {
			return err
		}
	}
	made, err := pgx.ConnectConfig(ctx, p.cfg)
	if err != nil {
		return err
	}
	c = made
	return work(c)
}

// close closes all connections; none is lent any more.
func (p *pool) close() {
	for range cap(p.idle) {
		c, _ := p.take(context.Background()) // which has no end
		if c != nil {
			ctx, cancel := context.WithTimeout(context.Background(), p.cfg.ConnectTimeout)
			_ = c.Close(ctx) // a farewell; the server notices without it, too
			cancel()
		}
	}
}
