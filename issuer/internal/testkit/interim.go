package testkit

import (
	"context"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

// Matcher makes a matcher over the operator's key.
func (w *World) Matcher() issuer.Matcher { return &Interim{Key: w.Operator} }

// Interim compares faces until package match lands.
type Interim struct {
	Key   *share.PrivateKey
	faces map[issuer.Serial][]byte
}

type interimProbe struct{ face []byte }

func (p interimProbe) Keep() []byte { return append([]byte{}, p.face...) }
func (p interimProbe) Wipe()        {}

func (m *Interim) Name() string { return "plain" }
func (m *Interim) Note() string { return "the operator can read every template" }
func (m *Interim) Prepare(_ context.Context, e *capture.Envelope) (issuer.Probe, error) {
	s := e.Shares[0][0]
	b, err := share.Open(m.Key, share.Context{Audience: e.Audience, Nonce: e.Nonce, Device: e.DeviceID, IdentityCommitment: e.IdentityCommitment}, s.Sealed, s.Commitment)
	return interimProbe{b}, err
}
func (m *Interim) Match(p issuer.Probe) (bool, error) {
	for _, f := range m.faces {
		var d int
		for i, v := range p.(interimProbe).face {
			x := int(int8(v)) - int(int8(f[i]))
			d += x * x
		}
		if d < 36044 {
			return true, nil
		}
	}
	return false, nil
}
func (m *Interim) Add(s issuer.Serial, p issuer.Probe) error {
	return m.Restore(s, capture.Face, p.Keep())
}
func (m *Interim) Remove(s issuer.Serial) { delete(m.faces, s) }
func (m *Interim) Restore(s issuer.Serial, _ capture.Modality, kept []byte) error {
	if m.faces == nil {
		m.faces = map[issuer.Serial][]byte{}
	}
	m.faces[s] = append([]byte{}, kept...)
	return nil
}
func (m *Interim) Reset() { m.faces = nil }
