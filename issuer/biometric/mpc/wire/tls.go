package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"time"
)

// protocol is negotiated in the TLS handshake, so that a party of another
// version is refused there.
const protocol = "perhuman-mpc/1"

// Pin is a party's Ed25519 public key.
type Pin [ed25519.PublicKeySize]byte

// String gives base64url.
func (p Pin) String() string { return base64.RawURLEncoding.EncodeToString(p[:]) }

// PinOf gives the public half of a party's key.
func PinOf(key ed25519.PrivateKey) Pin { return Pin(key.Public().(ed25519.PublicKey)) }

// Client opens TLS 1.3 over conn to the party that holds peer's key, and proves
// key to it. It closes conn on an error.
func Client(ctx context.Context, conn net.Conn, key ed25519.PrivateKey, peer Pin) (net.Conn, error) {
	config, err := settings(key, peer)
	if err != nil {
		return nil, err
	}
	return shake(ctx, conn, tls.Client(conn, config))
}

// Server answers Client. Of several peers any one may come; which one it was is
// the result.
func Server(ctx context.Context, conn net.Conn, key ed25519.PrivateKey, peers ...Pin) (net.Conn, Pin, error) {
	config, err := settings(key, peers...)
	if err != nil {
		return nil, Pin{}, err
	}
	secured := tls.Server(conn, config)
	if _, err := shake(ctx, conn, secured); err != nil {
		return nil, Pin{}, err
	}
	return secured, Pin(secured.ConnectionState().PeerCertificates[0].PublicKey.(ed25519.PublicKey)), nil
}

func shake(ctx context.Context, conn net.Conn, secured *tls.Conn) (net.Conn, error) {
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return secured, nil
}

func settings(key ed25519.PrivateKey, peers ...Pin) (*tls.Config, error) {
	if len(key) != ed25519.PrivateKeySize || len(peers) == 0 {
		return nil, fmt.Errorf("%w: no key", ErrPeer)
	}
	// The certificate only carries the key, so its dates and name say nothing.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<36, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("wire: certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // #nosec G402 -- VerifyConnection compares the pinned key
		SessionTicketsDisabled: true,
		NextProtos:             []string{protocol},
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.NegotiatedProtocol != protocol {
				return ErrVersion
			}
			if len(state.PeerCertificates) != 1 {
				return ErrPeer
			}
			public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !ok {
				return ErrPeer
			}
			for _, p := range peers {
				if subtle.ConstantTimeCompare(p[:], public) == 1 {
					return nil
				}
			}
			return ErrPeer
		},
	}, nil
}
