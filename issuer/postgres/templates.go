package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/issuer"
)

const (
	sqlTemplates = `SELECT serial, modality, sealed, mark FROM templates ORDER BY serial`
	sqlMarks     = `SELECT serial, modality, mark FROM templates ORDER BY serial`
	sqlSealed    = `SELECT serial, sealed FROM templates WHERE serial = ANY($1)`

	templateBatch = 64 // templates that a caller takes at a time
)

// Templates implements issuer.Store. One connection reads what callers share.
func (s *Store) Templates(ctx context.Context, callers int, have func(issuer.Serial) bool, f func(issuer.Template) error) error {
	work := make(chan []issuer.Template)
	calling, cctx := errgroup.WithContext(ctx)
	for range max(1, callers) {
		calling.Go(func() error {
			for batch := range work {
				for _, t := range batch {
					if err := f(t); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err := s.readTemplates(cctx, have, work)
	close(work)
	if failed := calling.Wait(); failed != nil { // it ended the reading too
		return failed
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// batcher hands templates on, some at a time.
type batcher struct {
	ctx   context.Context
	work  chan<- []issuer.Template
	batch []issuer.Template
	begun bool // something was handed on: reading again would give it twice
}

func (b *batcher) add(t issuer.Template) error {
	if b.batch = append(b.batch, t); len(b.batch) < templateBatch {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	if len(b.batch) == 0 {
		return nil
	}
	b.begun = true
	select {
	case b.work <- b.batch:
		b.batch = make([]issuer.Template, 0, templateBatch)
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

func (s *Store) readTemplates(ctx context.Context, have func(issuer.Serial) bool, work chan<- []issuer.Template) error {
	b := &batcher{ctx: ctx, work: work}
	return s.snapshot(ctx, func(c *pgx.Conn) error {
		if b.begun {
			return fmt.Errorf("postgres: the connection broke among the templates")
		}
		b.batch = nil
		if have == nil {
			return readWhole(ctx, c, b)
		}
		return readMarks(ctx, c, have, b)
	})
}

func readWhole(ctx context.Context, c *pgx.Conn, b *batcher) error {
	rows, err := c.Query(ctx, sqlTemplates)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t issuer.Template
		var serial []byte
		if err := rows.Scan(&serial, &t.Modality, &t.Sealed, &t.Mark); err != nil {
			return err
		}
		if copy(t.Serial[:], serial) != len(t.Serial) {
			return fmt.Errorf("%w: serial of a template", issuer.ErrCorrupt)
		}
		if err := b.add(t); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return b.flush()
}

// readMarks leaves out the templates at hand: of those PostgreSQL reads nothing.
func readMarks(ctx context.Context, c *pgx.Conn, have func(issuer.Serial) bool, b *batcher) error {
	var missing []issuer.Template
	rows, err := c.Query(ctx, sqlMarks)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t issuer.Template
		var serial []byte
		if err := rows.Scan(&serial, &t.Modality, &t.Mark); err != nil {
			return err
		}
		if copy(t.Serial[:], serial) != len(t.Serial) {
			return fmt.Errorf("%w: serial of a template", issuer.ErrCorrupt)
		}
		if !have(t.Serial) {
			missing = append(missing, t)
		} else if err := b.add(t); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for len(missing) > 0 {
		n := min(len(missing), templateBatch)
		if err := readSealed(ctx, c, missing[:n]); err != nil {
			return err
		}
		for _, t := range missing[:n] {
			if err := b.add(t); err != nil {
				return err
			}
		}
		missing = missing[n:]
	}
	return b.flush()
}

// readSealed fills in what is sealed of some templates.
func readSealed(ctx context.Context, c *pgx.Conn, of []issuer.Template) error {
	serials, sealed := make([][]byte, len(of)), make(map[string][]byte, len(of))
	for n := range of {
		serials[n] = of[n].Serial[:]
	}
	rows, err := c.Query(ctx, sqlSealed, serials)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var serial, b []byte
		if err := rows.Scan(&serial, &b); err != nil {
			return err
		}
		sealed[string(serial)] = b
	}
	for n := range of {
		of[n].Sealed = sealed[string(serials[n])]
	}
	return rows.Err()
}
