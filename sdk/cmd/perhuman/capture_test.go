package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What the command prints is what a test issuer accepts and opens, and what a
// live one refuses even with the root pinned.
func TestCaptureVirtual(t *testing.T) {
	var out, errs bytes.Buffer
	do := func(args ...string) int {
		out.Reset()
		errs.Reset()
		return run(t.Context(), append([]string{"capture"}, args...), env{out: &out, err: &errs, rand: rand.Reader})
	}
	root := filepath.Join(t.TempDir(), "root")
	if code := do("keygen", root); code != 0 {
		t.Fatal(errs.String())
	}
	public, err := scope.DecodeToken(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if code := do("keygen", root); code != 2 {
		t.Error("a root was overwritten")
	}
	operator, err := share.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"-root": root, "-issuer": "issuer.example", "-to": operator.Public().String(), "-nonce": scope.EncodeToken(bytes.Repeat([]byte{1}, 32)),
		"-commitment": "7", "-consent": scope.EncodeToken(bytes.Repeat([]byte{3}, 32)), "-seed": "4", "-person": "2", "-capture": "1",
	}
	with := func(name, value string) []string {
		args := []string{"virtual"}
		for k, v := range good {
			if k == name {
				v = value
			}
			args = append(args, k, v)
		}
		return args
	}
	if code := do(with("", "")...); code != 0 {
		t.Fatal(errs.String())
	}
	raw, err := scope.DecodeToken(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	e, err := capture.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	x := capture.Expected{Nonce: [32]byte(bytes.Repeat([]byte{1}, 32)), IdentityCommitment: [32]byte{31: 7}, Consents: [][32]byte{[32]byte(bytes.Repeat([]byte{3}, 32))}, Now: time.Now()}
	if err := capture.Virtual("issuer.example", capture.VirtualRoot(public)).Verify(e, x); err != nil {
		t.Error(err)
	}
	if err := capture.Production("issuer.example", 1, capture.VirtualRoot(public)).Verify(e, x); !errors.Is(err, capture.ErrUntrusted) {
		t.Errorf("a live issuer: %v", err)
	}
	template, err := match.Open(operator, e)
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := template.Iris()
	if !iris.NewPairQuery(pair).Match(synth.New(4).Person(2).Sample(0)) || iris.NewPairQuery(pair).Match(synth.New(4).Person(3).Sample(0)) {
		t.Error("another person's irises")
	}
	for name, value := range map[string]string{
		"-root": filepath.Join(t.TempDir(), "none"), "-issuer": "", "-to": "x", "-nonce": "AAAA", "-commitment": "-1", "-consent": "!",
	} {
		if code := do(with(name, value)...); code != 2 || out.Len() != 0 {
			t.Errorf("%s %q: %d", name, value, code)
		}
	}
}
