package capture

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// SealFunc seals one party's share of one eye for an envelope with these
// fields, and gives the ciphertext and the commitment. share.To makes one.
type SealFunc func(audience string, nonce [32]byte, device string, party, eye uint8, identityCommitment [32]byte, payload []byte) (sealed []byte, commitment [32]byte, err error)

// CaptureRequest is what a VirtualDevice turns into an envelope.
type CaptureRequest struct {
	Audience           string
	Nonce              [32]byte
	Now                time.Time
	TTL                time.Duration // 0: MaxAge
	Operator, Region   string
	Modality           Modality
	Template           Template
	Payloads           [][][]byte // [party][eye]; with the plain matcher one party gets the templates whole
	Seal               SealFunc
	Sealed             [][]Share // [party][eye], in place of Payloads and Seal: sealed before, for this device's ID
	Quality            Quality
	IdentityCommitment [32]byte
	ConsentHash        [32]byte
}

// VirtualDevice is a capture device made of software, for demonstrations,
// development and tests. It signs whatever template it is given: there is no
// camera, no presentation attack detection and no key protection behind it, and
// its certificate says class "virtual". It is safe for concurrent use; its
// counter rises by one with each envelope.
type VirtualDevice struct {
	id      string
	key     ed25519.PrivateKey
	cert    Certificate
	fw      [32]byte
	counter atomic.Uint64
}

// VirtualFirmware is the firmware hash of every virtual device.
func VirtualFirmware() [32]byte { return sha256.Sum256([]byte("perhuman/virtual-device/1")) }

// VirtualRoot is what an issuer pins to accept devices made with this root key.
func VirtualRoot(root ed25519.PublicKey) Root {
	return Root{Key: PublicKey{Ed25519, string(root)}, Class: ClassVirtual}
}

// NewVirtualDevice makes a device with a fresh key from rand, certified by root
// for a year from an hour before now. Its id follows from its key, so each one
// is a new device with a counter that starts at 1.
func NewVirtualDevice(rand io.Reader, root ed25519.PrivateKey, now time.Time) (*VirtualDevice, error) {
	return newVirtualDevice(rand, root, ClassVirtual, now)
}

// NewAuditDevice is NewVirtualDevice for a device of ClassAudit.
func NewAuditDevice(rand io.Reader, root ed25519.PrivateKey, now time.Time) (*VirtualDevice, error) {
	return newVirtualDevice(rand, root, ClassAudit, now)
}

// AuditRoot is what a group of parties pins to accept devices made by
// NewAuditDevice with this root key.
func AuditRoot(root ed25519.PublicKey) Root {
	return Root{Key: PublicKey{Ed25519, string(root)}, Class: ClassAudit}
}

func newVirtualDevice(rand io.Reader, root ed25519.PrivateKey, class string, now time.Time) (*VirtualDevice, error) {
	if len(root) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("capture: virtual root key has the wrong length")
	}
	at, ok := unix(now.Add(-time.Hour))
	if !ok {
		return nil, fmt.Errorf("capture: clock out of range")
	}
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("capture: virtual device key: %w", err)
	}
	d := &VirtualDevice{key: ed25519.NewKeyFromSeed(seed[:]), fw: VirtualFirmware()}
	clear(seed[:])
	pub, err := PublicKeyOf(d.key)
	if err != nil {
		return nil, err
	}
	id := pub.ID()
	d.id = class + "-" + hex.EncodeToString(id[:8])
	d.cert = Certificate{
		Role: Device, Subject: pub, Name: d.id, Class: class, Firmware: [][32]byte{d.fw},
		NotBefore: at, NotAfter: at + 366*24*3600,
	}
	if err := d.cert.Sign(root); err != nil {
		return nil, err
	}
	return d, nil
}

// ID is the device id.
func (d *VirtualDevice) ID() string { return d.id }

// Capture seals the payloads and signs an envelope. With q.Sealed it only signs:
// then it has no template, cannot check one, and vouches for what it can see, how
// many sealed shares there are and how long they are. The shares are bound to its
// ID by whoever sealed them, and do not open in another device's envelope.
func (d *VirtualDevice) Capture(q CaptureRequest) ([]byte, error) {
	now, ok := unix(q.Now)
	ttl := q.TTL
	if ttl == 0 {
		ttl = MaxAge
	}
	if !ok || ttl < time.Second {
		return nil, fmt.Errorf("capture: virtual device needs a time and a lifetime")
	}
	if (q.Seal == nil) == (q.Sealed == nil) || q.Sealed != nil && q.Payloads != nil {
		return nil, fmt.Errorf("capture: virtual device needs payloads and a way to seal them, or sealed shares")
	}
	e := &Envelope{
		Audience: q.Audience, Nonce: q.Nonce, CapturedAt: now, DeviceID: d.id,
		Chain: []Certificate{d.cert}, Firmware: d.fw, Operator: q.Operator, Region: q.Region,
		Modality: q.Modality, Template: q.Template, Quality: q.Quality,
		IdentityCommitment: q.IdentityCommitment, ConsentHash: q.ConsentHash,
		Expires: now + uint64(ttl/time.Second),
	}
	for party, eyes := range q.Payloads {
		row := make([]Share, len(eyes))
		for eye, payload := range eyes {
			sealed, commitment, err := q.Seal(q.Audience, q.Nonce, d.id, uint8(party), uint8(eye), q.IdentityCommitment, payload)
			if err != nil {
				return nil, fmt.Errorf("capture: seal: %w", err)
			}
			row[eye] = Share{Commitment: commitment, Sealed: sealed}
		}
		e.Shares = append(e.Shares, row)
	}
	if q.Sealed != nil {
		e.Shares = q.Sealed
	}
	e.Counter = d.counter.Add(1)
	if err := e.Sign(d.key); err != nil {
		return nil, err
	}
	return e.MarshalBinary()
}
