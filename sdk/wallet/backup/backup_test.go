package backup_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/wallet/backup"
)

// vectors are shared with the page: sdk/web/test/unit/backup.test.mjs reads the
// same file. Two of the files in it were sealed by the page, two by Go.
type vectors struct {
	Secrets []struct{ Secret, Code, Words string }
	Files   []struct {
		By, Passphrase string
		File           json.RawMessage
		Contents       backup.Contents
	}
	Books []struct {
		Secret, RP, Action string
		Start, Len         uint64
		Name               string
	}
}

func read(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	v := read(t)
	for _, s := range v.Secrets {
		secret := unhex(t, s.Secret)
		words, err := backup.Words(secret)
		if err != nil || strings.Join(words, " ") != s.Words {
			t.Errorf("words of %s: %v", s.Secret, err)
		}
		if code, err := backup.Code(secret); err != nil || code != s.Code {
			t.Errorf("code of %s: %v", s.Secret, err)
		}
	}
	for i, f := range v.Files {
		c, err := backup.Open(f.File, f.Passphrase)
		if err != nil || !reflect.DeepEqual(c, f.Contents) {
			t.Errorf("file %d, sealed by %s: %+v %v", i, f.By, c, err)
		}
	}
	for _, b := range v.Books {
		if name, err := backup.BookName(unhex(t, b.Secret), b.RP, b.Action, b.Start, b.Len); err != nil || name != b.Name {
			t.Errorf("book %s %s: %s %v", b.RP, b.Action, name, err)
		}
	}
	if len(v.Secrets) < 4 || len(v.Files) < 2 || len(v.Books) < 2 {
		t.Error("vectors are missing")
	}
}

// What people do to words: other case, numbers, only the first letters.
func TestWordsAsTyped(t *testing.T) {
	secret := make([]byte, backup.SecretSize)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	words, err := backup.Words(secret)
	if err != nil {
		t.Fatal(err)
	}
	short := slices.Clone(words)
	for i, w := range short {
		short[i] = w[:min(4, len(w))]
	}
	for _, text := range []string{
		strings.Join(words, " "), strings.ToUpper(strings.Join(words, "\n")), "1. " + strings.Join(words, ", 2. "), strings.Join(short, " "),
	} {
		if got, err := backup.ParseWords(text); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%v", err)
		}
	}
	wrong := func(change func(w []string) []string) error {
		_, err := backup.ParseWords(strings.Join(change(slices.Clone(words)), " "))
		return err
	}
	var at *backup.WordError
	if err := wrong(func(w []string) []string { w[6] = "zzzz"; return w }); !errors.As(err, &at) || at.Position != 7 || !errors.Is(err, backup.ErrMalformed) {
		t.Error(err)
	}
	if err := wrong(func(w []string) []string { return w[1:] }); !errors.Is(err, backup.ErrMalformed) {
		t.Error(err)
	}
	// Each word replaced by its neighbour in the list: the checksum sees it but
	// once in half a million.
	list := strings.Fields(backup.List)
	for i := range words {
		n := (slices.Index(list, words[i]) + 1) % len(list)
		if err := wrong(func(w []string) []string { w[i] = list[n]; return w }); !errors.Is(err, backup.ErrMistyped) {
			t.Errorf("word %d: %v", i+1, err)
		}
	}
	if _, err := backup.Words(secret[1:]); !errors.Is(err, backup.ErrUnsupported) {
		t.Error(err)
	}
}

func TestCodeAsTyped(t *testing.T) {
	for _, secret := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0, 17}, 16)} {
		code, err := backup.Code(secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", " "), strings.NewReplacer("0", "o", "-1", "-l").Replace(code)} {
			if got, err := backup.ParseCode(text); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("%s: %v", text, err)
			}
		}
		for i := 4; i < len(code)-1; i++ {
			b := []byte(code)
			if b[i] == '-' {
				continue
			}
			b[i] = map[bool]byte{true: '7', false: '8'}[b[i] != '7']
			if _, err := backup.ParseCode(string(b)); !errors.Is(err, backup.ErrMistyped) {
				t.Errorf("symbol %d: %v", i, err)
			}
		}
	}
	for _, bad := range []string{"", "PH1", "PH1-" + strings.Repeat("U", 55), strings.Repeat("0", 54)} {
		if _, err := backup.ParseCode(bad); !errors.Is(err, backup.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFile(t *testing.T) {
	c := backup.Contents{
		Created: 1_800_000_000, Pages: []backup.Page{{Name: "book/x", Until: 1, Used: []uint32{4, 0}}},
		Enrolments: []backup.Enrolment{{Issuer: "issuer.example/people+1+A", ID: "i", Receipt: "r", Enrolled: 2}},
		Receipts:   []backup.Receipt{{Issuer: "issuer.example/people+1+A", Kind: "veto", ID: "7", At: 3, Receipt: "v"}},
		History:    []backup.Act{{At: 3, RP: "forum.example", Action: "post", Kind: "per_epoch", Len: 86400, K: 5, Issuer: "issuer.example/people"}},
	}
	c.SetKey(bytes.Repeat([]byte{9}, 32))
	raw, err := backup.Seal(rand.Reader, "correct horse", c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := backup.Open(raw, "correct horse"); err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v %v", got, err)
	}
	if bytes.Contains(raw, []byte("forum")) || bytes.Contains(raw, []byte(c.Secret)) {
		t.Error("the file shows what it is to hide")
	}
	if _, err := backup.Open(raw, "correct horsf"); !errors.Is(err, backup.ErrPassphrase) {
		t.Error(err)
	}
	var f map[string]any
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"perhuman": "x", "version": 2, "kdf": "none", "rounds": 0, "salt": "A", "iv": "!", "sealed": "=="} {
		changed := map[string]any{}
		for k, v := range f {
			changed[k] = v
		}
		changed[name] = value
		raw, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Open(raw, "correct horse"); !errors.Is(err, backup.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Two wallets with a little and with a little more to tell are of one size.
	c.History = append(c.History, c.History[0], c.History[0])
	more, err := backup.Seal(rand.Reader, "correct horse", c)
	if err != nil || len(more) != len(raw) {
		t.Errorf("%d and %d bytes: %v", len(raw), len(more), err)
	}
	if _, err := backup.Seal(rand.Reader, "", c); err == nil {
		t.Error("a file without a passphrase")
	}
}
