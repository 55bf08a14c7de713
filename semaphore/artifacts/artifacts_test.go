package artifacts

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// aggregate is the pin of all 96 files: the SHA-256 of their digests, depth
// ascending, for each depth zkey, wasm, json (spec semaphore-v4 section 5).
const aggregate = "bc4e497c0d561164bf76ea379a15f650f96aa2a59947a018995e372b90463546"

func TestPinsAreTheKnownSet(t *testing.T) {
	all := sha256.New()
	for d := 1; d <= MaxDepth; d++ {
		for _, kind := range []string{"zkey", "wasm", "json"} {
			pin, ok := Pin(fmt.Sprintf("semaphore-%d.%s", d, kind))
			if !ok {
				t.Fatalf("no pin for depth %d %s", d, kind)
			}
			all.Write(pin[:])
		}
	}
	if got := hex.EncodeToString(all.Sum(nil)); got != aggregate {
		t.Errorf("aggregate %s, want %s", got, aggregate)
	}
	for _, name := range []string{"", "semaphore-0.zkey", "semaphore-33.json", "semaphore-20", "semaphore-20.zkey "} {
		if _, ok := Pin(name); ok {
			t.Errorf("%q has a pin", name)
		}
	}
}

// official gives the folder of the npm package, which `npm ci` in sdk/web
// installs.
func official(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "sdk", "web", "node_modules", "@zk-kit", "semaphore-artifacts")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the npm packages of sdk/web are not installed: %v", err)
		}
		t.Skipf("the npm packages of sdk/web are not installed: %v", err)
	}
	return dir
}

// TestOfficialFilesMatchPins hashes all 96 files of the npm package.
func TestOfficialFilesMatchPins(t *testing.T) {
	dir := official(t)
	for d := 1; d <= MaxDepth; d++ {
		for _, kind := range []string{"zkey", "wasm", "json"} {
			name := fmt.Sprintf("semaphore-%d.%s", d, kind)
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if pin, _ := Pin(name); sha256.Sum256(data) != pin {
				t.Errorf("%s does not match its pin", name)
			}
			if kind == "json" && !bytes.Equal(VerifyingKeyJSON(d), data) {
				t.Errorf("embedded key of depth %d differs from %s", d, name)
			}
		}
	}
}

func deflate(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestDamagedArchive: whatever is wrong with the embedded keys, there are none.
func TestDamagedArchive(t *testing.T) {
	good, err := io.ReadAll(flate.NewReader(bytes.NewReader(archive)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(deflate(t, good)); err != nil {
		t.Fatal(err)
	}
	const head = 4 * MaxDepth
	first := int(binary.BigEndian.Uint32(good))
	for name, edit := range map[string]func(b []byte) []byte{
		"a digit of a key":      func(b []byte) []byte { b[head+first/2] ^= 1; return b },
		"the last byte":         func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a length":              func(b []byte) []byte { b[3]++; return b },
		"a huge length":         func(b []byte) []byte { b[head-4] = 0xff; return b },
		"no last key":           func(b []byte) []byte { return b[:len(b)-100] },
		"more after the keys":   func(b []byte) []byte { return append(b, 0) },
		"nothing":               func([]byte) []byte { return nil },
		"one key in two places": func(b []byte) []byte { copy(b[4:8], b[:4]); copy(b[head+first:], b[head:head+first]); return b },
		"a key and spaces": func(b []byte) []byte {
			b[3]++
			return append(b[:head+first:head+first], append([]byte(" "), b[head+first:]...)...)
		},
	} {
		if keys, err := unpack(deflate(t, edit(bytes.Clone(good)))); !errors.Is(err, ErrCorrupt) || keys != nil {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
	for at := 0; at < len(archive); at += 997 { // of the compressed bytes
		bad := bytes.Clone(archive)
		bad[at] ^= 0x10
		if keys, err := unpack(bad); !errors.Is(err, ErrCorrupt) || keys != nil {
			t.Errorf("byte %d: %d keys, %v", at, len(keys), err)
		}
	}
}

// TestArchive rebuilds keys.flate when PERHUMAN_UPDATE=1 and otherwise checks
// that it unpacks to 32 pinned keys.
func TestArchive(t *testing.T) {
	if os.Getenv("PERHUMAN_UPDATE") == "1" {
		dir := official(t)
		var lengths, files []byte
		for d := 1; d <= MaxDepth; d++ {
			data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("semaphore-%d.json", d)))
			if err != nil {
				t.Fatal(err)
			}
			lengths = binary.BigEndian.AppendUint32(lengths, uint32(len(data)))
			files = append(files, data...)
		}
		if err := os.WriteFile("keys.flate", deflate(t, append(lengths, files...)), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("keys.flate written; run again without PERHUMAN_UPDATE")
	}
	keys, err := VerifyingKeys()
	if err != nil || len(keys) != MaxDepth {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if VerifyingKeyJSON(0) != nil || VerifyingKeyJSON(33) != nil || VerifyingKeyJSON(-1) != nil {
		t.Error("a key for a depth that does not exist")
	}
	k := VerifyingKeyJSON(20)
	k[0] ^= 1
	if bytes.Equal(k, VerifyingKeyJSON(20)) {
		t.Error("VerifyingKeyJSON shares its bytes")
	}
}
