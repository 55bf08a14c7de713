// Package plain puts the plain matcher behind issuer.Matcher: one process opens
// every template with the operator's key and compares them in the clear. It is
// for development, tests, demonstrations and small attended sets; the metadata
// of every issuer that uses it say so.
//
//	m := plain.New(operatorKey)
//	iss, err := issuer.New(ctx, issuer.Config{Matcher: m, ...})
package plain

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/sdk/api"
)

// Matcher implements issuer.Matcher. Like that interface says, its methods
// other than Prepare are called one at a time.
type Matcher struct {
	key     *share.PrivateKey
	columns int
	known   *match.Matcher
}

var (
	_ issuer.Matcher = (*Matcher)(nil)
	_ issuer.Finder  = (*Matcher)(nil)
	_ issuer.Keyed   = (*Matcher)(nil)
	_ issuer.Packer  = (*Matcher)(nil)
)

// New makes an empty matcher for iris codes of match.DefaultColumns and for
// faces, whose captures are sealed to key.
func New(key *share.PrivateKey) *Matcher {
	m := &Matcher{key: key, columns: match.DefaultColumns}
	m.Reset()
	return m
}

// Name is what the metadata state.
func (m *Matcher) Name() string { return "plain" }

// Note says what that means.
func (m *Matcher) Note() string {
	return "PLAIN: templates are compared in the clear by one process, and the operator can read every one of them. For development, demonstrations and small attended sets."
}

// Keys gives the one key that captures are sealed to: the operator's.
func (m *Matcher) Keys() []api.PartyKey {
	return []api.PartyKey{{Name: "operator", Key: m.key.Public().String()}}
}

// Len is the number of people known.
func (m *Matcher) Len() int { return m.known.Len() }

// probe is one capture's template.
type probe struct {
	template match.Template
	kept     []byte
}

func (p *probe) Keep() []byte { return p.kept }

// Wipe leaves the matcher's copy alone.
func (p *probe) Wipe() {
	clear(p.kept)
	p.template.Wipe()
}

// Prepare opens the envelope's shares.
func (m *Matcher) Prepare(_ context.Context, e *capture.Envelope) (issuer.Probe, error) {
	t, err := match.Open(m.key, e)
	if err != nil {
		return nil, named(err)
	}
	kept, err := t.MarshalBinary()
	if err != nil {
		return nil, named(err)
	}
	return &probe{template: t, kept: kept}, nil
}

// named gives a refusal the name that the issuer knows.
func named(err error) error {
	switch {
	case errors.Is(err, match.ErrQuality):
		return fmt.Errorf("%w: %w", issuer.ErrQuality, err)
	case errors.Is(err, match.ErrFormat), errors.Is(err, share.ErrOpen), errors.Is(err, share.ErrContext):
		return fmt.Errorf("%w: %w", issuer.ErrUnreadable, err)
	}
	return err
}

func (m *Matcher) own(p issuer.Probe) (*probe, error) {
	if own, ok := p.(*probe); ok {
		return own, nil
	}
	return nil, errors.New("plain: probe of another matcher")
}

// Match compares with everybody known.
func (m *Matcher) Match(p issuer.Probe) (bool, error) {
	own, err := m.own(p)
	if err != nil {
		return false, err
	}
	hit, _, err := m.known.Match(own.template)
	return hit, err
}

// Find tells whose template the probe is.
func (m *Matcher) Find(p issuer.Probe) (issuer.Serial, bool, error) {
	own, err := m.own(p)
	if err != nil {
		return issuer.Serial{}, false, err
	}
	hit, serial, err := m.known.Match(own.template)
	return issuer.Serial(serial), hit, err
}

// Add makes the person known.
func (m *Matcher) Add(s issuer.Serial, p issuer.Probe) error {
	own, err := m.own(p)
	if err != nil {
		return err
	}
	return m.known.Add(match.Serial(s), own.template)
}

// Remove forgets a serial.
func (m *Matcher) Remove(s issuer.Serial) { m.known.Remove(match.Serial(s)) }

// Restore adds what was kept.
func (m *Matcher) Restore(s issuer.Serial, modality capture.Modality, kept []byte) error {
	if match.Kept(kept) != modality {
		return fmt.Errorf("%w: modality of a stored template", issuer.ErrUnreadable)
	}
	return named(m.known.Restore(match.Serial(s), kept))
}

// Reset forgets everybody.
func (m *Matcher) Reset() { m.known = match.NewColumns(m.columns) }

// Layout names the bytes of Packed.
func (m *Matcher) Layout() string { return m.known.Layout() }

// PackedSize is what a person takes in them.
func (m *Matcher) PackedSize() int { return m.known.PackedSize() }

// Packed gives the irises known now, as they stand in memory.
func (m *Matcher) Packed() iter.Seq2[[]issuer.Serial, []byte] {
	pieces := m.known.Packed()
	return func(yield func([]issuer.Serial, []byte) bool) {
		pieces(func(serials []match.Serial, packed []byte) bool {
			return yield(convert[issuer.Serial](serials), packed)
		})
	}
}

// Unpack makes a piece of Packed known.
func (m *Matcher) Unpack(serials []issuer.Serial, fill func(into []byte) error) error {
	return m.known.Unpack(convert[match.Serial](serials), fill)
}

func convert[To, From issuer.Serial | match.Serial](from []From) []To {
	to := make([]To, len(from))
	for n, s := range from {
		to[n] = To(s)
	}
	return to
}
