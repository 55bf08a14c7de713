package capture

import (
	"crypto"
	"crypto/sha256"
	"fmt"
)

// Modality is the kind of evidence. Evidence of different kinds cannot be
// compared, so an issuer that accepts two lets a person in once per kind.
type Modality string

// The modalities of version 1.
const (
	Iris Modality = "iris"
	Face Modality = "face"
)

// Eyes gives how many templates a capture of this modality has: both irises, or
// one face. It is 0 for anything unknown.
func (m Modality) Eyes() int {
	switch m {
	case Iris:
		return 2
	case Face:
		return 1
	}
	return 0
}

// Template names the algorithm that made the template, and its version.
type Template struct {
	Algorithm string
	Version   uint16
}

// Template algorithms of version 1 (biometrics.md sections 1 and 3).
const (
	AlgIris200 = "iris-16x200x2x2"
	AlgIris256 = "iris-16x256x2x2"
	AlgFace128 = "face-128-int8"
)

// Quality is what the device measured. Mask bits count usable code bits per eye
// (0 for a face); the other three are thousandths. The matcher counts mask bits
// again in what it opens: these values let a front end refuse early.
type Quality struct {
	MaskLeft, MaskRight        uint32
	Sharpness, Occlusion, Gaze uint16
}

// PAD is the outcome of presentation attack detection on the device. Level 0
// means that none was done.
type PAD struct {
	Algorithm string
	Level     uint8
	Pass      bool
}

// Share is one party's share of one eye (left 0, right 1; a face is 0).
type Share struct {
	Commitment [32]byte // opens with the salt inside the sealed share
	Sealed     []byte   // HPKE ciphertext to the party
}

// Envelope is one capture. See the package comment for the bytes.
type Envelope struct {
	Audience           string
	Nonce              [32]byte
	CapturedAt         uint64
	DeviceID           string
	Counter            uint64
	Chain              []Certificate
	Firmware           [32]byte
	Attestation        []byte
	Operator           string
	Region             string
	Modality           Modality
	Template           Template
	Quality            Quality
	PAD                PAD
	Shares             [][]Share // [party][eye]
	IdentityCommitment [32]byte
	ConsentHash        [32]byte
	Expires            uint64
	Signature          []byte
}

const (
	maxAttestation = 8 << 10
	maxParties     = 3
	maxSealed      = 72 << 10
)

func (e *Envelope) validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
	switch {
	case e.Audience == "" || !plain(e.Audience, maxName):
		return bad("audience")
	case e.CapturedAt >= maxTime || e.Expires >= maxTime || e.Expires <= e.CapturedAt:
		return bad("times")
	case e.DeviceID == "" || !plain(e.DeviceID, maxName):
		return bad("device id")
	case len(e.Chain) == 0 || len(e.Chain) > MaxChain:
		return bad("chain")
	case len(e.Attestation) > maxAttestation:
		return bad("attestation")
	case !plain(e.Operator, maxName) || !plain(e.Region, 16):
		return bad("operator or region")
	case e.Modality.Eyes() == 0:
		return bad("modality")
	case e.Template.Algorithm == "" || !plain(e.Template.Algorithm, 64):
		return bad("template")
	case !plain(e.PAD.Algorithm, 64) || e.PAD.Algorithm == "" && (e.PAD.Level != 0 || e.PAD.Pass):
		return bad("pad")
	case e.Quality.Sharpness > 1000 || e.Quality.Occlusion > 1000 || e.Quality.Gaze > 1000:
		return bad("quality")
	case len(e.Shares) == 0 || len(e.Shares) > maxParties:
		return bad("shares")
	}
	for _, eyes := range e.Shares {
		if len(eyes) != e.Modality.Eyes() {
			return bad("shares")
		}
		for _, s := range eyes {
			if len(s.Sealed) == 0 || len(s.Sealed) > maxSealed {
				return bad("sealed share")
			}
		}
	}
	for i := range e.Chain {
		if err := e.Chain[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

// Body gives the signed bytes.
func (e *Envelope) Body() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	w := &writer{b: make([]byte, 0, 12<<10)}
	w.field([]byte{1})
	w.field([]byte(e.Audience))
	w.field(e.Nonce[:])
	w.sub(func(w *writer) { w.u64(e.CapturedAt) })
	w.field([]byte(e.DeviceID))
	w.sub(func(w *writer) { w.u64(e.Counter) })
	var chain writer
	chain.u8(uint8(len(e.Chain)))
	for i := range e.Chain {
		c, err := e.Chain[i].MarshalBinary()
		if err != nil {
			return nil, err
		}
		chain.lp(c)
	}
	w.field(chain.b)
	w.field(e.Firmware[:])
	w.field(e.Attestation)
	w.field([]byte(e.Operator))
	w.field([]byte(e.Region))
	w.field([]byte(e.Modality))
	w.sub(func(w *writer) { w.lp([]byte(e.Template.Algorithm)); w.u16(e.Template.Version) })
	w.sub(func(w *writer) {
		w.u32(e.Quality.MaskLeft)
		w.u32(e.Quality.MaskRight)
		w.u16(e.Quality.Sharpness)
		w.u16(e.Quality.Occlusion)
		w.u16(e.Quality.Gaze)
	})
	w.sub(func(w *writer) {
		w.lp([]byte(e.PAD.Algorithm))
		w.u8(e.PAD.Level)
		if e.PAD.Pass {
			w.u8(1)
		} else {
			w.u8(0)
		}
	})
	w.sub(func(w *writer) { e.grid(w, func(s Share) { w.raw(s.Commitment[:]) }) })
	w.sub(func(w *writer) { e.grid(w, func(s Share) { w.field(s.Sealed) }) })
	w.field(e.IdentityCommitment[:])
	w.field(e.ConsentHash[:])
	w.sub(func(w *writer) { w.u64(e.Expires) })
	return w.b, nil
}

func (e *Envelope) grid(w *writer, put func(Share)) {
	w.u8(uint8(len(e.Shares)))
	w.u8(uint8(e.Modality.Eyes()))
	for _, eyes := range e.Shares {
		for _, s := range eyes {
			put(s)
		}
	}
}

// BodyHash is SHA-256 of Body: what the biometric commitment covers and what
// stays when the body is destroyed. It is zeros for an envelope that cannot be
// encoded, which no parsed or signed envelope is.
func (e *Envelope) BodyHash() [32]byte {
	body, err := e.Body()
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(body)
}

func signedMessage(bodyHash [32]byte) []byte {
	return append([]byte("perhuman/capture/1"), bodyHash[:]...)
}

// Sign signs the body with the device's key, which must be the subject of
// Chain[0].
func (e *Envelope) Sign(device crypto.Signer) error {
	pub, err := PublicKeyOf(device)
	if err != nil {
		return err
	}
	body, err := e.Body()
	if err != nil {
		return err
	}
	if e.Chain[0].Subject != pub {
		return fmt.Errorf("capture: the signing key is not the one of the device certificate")
	}
	e.Signature, err = sign(device, signedMessage(sha256.Sum256(body)))
	return err
}

// MarshalBinary gives the one encoding of a signed envelope.
func (e *Envelope) MarshalBinary() ([]byte, error) {
	body, err := e.Body()
	if err != nil {
		return nil, err
	}
	if len(e.Signature) != 64 {
		return nil, fmt.Errorf("%w: signature", ErrMalformed)
	}
	w := &writer{b: make([]byte, 0, len(body)+70)}
	w.field(body)
	w.lp(e.Signature)
	if len(w.b) > MaxEnvelope {
		return nil, fmt.Errorf("%w: envelope is too long", ErrMalformed)
	}
	return w.b, nil
}
