package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	mrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// captureRequest is what the enrolment page asks of the virtual device: the
// simulated iris of a made-up person, or a signature over a face that the page
// measured from the camera and sealed itself, one share for each party.
type captureRequest struct {
	Session     string        `json:"session"`
	Modality    string        `json:"modality"`
	Persona     uint64        `json:"persona,omitempty"`
	Shares      []sealedShare `json:"shares,omitempty"`
	Commitment  string        `json:"commitment"`
	ConsentHash string        `json:"consent_hash"`
}

// sealedShare is one party's share of a face: what share.Seal gives, in base64url.
type sealedShare struct {
	Sealed     string `json:"sealed"`
	Commitment string `json:"commitment"`
}

// device tells which device a session's capture will be signed by. Sealed shares
// are bound to it, so the page asks before it seals.
func (w *world) device(rw http.ResponseWriter, r *http.Request) {
	var q struct {
		Session string `json:"session"`
	}
	if err := serve.ReadJSON(rw, r, 1<<10, &q); err != nil {
		w.problem(rw, r, err)
		return
	}
	nonce, err := bytes32("session", q.Session)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	device, err := w.deviceOf(nonce)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]string{"device": device.ID()})
}

// deviceOf gives a session's device. Every visitor has a device of their own, as
// every page has its camera: counters of one device must rise, and visitors end
// in any order. Its key follows from the session, so nothing is kept of it.
func (w *world) deviceOf(nonce [32]byte) (*capture.VirtualDevice, error) {
	seed, err := hkdf.Key(sha256.New, w.root.Seed(), nonce[:], "perhuman/demo/device/1", ed25519.SeedSize)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	return capture.NewVirtualDevice(bytes.NewReader(seed), w.root, time.Now())
}

// capture plays the virtual capture device. It signs whatever it is given,
// which is why only an issuer that says "demonstration" accepts its class.
func (w *world) capture(rw http.ResponseWriter, r *http.Request) {
	var q captureRequest
	if err := serve.ReadJSON(rw, r, 8<<10, &q); err != nil {
		w.problem(rw, r, err)
		return
	}
	nonce, err := bytes32("session", q.Session)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	device, err := w.deviceOf(nonce)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	envelope, err := w.envelope(device, nonce, q)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]string{"envelope": scope.EncodeToken(envelope)})
}

// strangerEnvelope is of a device that nobody has seen before.
func (w *world) strangerEnvelope(nonce [32]byte, q captureRequest) ([]byte, error) {
	device, err := capture.NewVirtualDevice(rand.Reader, w.root, time.Now())
	if err != nil {
		return nil, err
	}
	return w.envelope(device, nonce, q)
}

// envelope is what a device signs of a capture in the session with this nonce,
// which q's own text of it was read as.
func (w *world) envelope(by *capture.VirtualDevice, nonce [32]byte, q captureRequest) ([]byte, error) {
	consent, err := bytes32("consent_hash", q.ConsentHash)
	if err != nil {
		return nil, err
	}
	commitment, err := semaphore.ParseElement(q.Commitment)
	if err != nil {
		return nil, api.Errorf(api.NotCanonical, "commitment is a canonical decimal number")
	}
	request := capture.CaptureRequest{
		Audience: w.issuerName(), Nonce: nonce, Now: time.Now(), Region: "demo",
		Quality:            capture.Quality{Sharpness: 900},
		IdentityCommitment: commitment, ConsentHash: consent,
	}
	switch capture.Modality(q.Modality) {
	case capture.Iris:
		if q.Persona == 0 || q.Persona > 1<<40 || q.Shares != nil {
			return nil, api.Errorf(api.MalformedRequest, "a simulated iris needs the number of a person")
		}
		template := match.FromIris(w.people.Person(q.Persona).Capture(freshNoise()))
		defer template.Wipe()
		if err := w.compare.fill(template, &request); err != nil {
			return nil, api.Wrap(api.QualityTooLow, err)
		}
	case capture.Face:
		if q.Persona != 0 {
			return nil, api.Errorf(api.MalformedRequest, "a face is not one of the made-up people")
		}
		if request.Sealed, err = w.compare.sealedFace(q.Shares); err != nil {
			return nil, err
		}
		request.Modality, request.Template = capture.Face, match.FromFace(face.Vector{}).Algorithm()
	default:
		return nil, api.Errorf(api.MalformedRequest, "modality is iris or face")
	}
	envelope, err := by.Capture(request)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	return envelope, nil
}

// splitFace is how many bytes one of three shares of a face is (dot.FaceShare, in
// words of 32 bits).
const splitFace = 4 + 4*face.Dimensions

// sealedFace reads the shares of a face. It cannot look into them: what it checks
// is that there is one for each party, and that each is as long as a face's. What
// is in them the matcher checks: the plain one when it opens the vector, the three
// parties together without opening it.
func (c *comparing) sealedFace(shares []sealedShare) (out [][]capture.Share, err error) {
	size := face.Dimensions + share.Overhead
	if c.parties > 1 {
		size = splitFace + share.Overhead
	}
	if len(shares) != c.parties {
		return nil, api.Errorf(api.MalformedRequest, "a face comes as %d sealed shares", c.parties)
	}
	for _, s := range shares {
		sealed, err := scope.DecodeToken(s.Sealed)
		if err != nil || len(sealed) != size {
			return nil, api.Errorf(api.MalformedRequest, "a sealed share is %d bytes in base64url", size)
		}
		commitment, err := bytes32("commitment of a share", s.Commitment)
		if err != nil {
			return nil, err
		}
		out = append(out, []capture.Share{{Commitment: commitment, Sealed: sealed}})
	}
	return out, nil
}

// freshNoise makes every capture of one person a little different.
func freshNoise() *mrand.Rand {
	var seed [32]byte
	_, _ = rand.Read(seed[:])                                                                           // never fails
	return mrand.New(mrand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:]))) // #nosec G404 -- noise in a simulated picture, no secret
}

func bytes32(name, text string) ([32]byte, error) {
	b, err := scope.DecodeToken(text)
	if err != nil || len(b) != 32 {
		return [32]byte{}, api.Errorf(api.NotCanonical, "%s is 32 bytes in base64url", name)
	}
	return [32]byte(b), nil
}

// errorRates is what this issuer claims, and how little it rests on.
func errorRates() []api.ErrorRate {
	return []api.ErrorRate{
		{Modality: "iris", Claim: "both eyes below .345, or one below .28", Data: "synthetic irises only; nothing is claimed about real ones"},
		{Modality: "face", Claim: "distance below .55; strangers collide in groups of some hundreds", Data: "75 pictures of 34 people, threshold chosen on the same pictures"},
	}
}
