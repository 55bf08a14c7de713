package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// aFace is a vector as long as a face's.
func aFace() (v face.Vector) {
	for i := range v {
		v[i] = int8(i%5*10 - 20)
	}
	return v
}

// pageSeals plays the enrolment page with a face: it asks which device will sign,
// takes the keys from the issuer's metadata, cuts and seals. Change, unless nil, is
// done to the payloads before, as a page could that somebody wrote anew.
func pageSeals(v face.Vector, change func(payloads [][]byte)) func(context.Context, *person, string) ([]sealedShare, error) {
	return func(ctx context.Context, p *person, session string) (out []sealedShare, err error) {
		var info api.IssuerInfo
		var signs struct {
			Device string `json:"device"`
		}
		issuer := p.cfg.url(issuerHost)
		_, err1 := p.call(ctx, http.MethodGet, issuer, "/.well-known/perhuman-issuer.json", nil, nil, &info)
		_, err2 := p.call(ctx, http.MethodPost, issuer, "/demo/device", nil, map[string]string{"session": session}, &signs)
		nonce, err3 := bytes32("session", session)
		payloads, keys, err4 := facePayloads(v, info)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return nil, err
		}
		if change != nil {
			change(payloads)
		}
		for i, payload := range payloads {
			sealed, commitment, err := share.Seal(rand.Reader, keys[i], share.Context{
				Audience: info.Name, Nonce: nonce, Device: signs.Device, Party: uint8(i), IdentityCommitment: p.id.Commitment(),
			}, payload)
			if err != nil {
				return nil, err
			}
			out = append(out, sealedShare{scope.EncodeToken(sealed), scope.EncodeToken(commitment[:])})
		}
		return out, nil
	}
}

func facePayloads(v face.Vector, info api.IssuerInfo) (payloads [][]byte, keys []share.PublicKey, err error) {
	for _, k := range info.MatcherKeys {
		if info.Matcher == "plain" || strings.HasPrefix(k.Name, "face ") {
			key, err := share.ParsePublicKey(k.Key)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, key)
		}
	}
	switch len(keys) {
	case 1:
		return [][]byte{v.Bytes()}, keys, nil
	case 3:
		shares, err := dot.SplitFace[uint32](rand.Reader, v)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range shares {
			b, err := s.MarshalBinary()
			if err != nil {
				return nil, nil, err
			}
			payloads = append(payloads, b)
		}
		return payloads, keys, nil
	}
	return nil, nil, fmt.Errorf("%d keys", len(keys))
}

// sealedFaces: the device signs what it cannot read, and what is in it is checked
// by those who compare. It is the same story over one party and over three.
func sealedFaces(t *testing.T, s *story) {
	t.Helper()
	enrol := func(name string, want api.Code, face func(context.Context, *person, string) ([]sealedShare, error)) {
		t.Helper()
		p, err := newPerson(s, name, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.face = face
		if e, err := p.enrol(t.Context()); err != nil || e.Code != want {
			t.Errorf("%s: %q %v, want %q", name, e.Code, err, want)
		}
	}
	enrol("somebody", "", pageSeals(aFace(), nil))
	enrol("the same face", api.AlreadyEnrolled, pageSeals(aFace(), nil))
	// A page that somebody wrote anew can seal anything.
	enrol("a face of zeros", api.QualityTooLow, pageSeals(aFace(), func(payloads [][]byte) {
		for _, p := range payloads {
			if s.cfg.mpc {
				p = p[4:] // after the header: shares of zeros
			}
			clear(p)
		}
	}))
	enrol("sealed for another device", api.CaptureUntrusted, func(ctx context.Context, p *person, session string) ([]sealedShare, error) {
		return pageSeals(aFace(), nil)(ctx, p, scope.EncodeToken(bytes.Repeat([]byte{7}, 32)))
	})
	if s.cfg.mpc {
		enrol("a number out of range", api.QualityTooLow, pageSeals(aFace(), func(payloads [][]byte) {
			for _, p := range payloads { // three shares of the same, larger by 1<<20 at one place of the ring
				p[4+2] += 16
			}
		}))
		enrol("a share of something else", api.QualityTooLow, pageSeals(aFace(), func(payloads [][]byte) { payloads[2][4]++ }))
		enrol("one party's share for another", api.CaptureUntrusted, pageSeals(aFace(), func(payloads [][]byte) {
			payloads[0], payloads[1] = payloads[1], payloads[0]
		}))
	}
}

// One session's device is the same when it is asked for and when it signs, and
// another session's is another.
func TestFacesThatThePageSealed(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	s := &story{cfg: config{port: port, dir: filepath.Join(t.TempDir(), "var"), crowd: 3}, out: &syncBuffer{}}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	one, err1 := s.world.deviceOf([32]byte{1})
	again, err2 := s.world.deviceOf([32]byte{1})
	other, err3 := s.world.deviceOf([32]byte{2})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if one.ID() != again.ID() || one.ID() == other.ID() {
		t.Errorf("devices %s, %s, %s", one.ID(), again.ID(), other.ID())
	}
	sealedFaces(t, s)
}
