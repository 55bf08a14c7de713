package capture

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Root is a pinned key and the one device class that it may vouch for.
type Root struct {
	Key   PublicKey
	Class string
}

// Gates are the demands on captures of one modality.
type Gates struct {
	Templates    []Template // accepted algorithms and versions
	MinMask      uint32     // per eye; biometrics.md section 1: 8,200 of 12,800
	MinSharpness uint16     // thousandths
	MaxOcclusion uint16     // thousandths
	MaxGaze      uint16     // thousandths off axis
	PADLevel     uint8      // 0: not demanded
}

// Policy is what an issuer demands of every envelope. The zero value accepts
// nothing. A Policy is read-only in use and safe for concurrent use.
type Policy struct {
	Audience       string // this issuer's name
	Roots          []Root
	Virtual        bool              // devices of ClassVirtual may be believed, under a pinned virtual root
	RevokedKeys    map[KeyID]bool    // of devices and of authorities
	RevokedDevices map[string]bool   // by device id
	Firmware       map[[32]byte]bool // nil: whatever the certificates allow
	Lists          *Lists            // what may change while the policy is in use; nil: nothing
	MaxAge         time.Duration     // of a capture; also the longest life an envelope may claim
	Skew           time.Duration     // tolerated between the device's clock and ours
	Parties        int               // how many parties shares must be sealed to
	Accept         map[Modality]Gates
	Known          *Known // certificates that need no second check; nil: each is checked each time
}

// Expected is what this enrolment demands beyond the policy.
type Expected struct {
	Nonce              [32]byte   // of the enrolment session
	IdentityCommitment [32]byte   // the leaf that the template will be bound to
	Consents           [][32]byte // hashes of the consent texts that the issuer shows, one for each language; none: any text
	Now                time.Time
}

// MaxAge is the longest life of a nonce and of an envelope (biometrics.md
// section 4).
const MaxAge = 10 * time.Minute

// IrisGates are the production gates for 12,800-bit iris codes.
func IrisGates() Gates {
	return Gates{
		Templates:    []Template{{AlgIris200, 1}},
		MinMask:      8200,
		MinSharpness: 300,
		MaxOcclusion: 400,
		MaxGaze:      250,
		PADLevel:     1,
	}
}

// Production is the policy of an issuer with real devices: irises, PAD passed,
// one party per matcher share.
func Production(audience string, parties int, roots ...Root) *Policy {
	return &Policy{
		Audience: audience, Roots: roots, MaxAge: MaxAge, Skew: 30 * time.Second, Parties: parties,
		Accept: map[Modality]Gates{Iris: IrisGates()},
	}
}

// Virtual is the policy of a demonstration or test issuer: irises and faces
// from devices under virtual roots, no PAD, one party. An issuer that uses it
// must say so in public.
func Virtual(audience string, roots ...Root) *Policy {
	iris := IrisGates()
	iris.PADLevel = 0
	return &Policy{
		Audience: audience, Roots: roots, Virtual: true, MaxAge: MaxAge, Skew: 30 * time.Second, Parties: 1,
		Accept: map[Modality]Gates{
			Iris: iris,
			Face: {Templates: []Template{{AlgFace128, 1}}, MaxOcclusion: 1000, MaxGaze: 1000},
		},
	}
}

// Verify decides whether e is trusted. It does not see earlier envelopes: that
// the nonce is unused and the counter above the device's last one is the
// store's to decide, in the transaction that writes the enrolment.
//
// Trust comes first, so that whatever else is said in an error was said by a
// device under a pinned root.
func (p *Policy) Verify(e *Envelope, x Expected) error {
	body, err := e.Body()
	if err != nil {
		return err
	}
	now, ok := unix(x.Now)
	if !ok {
		return fmt.Errorf("%w: clock", ErrUntrusted)
	}
	if err := p.verifyChain(e, now); err != nil {
		return err
	}
	if !e.Chain[0].Subject.verify(signedMessage(sha256.Sum256(body)), e.Signature) {
		return fmt.Errorf("%w: device signature", ErrUntrusted)
	}
	if err := errors.Join(p.verifyRevocation(e), p.Lists.verify(e)); err != nil {
		return err
	}
	switch {
	case p.Firmware != nil && !p.Firmware[e.Firmware]:
		return fmt.Errorf("%w: firmware not allowed", ErrUntrusted)
	case e.Audience != p.Audience:
		return fmt.Errorf("%w: made for another issuer", ErrUntrusted)
	case !equal(e.IdentityCommitment, x.IdentityCommitment):
		return fmt.Errorf("%w: bound to another identity commitment", ErrUntrusted)
	case e.ConsentHash == [32]byte{} || len(x.Consents) > 0 && !slices.Contains(x.Consents, e.ConsentHash):
		return fmt.Errorf("%w: consent to another text", ErrUntrusted)
	case len(e.Shares) != p.Parties:
		return fmt.Errorf("%w: number of parties", ErrUntrusted)
	case !equal(e.Nonce, x.Nonce):
		return fmt.Errorf("%w: nonce of another session", ErrReplayed)
	}
	if err := p.verifyTime(e, now); err != nil {
		return err
	}
	return p.verifyGates(e)
}

func equal(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// unix gives seconds, and false for a clock outside the range of the formats.
func unix(t time.Time) (uint64, bool) {
	s := t.Unix()
	return uint64(s), s >= 0 && s < maxTime
}

func (p *Policy) verifyChain(e *Envelope, now uint64) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrUntrusted, what) }
	leaf, last := &e.Chain[0], &e.Chain[len(e.Chain)-1]
	at := slices.IndexFunc(p.Roots, func(r Root) bool { return r.Key == last.Issuer && r.Class == last.Class })
	if at < 0 {
		return bad("no pinned root")
	}
	if last.Class == ClassVirtual && !p.Virtual {
		return bad("virtual device at a live issuer")
	}
	if leaf.Role != Device || leaf.Name != e.DeviceID {
		return bad("device certificate")
	}
	for i := range e.Chain {
		c := &e.Chain[i]
		if i > 0 && (c.Role != Authority || e.Chain[i-1].Issuer != c.Subject) {
			return bad("chain is broken")
		}
		if c.Class != p.Roots[at].Class {
			return bad("device class")
		}
		if len(c.Firmware) > 0 && !slices.Contains(c.Firmware, e.Firmware) {
			return bad("firmware not certified")
		}
		if outside(c, e.CapturedAt) || outside(c, now) {
			return bad("certificate out of its time")
		}
		if !p.Known.signed(c) {
			return bad("certificate signature")
		}
	}
	return nil
}

func outside(c *Certificate, t uint64) bool { return t < c.NotBefore || t > c.NotAfter }

func (p *Policy) verifyRevocation(e *Envelope) error {
	if p.RevokedDevices[e.DeviceID] {
		return fmt.Errorf("%w: device", ErrRevoked)
	}
	for i := range e.Chain {
		if p.RevokedKeys[e.Chain[i].Subject.ID()] || p.RevokedKeys[e.Chain[i].Issuer.ID()] {
			return fmt.Errorf("%w: key", ErrRevoked)
		}
	}
	return nil
}

func (p *Policy) verifyTime(e *Envelope, now uint64) error {
	age, skew := uint64(max(p.MaxAge, 0)/time.Second), uint64(max(p.Skew, 0)/time.Second)
	switch {
	case e.CapturedAt > now+skew:
		return fmt.Errorf("%w: captured in the future", ErrReplayed)
	case e.CapturedAt+age < now:
		return fmt.Errorf("%w: captured too long ago", ErrReplayed)
	case now > e.Expires:
		return fmt.Errorf("%w: expired", ErrReplayed)
	case e.Expires-e.CapturedAt > age:
		return fmt.Errorf("%w: lives too long", ErrReplayed)
	}
	return nil
}

func (p *Policy) verifyGates(e *Envelope) error {
	g, ok := p.Accept[e.Modality]
	switch q := e.Quality; {
	case !ok:
		return fmt.Errorf("%w: modality not accepted", ErrUntrusted)
	case !slices.Contains(g.Templates, e.Template):
		return fmt.Errorf("%w: template algorithm not accepted", ErrUntrusted)
	case g.PADLevel > 0 && (!e.PAD.Pass || e.PAD.Level < g.PADLevel):
		return fmt.Errorf("%w: presentation attack detection not passed", ErrUntrusted)
	case e.Modality == Iris && (q.MaskLeft < g.MinMask || q.MaskRight < g.MinMask):
		return fmt.Errorf("%w: too little of the iris is visible", ErrQuality)
	case q.Sharpness < g.MinSharpness:
		return fmt.Errorf("%w: not sharp", ErrQuality)
	case q.Occlusion > g.MaxOcclusion:
		return fmt.Errorf("%w: occluded", ErrQuality)
	case q.Gaze > g.MaxGaze:
		return fmt.Errorf("%w: gaze off axis", ErrQuality)
	}
	return nil
}
