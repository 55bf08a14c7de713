package private

import (
	"context"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
)

// Joined is several matchers as one, each for captures of its own kind: parties
// compare one kind, and an issuer that accepts two has two groups of them.
type Joined struct{ of []*Matcher }

var (
	_ issuer.Matcher   = (*Joined)(nil)
	_ issuer.Locator   = (*Joined)(nil)
	_ issuer.Destroyer = (*Joined)(nil)
	_ issuer.Keyed     = (*Joined)(nil)
	_ issuer.Settler   = (*Joined)(nil)
	_ issuer.Stopper   = (*Joined)(nil)
)

// Join makes one matcher of several.
func Join(matchers ...*Matcher) (*Joined, error) {
	seen := map[capture.Modality]bool{}
	for _, m := range matchers {
		if seen[m.modality] {
			return nil, fmt.Errorf("private: two groups compare captures of the kind %s", m.modality)
		}
		seen[m.modality] = true
	}
	if len(matchers) == 0 {
		return nil, errors.New("private: nothing to join")
	}
	return &Joined{of: matchers}, nil
}

func (j *Joined) whose(p issuer.Probe) (*Matcher, error) {
	if own, ok := p.(*probe); ok {
		for _, m := range j.of {
			if own.of == m {
				return m, nil
			}
		}
	}
	return nil, errors.New("private: probe of another matcher")
}

// Name is what the metadata state.
func (j *Joined) Name() string { return j.of[0].Name() }

// Note says what that means.
func (j *Joined) Note() string { return j.of[0].Note() }

// Keys gives those of all groups; each name says of which.
func (j *Joined) Keys() (keys []api.PartyKey) {
	for _, m := range j.of {
		for _, k := range m.Keys() {
			k.Name = string(m.modality) + " " + k.Name
			keys = append(keys, k)
		}
	}
	return keys
}

// Prepare asks the parties of the capture's kind.
func (j *Joined) Prepare(ctx context.Context, e *capture.Envelope) (issuer.Probe, error) {
	for _, m := range j.of {
		if m.modality == e.Modality {
			return m.Prepare(ctx, e)
		}
	}
	return nil, fmt.Errorf("%w: no parties compare captures of this kind", issuer.ErrUnreadable)
}

// Match gives the bit that Prepare got.
func (j *Joined) Match(p issuer.Probe) (bool, error) {
	m, err := j.whose(p)
	if err != nil {
		return false, err
	}
	return m.Match(p)
}

// Locate finds out whose template the probe is.
func (j *Joined) Locate(ctx context.Context, p issuer.Probe) error {
	m, err := j.whose(p)
	if err != nil {
		return err
	}
	return m.Locate(ctx, p)
}

// Find tells whose template the probe is, as Locate learned.
func (j *Joined) Find(p issuer.Probe) (issuer.Serial, bool, error) {
	m, err := j.whose(p)
	if err != nil {
		return issuer.Serial{}, false, err
	}
	return m.Find(p)
}

// Add makes the person known under a serial.
func (j *Joined) Add(s issuer.Serial, p issuer.Probe) error {
	m, err := j.whose(p)
	if err != nil {
		return err
	}
	return m.Add(s, p)
}

// Remove forgets a serial.
func (j *Joined) Remove(s issuer.Serial) {
	for _, m := range j.of {
		m.Remove(s)
	}
}

// Settled has the parties commit those who are on record now.
func (j *Joined) Settled(added []issuer.Serial) {
	for _, m := range j.of {
		m.Settled(added)
	}
}

// Opened says that everybody on record has been restored.
func (j *Joined) Opened() {
	for _, m := range j.of {
		m.Opened()
	}
}

// Destroy has the parties that hold a person overwrite their shares.
func (j *Joined) Destroy(ctx context.Context, s issuer.Serial) (receipts [][]byte, err error) {
	for _, m := range j.of {
		if receipts, err = m.Destroy(ctx, s); !errors.Is(err, issuer.ErrNotFound) {
			return receipts, err
		}
	}
	return nil, err
}

// Restore links a serial to the shares that the parties of its kind hold.
func (j *Joined) Restore(s issuer.Serial, modality capture.Modality, kept []byte) error {
	for _, m := range j.of {
		if m.modality == modality {
			return m.Restore(s, modality, kept)
		}
	}
	return fmt.Errorf("%w: no parties compare captures of this kind", issuer.ErrUnreadable)
}

// Reset forgets who is on record.
func (j *Joined) Reset() {
	for _, m := range j.of {
		m.Reset()
	}
}

// Close waits as Matcher.Close does.
func (j *Joined) Close() {
	for _, m := range j.of {
		m.Close()
	}
}
