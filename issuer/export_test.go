package issuer

import (
	"context"
	"crypto/rand"
	"errors"
)

// SealIntake seals a template and its links into an intake as an issuer with
// this operator's secret does: what builds large galleries for the benches.
func SealIntake(operator []byte, in *Intake, kept []byte) error {
	s, err := newSealer(operator, rand.Reader)
	if err != nil {
		return err
	}
	return s.sealIntake(in, kept)
}

// OpenAlone gives what decrypts a row into the same memory time after time, and
// does nothing else that opening a gallery does.
func OpenAlone(operator []byte) (func(Template) error, error) {
	s, err := newSealer(operator, rand.Reader)
	var kept []byte
	return func(t Template) error {
		if _, err := s.openMark(t); err != nil {
			return err
		}
		kept, err = s.openTemplate(kept[:0], t)
		return err
	}, err
}

// UnsealCache reads and decrypts everything in an issuer's gallery cache into the
// same memory time after time, and does nothing else that opening it does.
func (i *Issuer) UnsealCache() error {
	c := i.cached(context.Background())
	if c == nil {
		return errCache
	}
	defer func() { _ = c.Close() }()
	var to []byte
	for _, p := range c.pieces {
		if n := len(p.serials) * c.packed; n > len(to) {
			to = make([]byte, n)
		}
		if err := c.read(to[:len(p.serials)*c.packed], p.at, p.segment); err != nil {
			return err
		}
	}
	return nil
}

// FreshenCache is what Run does with the gallery cache, when so many people are
// worth one.
func (i *Issuer) FreshenCache(ctx context.Context, least int) (bool, error) {
	return i.freshenCache(ctx, least)
}

// FillFromBroken fills from a cache that can no longer be read, and tells whether
// the rows are read after that.
func (i *Issuer) FillFromBroken(ctx context.Context) bool {
	c := i.cached(ctx)
	_ = c.Close()
	_, err := i.fillFrom(ctx, c)
	return errors.Is(err, errCache)
}
