package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/perhuman/perhuman/issuer"
)

// issuerFsck opens a database as the service would and believes nothing of it:
// the log is replayed, set, hashes, roots and the last checkpoint are compared
// with it, and every template is opened. A snapshot is not used. The service
// must stand still; one that runs does the same over POST /admin/verify. Then
// everything is computed again that needs no key, as issuer backup check does:
// for PostgreSQL that is all, since a second writer would fence the service off.
func issuerFsck(ctx context.Context, args []string, e env) (err error) {
	v := newIssuerFlags("issuer fsck", e)
	if err := v.read(args, e); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	s := &issuing{flags: v, log: slog.New(slog.NewTextHandler(e.err, nil))}
	cfg, err := s.config(e)
	if err != nil {
		return err
	}
	cfg.Snapshots, cfg.GalleryCache, cfg.Background = nil, "", false
	if isPostgres(v.db) {
		return checkDatabase(ctx, v.db, e)
	}
	if err := exists(v.db); err != nil {
		return err
	}
	store, err := guardedStore(ctx, v.db, v.published)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	cfg.Store = store
	iss, err := issuer.New(ctx, cfg)
	if err == nil {
		err = errors.Join(iss.Verify(ctx), iss.VerifyLeaving(ctx))
	}
	if err != nil {
		for _, lie := range []error{issuer.ErrCorrupt, issuer.ErrWrongKey, issuer.ErrWrongOrigin, issuer.ErrWrongOperator} {
			if errors.Is(err, lie) {
				return fmt.Errorf("%s %w: %w", v.db, errClaim, err)
			}
		}
		return err
	}
	now, _ := iss.Current()
	fmt.Fprintf(e.out, "%s: %d entries replayed, seq %d, %d leaves, %d live, root %s\n%d templates opened\n", v.db, now.LogSize, now.Seq, now.Size, now.Live, now.Root, iss.Gallery().Templates)
	return checkDatabase(ctx, v.db, e)
}
