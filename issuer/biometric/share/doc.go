// Package share seals a template, or one party's share of it, to the party that
// may open it, and binds it to the one capture it belongs to.
//
// The device seals; the issuer's front end carries ciphertexts; a matching
// party opens. With the plain matcher there is one party, the operator, and it
// gets the template whole: the operator can read every template, and the issuer
// says so in its public metadata. With the three-party matcher each party gets
// a share that is uniform noise by itself.
//
//	key, err := share.GenerateKey(rand.Reader)        // the party, once; key.Text() goes to a 0600 file
//	sealed, commitment, err := share.Seal(rand.Reader, key.Public(), ctx, payload)
//	payload, err := share.Open(key, ctx, sealed, commitment)
//
// # Bytes
//
// HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
// AES-256-GCM, info "perhuman/share/1", one message per context:
//
//	sealed     = enc(32) || ciphertext of ( salt(32) || payload )
//	aad        = lp(aud) || nonce(32) || lp(device) || u8 party || u8 eye || identity_commitment(32)
//	commitment = SHA-256("perhuman/share/1" || salt || payload)
//
// (biometrics.md section 4). The aad makes a sealed share useless under another
// issuer, session, device, eye or identity commitment: an issuer cannot move
// one person's template to another person's leaf. The random salt makes the
// commitment hide its payload even from somebody who can guess the template.
//
// The salt comes from the rand parameter. The ephemeral HPKE key comes from the
// operating system, because crypto/hpke takes no other source.
//
// The package needs only the standard library. A capture page seals to the same
// bytes with the modules of sdk/web/capture.
package share
