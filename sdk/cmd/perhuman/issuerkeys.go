package main

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const sealingPrefix = "perhuman-sealing-1:"

// issuerKeygen makes the keys of an issuer: all of them in a folder, or one.
func issuerKeygen(_ context.Context, args []string, e env) error {
	f := flags("issuer keygen", "(-dir FOLDER | -out FILE) NAME | -admin FILE | -link FILE", e)
	out := f.String("out", "", "file for the secret signing key alone; must not exist")
	dir := f.String("dir", "", "folder for signing.key, sealing.key, matcher.key and admin.token; made if need be, no file may exist")
	admin := f.String("admin", "", "file for an admin token alone; must not exist")
	link := f.String("link", "", "file for a link key alone, with which an issuer reaches its three parties; must not exist")
	if err := parseFlags(f, args); err != nil {
		return err
	}
	if *link != "" && *admin == "" && *out == "" && *dir == "" && f.NArg() == 0 {
		return linkKeygen(*link, e)
	}
	if *admin != "" && *out == "" && *dir == "" && f.NArg() == 0 {
		return adminToken(*admin, e)
	}
	if (*out == "") == (*dir == "") || *admin != "" || *link != "" || f.NArg() != 1 {
		f.Usage()
		return hint(f)
	}
	if *out != "" {
		vkey, err := signingKey(*out, f.Arg(0), e)
		if err == nil {
			_, err = fmt.Fprintln(e.out, vkey)
		}
		return err
	}
	return allKeys(*dir, f.Arg(0), e)
}

func signingKey(path, name string, e env) (vkey string, err error) {
	skey, vkey, err := setlog.GenerateKey(e.rand, name)
	if err != nil {
		return "", err
	}
	return vkey, writeSecret(path, skey)
}

func adminToken(path string, e env) error {
	b := make([]byte, 32)
	if _, err := io.ReadFull(e.rand, b); err != nil {
		return err
	}
	if err := writeSecret(path, "pha_"+scope.EncodeToken(b)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "%s holds the admin token; give it to `perhuman issuer -admin-token` and to the operator.\n", path)
	return err
}

// allKeys fills a folder. The sealing key belongs into another safe than the
// database: with it alone templates open.
func allKeys(dir, name string, e env) error {
	if err := setlog.ValidateName(name); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	at := func(file string) string { return filepath.Join(dir, file) }
	seal := make([]byte, 32)
	defer clear(seal)
	if _, err := io.ReadFull(e.rand, seal); err != nil {
		return err
	}
	matcher, err := share.GenerateKey(e.rand)
	if err != nil {
		return err
	}
	defer matcher.Wipe()
	vkey, err := signingKey(at("signing.key"), name, e)
	if err != nil {
		return err
	}
	if err := errors.Join(
		writeSecret(at("sealing.key"), sealingPrefix+scope.EncodeToken(seal)),
		writeSecret(at("matcher.key"), strings.TrimSuffix(string(matcher.Text()), "\n")),
	); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s\n", vkey)
	fmt.Fprintf(e.out, "captures are sealed to %s\n", matcher.Public())
	return adminToken(at("admin.token"), e)
}

// issuerRotate makes the key that follows another one. The overlap is a matter
// of how the service is started: see docs/issuer.md.
func issuerRotate(_ context.Context, args []string, e env) error {
	f := flags("issuer rotate", "-key FILE -out FILE", e)
	key := f.String("key", "", "file with the signing key of now")
	out := f.String("out", "", "file for the next one; must not exist")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *key == "" || *out == "" {
		f.Usage()
		return hint(f)
	}
	name, old, err := signerOf(*key)
	if err != nil {
		return err
	}
	vkey, err := signingKey(*out, name, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, `%s

1. start the issuer with -key %s -old-key %s: both sign, and its metadata name both
2. give the line above to everybody who pins %s
   and to its witnesses, which take both while you change
3. when all of them have it, start the issuer with -key %s alone, and destroy the old key
`, vkey, *out, *key, old, *out)
	return nil
}

// signerOf reads a signing key and tells whose it is.
func signerOf(path string) (name, vkey string, err error) {
	skey, err := readSecret(path)
	if err != nil {
		return "", "", err
	}
	bad := fmt.Errorf("%s does not hold a signing key", path)
	rest, ok := strings.CutPrefix(skey, "PRIVATE+KEY+")
	parts := strings.SplitN(rest, "+", 3) // name, hash, key; base64 may hold a plus
	if !ok || len(parts) != 3 {
		return "", "", bad
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return "", "", bad
	}
	defer clear(raw)
	again, vkey, err := setlog.GenerateKey(strings.NewReader(string(raw[1:])), parts[0])
	if err != nil || subtle.ConstantTimeCompare([]byte(again), []byte(skey)) != 1 {
		return "", "", bad
	}
	return parts[0], vkey, nil
}

// sealingKey reads the secret that templates are sealed under.
func sealingKey(path string) ([]byte, error) {
	line, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(line, sealingPrefix)
	b, err := scope.DecodeToken(text)
	if !ok || err != nil || len(b) != 32 {
		return nil, fmt.Errorf("%s does not hold a sealing key", path)
	}
	return b, nil
}

// deviceRoot reads CLASS=KEY.
func deviceRoot(text string) (capture.Root, error) {
	root, err := capture.ParseRoot(text)
	if err != nil {
		return root, fmt.Errorf("-device-root: %w", err)
	}
	return root, nil
}
