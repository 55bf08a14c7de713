package issuer_test

import (
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// T21: what is read as a receipt has one encoding, and only the issuer's own
// receipts verify.
func FuzzReceipt(f *testing.F) {
	w := testkit.NewWorld(f, 1)
	signer, err := note.NewSigner(w.Signer)
	if err != nil {
		f.Fatal(err)
	}
	v, err := setlog.ParseVKey(w.VKey)
	if err != nil {
		f.Fatal(err)
	}
	good, err := issuer.Receipt{Issuer: testkit.Name, Day: 20_000, Received: 1_728_000_000}.Sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(append([]byte{}, good...), good[len(good)-100:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := issuer.VerifyReceipt(b, v); err == nil {
			if again, err := r.Sign(signer); err != nil || string(again) != string(b) {
				t.Fatal("a second encoding verifies")
			}
		} else if r != (issuer.Receipt{}) {
			t.Fatal("an error and a receipt")
		}
		if r, err := issuer.ParseReceipt(b); err != nil && r != (issuer.Receipt{}) {
			t.Fatal("an error and a receipt")
		}
	})
}

// T21: no request, however malformed, is anything but a coded refusal.
func FuzzEnrol(f *testing.F) {
	w, i := start(f)
	good := w.Start(f, i, testkit.NewPerson(1))
	f.Add(good.Session, good.Envelope, good.PublicKey[0], good.PublicKey[1], good.Signature, good.Salt)
	f.Add(good.Session, good.Envelope[:len(good.Envelope)/2], "0", "1", good.Signature, good.Salt)
	f.Fuzz(func(t *testing.T, session, envelope, x, y, signature, salt string) {
		req := api.EnrolmentRequest{Session: session, Envelope: envelope, PublicKey: [2]string{x, y}, Signature: signature, Salt: salt}
		r, err := i.Enrol(t.Context(), req)
		if err == nil && r.Enrolment.Receipt == "" {
			t.Fatal("no error and no receipt")
		}
		if code(err) == api.Internal {
			t.Fatalf("%v", err)
		}
		// A fuzzing worker is a process of its own with the same keys, so what is
		// taken in need not be the good request of this one: but nothing else
		// than a device made it, and that for this person.
		if err == nil {
			raw, err := scope.DecodeToken(envelope)
			if err != nil {
				t.Fatal(err)
			}
			e, err := capture.Parse(raw)
			if err != nil || semaphore.Element(e.IdentityCommitment) != testkit.NewPerson(1).ID.Commitment() {
				t.Fatalf("an envelope of somebody else's was taken in: %v", err)
			}
		}
	})
}
