package capture

import (
	"bytes"
	"fmt"
)

// Parse reads an envelope. It checks form and ranges; trust is Policy.Verify.
// The result shares no memory with raw.
func Parse(raw []byte) (*Envelope, error) {
	if len(raw) > MaxEnvelope {
		return nil, fmt.Errorf("%w: envelope is too long", ErrMalformed)
	}
	var e Envelope
	outer := &reader{b: raw}
	outer.field("body", e.readBody)
	e.Signature = bytes.Clone(outer.lp("signature"))
	outer.end("envelope")
	if outer.err == nil && len(e.Signature) != 64 {
		outer.fail("signature")
	}
	if outer.err != nil {
		return nil, outer.err
	}
	if err := e.validate(); err != nil {
		return nil, err
	}
	return &e, nil
}

func (e *Envelope) readBody(r *reader) {
	text := func(what string, to *string) {
		r.field(what, func(r *reader) { *to = string(r.rest()) })
	}
	hash := func(what string, to *[32]byte) {
		r.field(what, func(r *reader) { *to = r.array(what) })
	}
	number := func(what string, to *uint64) {
		r.field(what, func(r *reader) { *to = r.u64(what) })
	}
	r.field("version", func(r *reader) {
		if r.u8("version") != 1 {
			r.fail("version")
		}
	})
	text("audience", &e.Audience)
	hash("nonce", &e.Nonce)
	number("captured_at", &e.CapturedAt)
	text("device_id", &e.DeviceID)
	number("counter", &e.Counter)
	r.field("chain", func(r *reader) {
		for n := r.u8("chain"); n > 0 && r.err == nil; n-- {
			c, err := ParseCertificate(r.lp("certificate"))
			if err != nil && r.err == nil {
				r.err = err
			}
			if len(e.Chain) < MaxChain {
				e.Chain = append(e.Chain, c)
			} else {
				r.fail("chain")
			}
		}
	})
	hash("fw_hash", &e.Firmware)
	r.field("attestation", func(r *reader) { e.Attestation = bytes.Clone(r.rest()) })
	text("operator", &e.Operator)
	text("region", &e.Region)
	text("modality", (*string)(&e.Modality))
	r.field("template", func(r *reader) {
		e.Template.Algorithm = string(r.lp("template"))
		e.Template.Version = r.u16("template")
	})
	r.field("quality", func(r *reader) {
		q := &e.Quality
		q.MaskLeft, q.MaskRight = r.u32("quality"), r.u32("quality")
		q.Sharpness, q.Occlusion, q.Gaze = r.u16("quality"), r.u16("quality"), r.u16("quality")
	})
	r.field("pad", func(r *reader) {
		e.PAD.Algorithm = string(r.lp("pad"))
		e.PAD.Level = r.u8("pad")
		pass := r.u8("pad")
		if pass > 1 {
			r.fail("pad")
		}
		e.PAD.Pass = pass == 1
	})
	r.field("share_commit", func(r *reader) {
		parties, eyes := int(r.u8("share_commit")), int(r.u8("share_commit"))
		if parties == 0 || parties > maxParties || eyes != e.Modality.Eyes() {
			r.fail("share_commit")
			return
		}
		e.Shares = make([][]Share, parties)
		for p := range e.Shares {
			e.Shares[p] = make([]Share, eyes)
			for i := range e.Shares[p] {
				e.Shares[p][i].Commitment = r.array("share_commit")
			}
		}
	})
	r.field("shares", func(r *reader) {
		parties, eyes := int(r.u8("shares")), int(r.u8("shares"))
		if parties != len(e.Shares) || eyes != e.Modality.Eyes() {
			r.fail("shares")
			return
		}
		for p := range e.Shares {
			for i := range e.Shares[p] {
				r.field("sealed share", func(r *reader) { e.Shares[p][i].Sealed = bytes.Clone(r.rest()) })
			}
		}
	})
	hash("identity_commitment", &e.IdentityCommitment)
	hash("consent_hash", &e.ConsentHash)
	number("expires", &e.Expires)
}
