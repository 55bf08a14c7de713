package sqlite

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/verifier"
)

var _ verifier.KeyRotator = (*Store)(nil)

// AddKey implements verifier.KeyRotator. Keys are changed once in months: no
// statement is kept ready for it.
func (s *Store) AddKey(ctx context.Context, environment, rp string, key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: signing key of %d bytes", verifier.ErrUnavailable, len(key))
	}
	return s.submit(ctx, nil, func(ctx context.Context, w *writer) error {
		if _, err := w.conn.ExecContext(ctx, sqlDropKey, environment, rp, key.Seed()); err != nil {
			return err
		}
		_, err := w.conn.ExecContext(ctx, sqlNewestKey, environment, rp, key.Seed())
		return err
	})
}

// DropKey implements verifier.KeyRotator.
func (s *Store) DropKey(ctx context.Context, environment, rp string, public ed25519.PublicKey) error {
	var refused error
	err := s.submit(ctx, nil, func(ctx context.Context, w *writer) error {
		refused = nil
		keys, err := readKeys(ctx, w.signingKeys, environment, rp)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !bytes.Equal(public, key.Public().(ed25519.PublicKey)) {
				continue
			}
			if len(keys) == 1 {
				refused = fmt.Errorf("%w: the last signing key stays", verifier.ErrUnavailable)
				return nil
			}
			_, err := w.conn.ExecContext(ctx, sqlDropKey, environment, rp, key.Seed())
			return err
		}
		return nil
	})
	return errors.Join(err, refused)
}
