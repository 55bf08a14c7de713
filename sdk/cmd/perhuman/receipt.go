package main

import (
	"context"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// receiptCheck shows that a capture is the one that made a person a member:
// signature of the receipt, then salt and body against its two commitments.
func receiptCheck(_ context.Context, args []string, e env) error {
	f := flags("receipt check", "-issuer VKEY -receipt FILE (-secret FILE | -salt SALT) (-envelope FILE | -body FILE)", e)
	vkey := f.String("issuer", "", "the issuer's verifier key, name+hash+key")
	receiptFile := f.String("receipt", "", "the intake receipt, as the issuer gave it")
	secretFile := f.String("secret", "", "file with the wallet's exported secret; the salt is derived from it")
	saltText := f.String("salt", "", "the salt itself, 32 bytes in base64url")
	envelopeFile := f.String("envelope", "", "the capture envelope")
	bodyFile := f.String("body", "", "the envelope's body")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *vkey == "" || *receiptFile == "" || (*secretFile == "") == (*saltText == "") || (*envelopeFile == "") == (*bodyFile == "") {
		f.Usage()
		return hint(f)
	}
	key, err := setlog.ParseVKey(*vkey)
	if err != nil {
		return err
	}
	signed, err := binary(*receiptFile)
	if err != nil {
		return err
	}
	receipt, err := issuer.VerifyReceipt(signed, key)
	if err != nil {
		return fmt.Errorf("%w: %w", errClaim, err)
	}
	salt, err := theSalt(receipt, *secretFile, *saltText)
	if err != nil {
		return err
	}
	body, err := theBody(*envelopeFile, *bodyFile)
	if err != nil {
		return err
	}
	if err := issuer.OpenReceipt(receipt, salt, body); err != nil {
		return fmt.Errorf("%w: %w", errClaim, err)
	}
	fmt.Fprintf(e.out, "receipt of %s\n  taken in    %s\n  commitment  %s\n  biometric   %x\n  opened      by this salt and this capture\n",
		receipt.Issuer, time.Unix(int64(receipt.Received), 0).UTC().Format(time.RFC3339), receipt.Commitment, receipt.Biometric)
	return nil
}

func theSalt(r issuer.Receipt, secretFile, text string) ([32]byte, error) {
	if text != "" {
		b, err := scope.DecodeToken(text)
		if err != nil || len(b) != 32 {
			return [32]byte{}, fmt.Errorf("-salt is 32 bytes in base64url")
		}
		return [32]byte(b), nil
	}
	exported, err := readSecret(secretFile)
	if err != nil {
		return [32]byte{}, err
	}
	id, err := semaphore.ParseIdentity(exported)
	if err != nil {
		return [32]byte{}, fmt.Errorf("the secret file does not hold an exported identity")
	}
	if id.Commitment() != r.Commitment {
		return [32]byte{}, fmt.Errorf("%w: the receipt belongs to another identity", errClaim)
	}
	key := id.Key()
	defer clear(key)
	return scope.Salt(key, r.Session)
}

func theBody(envelopeFile, bodyFile string) ([]byte, error) {
	if bodyFile != "" {
		return binary(bodyFile)
	}
	b, err := binary(envelopeFile)
	if err != nil {
		return nil, err
	}
	envelope, err := capture.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errClaim, err)
	}
	return envelope.Body()
}
