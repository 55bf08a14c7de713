package main

import (
	"crypto/rand"
	"encoding/binary"
	mrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// captureRequest is what the enrolment page asks of the virtual device: the
// simulated iris of a made-up person, or a face vector that the page measured
// from the camera.
type captureRequest struct {
	Session     string `json:"session"`
	Modality    string `json:"modality"`
	Persona     uint64 `json:"persona,omitempty"`
	Vector      []int8 `json:"vector,omitempty"`
	Commitment  string `json:"commitment"`
	ConsentHash string `json:"consent_hash"`
}

// capture plays the virtual capture device. It signs whatever it is given,
// which is why only an issuer that says "demonstration" accepts its class.
func (w *world) capture(rw http.ResponseWriter, r *http.Request) {
	var q captureRequest
	if err := serve.ReadJSON(rw, r, 8<<10, &q); err != nil {
		w.problem(rw, r, err)
		return
	}
	// Every visitor has a device of their own, as every page has its camera:
	// counters of one device must rise, and visitors end in any order.
	device, err := capture.NewVirtualDevice(rand.Reader, w.root, time.Now())
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	envelope, err := w.envelope(device, q)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]string{"envelope": scope.EncodeToken(envelope)})
}

// strangerEnvelope is of a device that nobody has seen before.
func (w *world) strangerEnvelope(q captureRequest) ([]byte, error) {
	device, err := capture.NewVirtualDevice(rand.Reader, w.root, time.Now())
	if err != nil {
		return nil, err
	}
	return w.envelope(device, q)
}

func (w *world) envelope(by *capture.VirtualDevice, q captureRequest) ([]byte, error) {
	nonce, err := bytes32("session", q.Session)
	if err != nil {
		return nil, err
	}
	consent, err := bytes32("consent_hash", q.ConsentHash)
	if err != nil {
		return nil, err
	}
	commitment, err := semaphore.ParseElement(q.Commitment)
	if err != nil {
		return nil, api.Errorf(api.NotCanonical, "commitment is a canonical decimal number")
	}
	var template match.Template
	switch capture.Modality(q.Modality) {
	case capture.Iris:
		if q.Persona == 0 || q.Persona > 1<<40 || q.Vector != nil {
			return nil, api.Errorf(api.MalformedRequest, "a simulated iris needs the number of a person")
		}
		template = match.FromIris(w.people.Person(q.Persona).Capture(freshNoise()))
	case capture.Face:
		if len(q.Vector) != face.Dimensions || q.Persona != 0 {
			return nil, api.Errorf(api.MalformedRequest, "a face is %d numbers from -128 to 127", face.Dimensions)
		}
		template = match.FromFace(face.Vector(q.Vector))
	default:
		return nil, api.Errorf(api.MalformedRequest, "modality is iris or face")
	}
	defer template.Wipe()
	request := capture.CaptureRequest{
		Audience: w.issuerName(), Nonce: nonce, Now: time.Now(), Region: "demo",
		Quality:            capture.Quality{Sharpness: 900},
		IdentityCommitment: commitment, ConsentHash: consent,
	}
	if err := w.compare.fill(template, &request); err != nil {
		return nil, api.Wrap(api.QualityTooLow, err)
	}
	envelope, err := by.Capture(request)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	return envelope, nil
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
