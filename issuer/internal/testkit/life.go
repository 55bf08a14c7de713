package testkit

import (
	"encoding/base64"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

func sign(t testing.TB, id *semaphore.Identity, message semaphore.Element) (key [2]string, signature string) {
	t.Helper()
	sig, err := id.Sign(message).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	pub := id.PublicKey()
	return [2]string{pub.X.String(), pub.Y.String()}, base64.RawURLEncoding.EncodeToString(sig)
}

func nonceOf(t testing.TB, s api.Session) [32]byte {
	t.Helper()
	raw, err := scope.DecodeToken(s.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	return [32]byte(raw)
}

// Recovery begins a session and makes the request of p, who has a new secret.
func (w *World) Recovery(t testing.TB, i *issuer.Issuer, p *Person) api.RecoveryRequest {
	t.Helper()
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := api.RecoveryRequest(w.Request(t, s, p))
	_, req.Signature = sign(t, p.ID, scope.RekeyMessage(nonceOf(t, s), s.Issuer, p.ID.Commitment()))
	return req
}

// Veto is what the holder of id answers to an announcement.
func Veto(t testing.TB, id *semaphore.Identity, announcement uint64) (req api.VetoRequest) {
	t.Helper()
	req.PublicKey, req.Signature = sign(t, id, scope.VetoMessage(announcement, Name, id.Commitment()))
	return req
}

// Deletion begins a session and makes the request of id's holder.
func Deletion(t testing.TB, i *issuer.Issuer, id *semaphore.Identity) api.DeletionRequest {
	t.Helper()
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := api.DeletionRequest{Session: s.Nonce}
	req.PublicKey, req.Signature = sign(t, id, scope.DeleteMessage(nonceOf(t, s), s.Issuer, id.Commitment()))
	return req
}
