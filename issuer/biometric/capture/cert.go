package capture

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"fmt"
)

// Role says what a certificate's subject may do.
type Role uint8

// The two roles. An authority signs certificates and never envelopes; a device
// signs envelopes and never certificates.
const (
	Authority Role = 1
	Device    Role = 2
)

// Limits of the formats.
const (
	MaxChain    = 4         // certificates in an envelope
	MaxFirmware = 64        // firmware hashes in a certificate
	MaxEnvelope = 448 << 10 // bytes of an envelope: three parties, two eyes, up to 65,536 bytes each, and room
	maxName     = 255
	maxTime     = 1 << 40 // seconds: far enough, and no overflow in any sum here
)

// ClassVirtual is the device class of VirtualDevice.
const ClassVirtual = "virtual"

// ClassAudit is the class of devices whose captures are made up to audit the
// parties of a private matcher. Parties believe it under a root that their group
// pins; an issuer that pins none enrols nobody from it.
const ClassAudit = "audit"

// Certificate is one link between a device and a pinned root. No X.509: every
// field is fixed-width or length-prefixed, there is one encoding, and nothing
// optional to disagree about.
//
//	body = u8 1 || u8 role || u8 alg || lp(issuer key) || u8 alg || lp(subject key) ||
//	       lp(subject) || lp(class) || u8 n || n * 32-byte firmware hashes, rising ||
//	       u64 not_before || u64 not_after
//	certificate = lp(body) || lp(signature over "perhuman/device-cert/1" || SHA-256(body))
//
// Class is carried unchanged from the pinned root down: an authority for one
// class of devices cannot certify another. An empty firmware list in an
// authority's certificate means that it sets no limit; a device's list names
// what the device may run and is never empty.
type Certificate struct {
	Role      Role
	Issuer    PublicKey
	Subject   PublicKey
	Name      string // the device id, or the authority's name
	Class     string
	Firmware  [][32]byte
	NotBefore uint64 // unix seconds, inclusive
	NotAfter  uint64 // unix seconds, inclusive
	Signature []byte
}

func (c *Certificate) validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: certificate: %s", ErrMalformed, what) }
	switch {
	case c.Role != Authority && c.Role != Device:
		return bad("role")
	case c.Issuer.validate() != nil:
		return bad("issuer key")
	case c.Subject.validate() != nil:
		return bad("subject key")
	case c.Name == "" || !plain(c.Name, maxName):
		return bad("name")
	case c.Class == "" || !plain(c.Class, maxName):
		return bad("class")
	case len(c.Firmware) > MaxFirmware || (c.Role == Device && len(c.Firmware) == 0):
		return bad("firmware")
	case c.NotBefore > c.NotAfter || c.NotAfter >= maxTime:
		return bad("validity")
	case len(c.Signature) != 64:
		return bad("signature")
	}
	for i := 1; i < len(c.Firmware); i++ {
		if bytes.Compare(c.Firmware[i-1][:], c.Firmware[i][:]) >= 0 {
			return bad("firmware order")
		}
	}
	return nil
}

func (c *Certificate) body() []byte {
	w := &writer{}
	w.u8(1)
	w.u8(uint8(c.Role))
	c.Issuer.write(w)
	c.Subject.write(w)
	w.lp([]byte(c.Name))
	w.lp([]byte(c.Class))
	w.u8(uint8(len(c.Firmware)))
	for i := range c.Firmware {
		w.raw(c.Firmware[i][:])
	}
	w.u64(c.NotBefore)
	w.u64(c.NotAfter)
	return w.b
}

func (c *Certificate) message() []byte {
	h := sha256.Sum256(c.body())
	return append([]byte("perhuman/device-cert/1"), h[:]...)
}

// Sign fills Issuer and Signature.
func (c *Certificate) Sign(issuer crypto.Signer) error {
	pub, err := PublicKeyOf(issuer)
	if err != nil {
		return err
	}
	c.Issuer = pub
	c.Signature = make([]byte, 64)
	if err := c.validate(); err != nil {
		return err
	}
	c.Signature, err = sign(issuer, c.message())
	return err
}

// MarshalBinary gives the one encoding.
func (c *Certificate) MarshalBinary() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	w := &writer{}
	w.lp(c.body())
	w.lp(c.Signature)
	return w.b, nil
}

// ParseCertificate reads one certificate and nothing after it. It checks form,
// not trust: that is Policy.Verify.
func ParseCertificate(b []byte) (Certificate, error) {
	outer := &reader{b: b}
	r := &reader{b: outer.lp("certificate")}
	sig := outer.lp("certificate signature")
	outer.end("certificate")
	if outer.err != nil {
		return Certificate{}, outer.err
	}
	if r.u8("certificate version") != 1 {
		r.fail("certificate version")
	}
	var c Certificate
	c.Role = Role(r.u8("role"))
	c.Issuer = readKey(r, "issuer key")
	c.Subject = readKey(r, "subject key")
	c.Name = string(r.lp("name"))
	c.Class = string(r.lp("class"))
	for n := r.u8("firmware"); n > 0 && r.err == nil; n-- {
		c.Firmware = append(c.Firmware, r.array("firmware"))
	}
	c.NotBefore = r.u64("validity")
	c.NotAfter = r.u64("validity")
	c.Signature = bytes.Clone(sig)
	r.end("certificate")
	if r.err != nil {
		return Certificate{}, r.err
	}
	if err := c.validate(); err != nil {
		return Certificate{}, err
	}
	return c, nil
}
