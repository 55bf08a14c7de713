package postgres

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
)

var errClosed = errors.New("postgres: the store is closed")

// pool is a bounded set of connections, dialled when they are needed.
type pool struct {
	cfg   *pgx.ConnConfig
	slots chan *pgx.Conn // nil where one may be dialled
	size  int
	once  sync.Once
	gone  chan struct{}
}

func newPool(cfg *pgx.ConnConfig, size int) *pool {
	p := &pool{cfg: cfg, slots: make(chan *pgx.Conn, size), size: size, gone: make(chan struct{})}
	for range size {
		p.slots <- nil
	}
	return p
}

// with lends a connection to work. Work that failed because the connection had
// died since its last use is run once more on a new one: it must then have had
// no effect.
func (p *pool) with(ctx context.Context, work func(*pgx.Conn) error) error {
	var c *pgx.Conn
	select {
	case <-p.gone:
		return errClosed
	default:
	}
	select {
	case c = <-p.slots:
	case <-p.gone:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if c != nil && c.IsClosed() {
			c = nil
		}
		p.slots <- c
	}()
	if c != nil && !c.IsClosed() {
		err := work(c)
		if err == nil || !c.IsClosed() || ctx.Err() != nil || !died(err) {
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

// close waits until no connection is lent any more and closes them all.
func (p *pool) close() {
	p.once.Do(func() {
		close(p.gone)
		for range p.size {
			if c := <-p.slots; c != nil {
				ctx, cancel := context.WithTimeout(context.Background(), p.cfg.ConnectTimeout)
				_ = c.Close(ctx) // a farewell; the server notices without it, too
				cancel()
			}
		}
	})
}
