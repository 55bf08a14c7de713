package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// rootPrefix marks the file of a virtual root: the seed of its Ed25519 key.
const rootPrefix = "virtual-root-seed:"

// captureKeygen makes the root that a test issuer pins to believe virtual devices.
func captureKeygen(_ context.Context, args []string, e env) error {
	f := flags("capture keygen", "FILE", e)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	seed := make([]byte, ed25519.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(e.rand, seed); err != nil {
		return err
	}
	if err := writeSecret(f.Arg(0), rootPrefix+scope.EncodeToken(seed)); err != nil {
		return err
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	_, err := fmt.Fprintln(e.out, scope.EncodeToken(public))
	return err
}

func readRoot(path string) (ed25519.PrivateKey, error) {
	line, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(line, rootPrefix)
	seed, err := scope.DecodeToken(text)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s does not hold a virtual root", path)
	}
	defer clear(seed)
	return ed25519.NewKeyFromSeed(seed), nil
}

// captureVirtual prints the envelope of a synthetic person's irises, in
// base64url as an enrolment request carries it.
func captureVirtual(_ context.Context, args []string, e env) error {
	f := flags("capture virtual", "-root FILE -issuer NAME (-to KEY | -parties FILE) -nonce TOKEN -commitment N (-consent-text FILE | -consent TOKEN) [-seed S -person N -capture K -face]", e)
	root := f.String("root", "", "file with a virtual root (perhuman capture keygen)")
	audience := f.String("issuer", "", "the issuer's name")
	to := f.String("to", "", "public key that the template is sealed to, as the issuer's metadata give it")
	parties := f.String("parties", "", "group file of three parties that it is split for, in place of -to")
	nonce := f.String("nonce", "", "nonce of the enrolment session, 32 bytes in base64url")
	commitment := f.String("commitment", "", "identity commitment that the template is bound to, decimal")
	text := f.String("consent-text", "", "file with the consent text that the issuer shows")
	language := f.String("consent-language", "en", "its language, as a BCP 47 tag")
	consent := f.String("consent", "", "in place of that file: its hash with the language, 32 bytes in base64url")
	seed := f.Uint64("seed", 1, "which synthetic population")
	person := f.Uint64("person", 0, "who of it")
	face := f.Bool("face", false, "their face, not their irises")
	sample := f.Uint64("capture", 0, "which capture of that person")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *root == "" || *audience == "" || (*to == "") == (*parties == "") || (*text == "") == (*consent == "") {
		return missing(f, "-root, -issuer, one of -to and -parties, and one of -consent-text and -consent are needed")
	}
	n, err1 := token32("-nonce", *nonce)
	c, err2 := consented(*text, *language, *consent)
	fill, seal, err3 := sealing(*to, *parties, e.rand)
	leaf, err4 := semaphore.ParseElement(*commitment)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	signer, err := readRoot(*root)
	if err != nil {
		return err
	}
	defer clear(signer)
	now := time.Now()
	device, err := capture.NewVirtualDevice(e.rand, signer, now)
	if err != nil {
		return err
	}
	request := capture.CaptureRequest{
		Audience: *audience, Nonce: n, Now: now, Seal: seal,
		Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: leaf, ConsentHash: c,
	}
	who := synth.New(*seed).Person(*person)
	template := match.FromIris(who.Sample(*sample))
	if *face {
		template = match.FromFace(who.SampleFace(*sample))
	}
	if err := fill(template, &request); err != nil {
		return err
	}
	envelope, err := device.Capture(request)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.out, scope.EncodeToken(envelope))
	return err
}

// sealing gives how a device fills a request and seals it: whole to one key, or
// split for the three parties of a group.
func sealing(to, parties string, rand io.Reader) (func(match.Template, *capture.CaptureRequest) error, capture.SealFunc, error) {
	if parties == "" {
		key, err := share.ParsePublicKey(to)
		return match.Template.Fill, share.To(rand, key), err
	}
	g, err := readGroup(parties)
	if err != nil {
		return nil, nil, err
	}
	keys, err := g.Seals()
	fill := func(t match.Template, q *capture.CaptureRequest) error { return g.Fill(rand, t, q) }
	return fill, share.To(rand, keys[:]...), err
}

// consented gives the hash of the consent text in a file, or reads it.
func consented(file, language, hash string) ([32]byte, error) {
	if file == "" {
		return token32("-consent", hash)
	}
	text, err := readFile(file)
	if err != nil {
		return [32]byte{}, err
	}
	return capture.ConsentHash(language, string(text))
}

func token32(flag, text string) ([32]byte, error) {
	b, err := scope.DecodeToken(text)
	if err != nil || len(b) != 32 {
		return [32]byte{}, fmt.Errorf("%s is 32 bytes in base64url", flag)
	}
	return [32]byte(b), nil
}
