// Package capture is the signed capture envelope: what a biometric device says
// about one capture, to one issuer, for one identity commitment.
//
// An envelope carries no picture and no readable template. The device splits
// the template itself and seals each share to one matching party, or signs what a
// page split and sealed for it, so that the issuer's front end sees ciphertexts
// only; the body is destroyed after the
// enrolment commits and only its SHA-256 (BodyHash) stays, inside the
// biometric commitment of the set log.
//
// # Use
//
// An issuer parses, verifies, and then asks its store two questions that only a
// store can answer:
//
//	env, err := capture.Parse(raw)
//	err = policy.Verify(env, capture.Expected{Nonce: n, IdentityCommitment: c, Now: now})
//	// store: has this nonce been used? is env.Counter above the last one of env.DeviceID?
//
// Verify answers with errors that wrap one of ErrMalformed, ErrUntrusted,
// ErrReplayed, ErrQuality, ErrRevoked; the issuer maps them to wire codes in
// one place.
//
// # Bytes (biometrics.md section 4)
//
// u16, u32, u64 are big-endian; lp(x) is u16 length then bytes; f(x) is u32
// length then bytes. The envelope is
//
//	u32 len(body) || body || lp(sig)
//
// and the body is these fields, each as f(...), in this order and no other:
//
//	 1 version            u8 = 1
//	 2 audience           the issuer's name
//	 3 nonce              32 bytes, the issuer's, used once
//	 4 captured_at        u64 unix seconds
//	 5 device_id          as in the device certificate
//	 6 counter            u64, rising per device
//	 7 chain              u8 n || n * lp(certificate), the device's first
//	 8 fw_hash            32 bytes
//	 9 attestation        opaque, the platform's own statement
//	10 operator           empty when unattended
//	11 region             coarse, may be empty
//	12 modality           "iris" or "face"
//	13 template           lp(algorithm) || u16 version
//	14 quality            u32 mask bits left || u32 right || u16 sharpness || u16 occlusion || u16 gaze
//	15 pad                lp(algorithm) || u8 level || u8 pass
//	16 share_commit       u8 parties || u8 eyes || 32 bytes each, party by party
//	17 shares             u8 parties || u8 eyes || f(sealed) each, party by party
//	18 identity_commitment 32 bytes: binds the template to the leaf
//	19 consent_hash       32 bytes
//	20 expires            u64 unix seconds
//
// The signature is over "perhuman/capture/1" || SHA-256(body). There is exactly
// one encoding of an envelope: Parse refuses everything else, and
// MarshalBinary(Parse(x)) == x.
//
// # What an envelope is worth
//
// As much as its device. A pinned root says who vouches for the camera, the
// presentation attack detection (PAD) and the key storage; a browser camera has
// none of them, because the page belongs to the user, who can post any vector. A
// device that signs what a page sealed vouches for no more than that it was asked
// to.
// VirtualDevice signs whatever it is given: it exists for demonstrations,
// development and tests, its class is "virtual" and stands in every
// certificate, and only an issuer whose policy says Virtual and that pins a
// virtual root accepts it.
package capture
