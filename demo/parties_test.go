package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/sdk/api"
)

// A child of this test binary is a party, as a child of the demo is.
func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(partyEnv); ok {
		if err := partyProcess(dir, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "party:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func partiesConfig(t *testing.T, crowd int) config {
	t.Helper()
	cfg := config{dir: filepath.Join(t.TempDir(), "var"), crowd: crowd, mpc: true}
	var err error
	if cfg.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Irises and faces are compared by three processes, before and after a restart;
// the issuer says so, and its folder has no key that opens a share.
func TestParties(t *testing.T) {
	cfg := partiesConfig(t, 3)
	out := &syncBuffer{}
	s := &story{cfg: cfg, out: out}
	t.Cleanup(func() {
		if s.stop != nil {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := crowdIsThere(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	info := s.world.issuer.Info()
	if info.Matcher != "mpc-3" || len(info.MatcherKeys) != 6 || !strings.Contains(info.MatcherNote, "any two of them") {
		t.Errorf("the issuer says of itself: %s %v %s", info.Matcher, info.MatcherKeys, info.MatcherNote)
	}
	enrol := func(persona uint64, want api.Code) {
		t.Helper()
		p, err := newPerson(s, "somebody", persona)
		if err != nil {
			t.Fatal(err)
		}
		if persona == 0 {
			p.face = pageSeals(aFace(), nil)
		}
		if e, err := p.enrol(t.Context()); err != nil || e.Code != want {
			t.Errorf("persona %d: %q %v, want %q", persona, e.Code, err, want)
		}
	}
	enrol(adaPersona, "")
	sealedFaces(t, s)
	again := func() {
		t.Helper()
		enrol(adaPersona, api.AlreadyEnrolled)
		enrol(0, api.AlreadyEnrolled)
	}
	again()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := os.Stat(filepath.Join(cfg.dir, "operator.key")); err == nil {
		t.Error("there is a key that opens templates")
	}
	for i := range 3 {
		for _, kind := range kinds() {
			if _, err := party.ReadKeys(filepath.Join(cfg.dir, fmt.Sprintf("party-%d", i), kind)); err != nil {
				t.Error(err)
			}
		}
	}
	g := s.world.compare.groups[capture.Face]
	if keys := s.world.issuer.Info().MatcherKeys; keys[3].Key != g.Parties[0].Seal {
		t.Errorf("published keys %v", keys)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	ownFolders(t, cfg.dir)
	plain := &story{cfg: cfg, out: out}
	plain.cfg.mpc = false
	if err := plain.start(t.Context()); err == nil || !strings.Contains(err.Error(), "-mpc") {
		t.Errorf("the folder with another matcher: %v", err)
	}
	if strings.Contains(out.String(), http.StatusText(http.StatusInternalServerError)) {
		t.Error(out.String())
	}
}

// ownFolders: what a party holds, its keys and the shares of everybody, stands in
// its own folder and in no other file of the demonstration.
func ownFolders(t *testing.T, dir string) {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path) // #nosec G304 -- the test's own folder
		files[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	only := func(folder, what string, secret []byte, want bool) {
		t.Helper()
		there := 0
		for path, b := range files {
			for _, form := range [][]byte{secret, []byte(base64.RawURLEncoding.EncodeToString(secret)), []byte(hex.EncodeToString(secret))} {
				switch at := bytes.Contains(b, form); {
				case at && strings.HasPrefix(path, folder+string(filepath.Separator)):
					there++
				case at:
					t.Errorf("%s holds %s of %s", path, what, folder)
				}
			}
		}
		if there > 0 != want {
			t.Errorf("%s of %s: there %t, want %t", what, folder, there > 0, want)
		}
	}
	for i := range 3 {
		for _, kind := range kinds() {
			folder := filepath.Join(dir, fmt.Sprintf("party-%d", i), kind)
			keys, err := party.ReadKeys(folder)
			if err != nil {
				t.Fatal(err)
			}
			secret := bytes.TrimSpace(files[filepath.Join(folder, "secret")])
			if len(secret) < 43 {
				t.Fatalf("%s has no secret", folder)
			}
			only(folder, "the secret", secret[len(secret)-43:], true)
			only(folder, "the link key", keys.Link.Seed(), false) // derived, and on no disk
			only(folder, "the sealing key", bytes.TrimSpace(keys.Seal.Text()), false)
			shares := files[filepath.Join(folder, "shares.0")]
			windows := 0
			for at := 4096; at+64 <= len(shares) && windows < 16; at += len(shares) / 37 / 64 * 64 {
				w := shares[at : at+64]
				if zeros := bytes.Count(w, []byte{0}); zeros > 8 { // not of a person
					continue
				}
				windows++
				only(folder, "a share", w, true)
			}
			if windows == 0 {
				t.Errorf("%s holds no shares", folder)
			}
		}
	}
}

// The whole story with three parties.
func TestStoryWithParties(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("PERHUMAN_LONG=1 plays the whole story over three parties")
	}
	var out bytes.Buffer
	if err := headless(t.Context(), partiesConfig(t, defaultCrowd), &out); err != nil || !strings.Contains(out.String(), "matcher mpc-3") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
