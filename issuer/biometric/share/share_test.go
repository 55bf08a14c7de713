package share_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/share"
)

func context() share.Context {
	return share.Context{
		Audience: "issuer.example/people", Nonce: [32]byte{1, 2, 3}, Device: "virtual-0011223344556677",
		Party: 0, Eye: 1, IdentityCommitment: [32]byte{9, 8, 7},
	}
}

func testKey(t testing.TB, seed byte) *share.PrivateKey {
	t.Helper()
	key, err := share.GenerateKey(mrand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSealOpen(t *testing.T) {
	key := testKey(t, 1)
	for _, n := range []int{1, 131, 4809, 38400, share.MaxPayload} {
		payload := bytes.Repeat([]byte{0xa5}, n)
		sealed, commitment, err := share.Seal(rand.Reader, key.Public(), context(), payload)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != n+share.Overhead {
			t.Fatalf("sealed %d bytes into %d", n, len(sealed))
		}
		got, err := share.Open(key, context(), sealed, commitment)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("open: %v", err)
		}
	}
	for _, n := range []int{0, share.MaxPayload + 1} {
		if _, _, err := share.Seal(rand.Reader, key.Public(), context(), make([]byte, n)); !errors.Is(err, share.ErrSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A sealed share opens under its own context and under no other.
func TestContextBinds(t *testing.T) {
	key := testKey(t, 1)
	sealed, commitment, err := share.Seal(rand.Reader, key.Public(), context(), []byte("template"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*share.Context){
		"audience": func(c *share.Context) { c.Audience += "x" },
		"nonce":    func(c *share.Context) { c.Nonce[31] ^= 1 },
		"device":   func(c *share.Context) { c.Device = c.Device[1:] },
		"party":    func(c *share.Context) { c.Party = 1 },
		"eye":      func(c *share.Context) { c.Eye = 0 },
		"identity": func(c *share.Context) { c.IdentityCommitment[0] ^= 1 },
	} {
		c := context()
		change(&c)
		if _, err := share.Open(key, c, sealed, commitment); !errors.Is(err, share.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := share.Open(testKey(t, 2), context(), sealed, commitment); !errors.Is(err, share.ErrOpen) {
		t.Errorf("other key: %v", err)
	}
	commitment[0] ^= 1
	if _, err := share.Open(key, context(), sealed, commitment); !errors.Is(err, share.ErrOpen) {
		t.Errorf("other commitment: %v", err)
	}
	commitment[0] ^= 1
	for i := range sealed {
		sealed[i] ^= 0x40
		if _, err := share.Open(key, context(), sealed, commitment); err == nil {
			t.Errorf("byte %d changed, still opens", i)
		}
		sealed[i] ^= 0x40
	}
	for n := range sealed {
		if _, err := share.Open(key, context(), sealed[:n], commitment); !errors.Is(err, share.ErrOpen) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	for _, c := range []share.Context{{Device: "d"}, {Audience: "a"}, {Audience: strings.Repeat("a", 256), Device: "d"}} {
		if _, _, err := share.Seal(rand.Reader, key.Public(), c, []byte("x")); !errors.Is(err, share.ErrContext) {
			t.Errorf("context %v: %v", c, err)
		}
	}
}

// Points of small order would make the shared secret a constant.
func TestSmallOrderKeyRefused(t *testing.T) {
	for _, h := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	} {
		var pub share.PublicKey
		b, _ := hex.DecodeString(h)
		copy(pub[:], b)
		if _, _, err := share.Seal(rand.Reader, pub, context(), []byte("x")); !errors.Is(err, share.ErrKey) {
			t.Errorf("%s: %v", h, err)
		}
	}
}

func TestKeyText(t *testing.T) {
	key := testKey(t, 3)
	text := string(key.Text())
	back, err := share.ParsePrivateKey(text)
	if err != nil || !bytes.Equal(back.Text(), key.Text()) || back.Public() != key.Public() {
		t.Fatalf("private key: %v", err)
	}
	pub, err := share.ParsePublicKey(key.Public().String())
	if err != nil || pub != key.Public() {
		t.Fatalf("public key: %v", err)
	}
	for _, bad := range []string{"", text + "\n", " " + text, strings.ToUpper(text), text[:len(text)-2], key.Public().String(),
		"perhuman-party-secret-1:" + strings.Repeat("A", 43), "perhuman-party-secret-1:" + strings.Repeat("A", 42) + "B"} {
		if _, err := share.ParsePrivateKey(bad); !errors.Is(err, share.ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := share.ParsePublicKey(text); !errors.Is(err, share.ErrKey) {
		t.Errorf("a secret read as a public key: %v", err)
	}
}

// T26: no verb prints the secret, and a wiped key holds none.
func TestT26SecretStaysIn(t *testing.T) {
	key := testKey(t, 4)
	text := string(key.Text())
	secret := strings.TrimSpace(text[strings.IndexByte(text, ':')+1:])
	raw, err := share.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, v := range []any{key, *key, []*share.PrivateKey{raw}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, secret[:17]) || !strings.Contains(out, "perhuman-party-1:") && verb != "%d" && !strings.Contains(out, "0x") {
				t.Errorf("%s prints %s", verb, out)
			}
		}
	}
	key.Wipe()
	if strings.Contains(string(key.Text()), secret) {
		t.Error("wiped key still holds the secret")
	}
	if _, err := share.Open(key, context(), make([]byte, 200), [32]byte{}); !errors.Is(err, share.ErrWiped) {
		t.Errorf("wiped key opens: %v", err)
	}
}

type golden struct {
	Key        string `json:"key"`
	Audience   string `json:"audience"`
	Nonce      string `json:"nonce"`
	Device     string `json:"device"`
	Party      uint8  `json:"party"`
	Eye        uint8  `json:"eye"`
	Identity   string `json:"identity_commitment"`
	AAD        string `json:"aad"`
	Payload    string `json:"payload"`
	Sealed     string `json:"sealed"`
	Commitment string `json:"commitment"`
}

const goldenFile = "testdata/sealed.json"

// What was sealed once must open for ever: the committed ciphertext freezes the
// suite, info, aad and commitment.
func TestGolden(t *testing.T) {
	if os.Getenv("PERHUMAN_WRITE_GOLDEN") != "" {
		writeGolden(t)
	}
	raw, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	key, err := share.ParsePrivateKey(g.Key)
	if err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c := share.Context{
		Audience: g.Audience, Nonce: [32]byte(unhex(g.Nonce)), Device: g.Device,
		Party: g.Party, Eye: g.Eye, IdentityCommitment: [32]byte(unhex(g.Identity)),
	}
	aad, err := c.AAD()
	if err != nil || hex.EncodeToString(aad) != g.AAD {
		t.Fatalf("aad %x, %v", aad, err)
	}
	got, err := share.Open(key, c, unhex(g.Sealed), [32]byte(unhex(g.Commitment)))
	if err != nil || hex.EncodeToString(got) != g.Payload {
		t.Fatalf("open %x, %v", got, err)
	}
}

func writeGolden(t *testing.T) {
	key, c, payload := testKey(t, 7), context(), []byte("not a template")
	sealed, commitment, err := share.Seal(mrand.NewChaCha8([32]byte{8}), key.Public(), c, payload)
	if err != nil {
		t.Fatal(err)
	}
	aad, _ := c.AAD()
	out, _ := json.MarshalIndent(golden{
		strings.TrimSpace(string(key.Text())), c.Audience, hex.EncodeToString(c.Nonce[:]), c.Device, c.Party, c.Eye,
		hex.EncodeToString(c.IdentityCommitment[:]), hex.EncodeToString(aad), hex.EncodeToString(payload),
		hex.EncodeToString(sealed), hex.EncodeToString(commitment[:]),
	}, "", "  ")
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile, append(out, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzOpen(f *testing.F) {
	key := testKey(f, 1)
	sealed, commitment, err := share.Seal(rand.Reader, key.Public(), context(), []byte("template"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, commitment[:])
	f.Fuzz(func(t *testing.T, b, c []byte) {
		var commit [32]byte
		copy(commit[:], c)
		got, err := share.Open(key, context(), b, commit)
		if err != nil && got != nil {
			t.Fatal("an error and a payload")
		}
		if err == nil && !bytes.Equal(got, []byte("template")) {
			t.Fatal("opened something that was never sealed")
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(string(testKey(f, 1).Text()))
	f.Add(testKey(f, 1).Public().String())
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := share.ParsePublicKey(s); err == nil && p.String() != s {
			t.Fatalf("public %q comes back as %q", s, p)
		}
		k, err := share.ParsePrivateKey(s)
		if err == nil && strings.TrimSuffix(string(k.Text()), "\n") != strings.TrimSuffix(s, "\n") {
			t.Fatal("private key comes back different")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	key, payload := testKey(b, 1), make([]byte, 2406)
	for b.Loop() {
		if _, _, err := share.Seal(rand.Reader, key.Public(), context(), payload); err != nil {
			b.Fatal(err)
		}
	}
}
