package party

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// testGroup makes three folders and their group.
func testGroup(t testing.TB, compare string) (g Group, dirs [3]string) {
	t.Helper()
	public, front, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	g = Group{Version: 1, Issuer: "issuer.example", Compare: compare, Front: wire.PinOf(front).String(), Virtual: true, Roots: []string{capture.VirtualRoot(public).String()}}
	for i := range dirs {
		dirs[i] = filepath.Join(t.TempDir(), "party")
		if g.Parties[i], err = CreateFolder(dirs[i], "a.example:1", rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return g, dirs
}

func FuzzParseGroup(f *testing.F) {
	g, _ := testGroup(f, Face)
	b, err := json.Marshal(g)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytes.Replace(b, []byte(`"face"`), []byte(`"voice"`), 1))
	f.Add([]byte(`{"v":1}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGroup(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ParseGroup(again)
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := g.Digest()
		two, err2 := other.Digest()
		if err1 != nil || err2 != nil || one != two {
			t.Errorf("%x %x %v %v", one, two, err1, err2)
		}
	})
}

func FuzzParseSecret(f *testing.F) {
	line, err := NewSecret(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(line + "\n")
	f.Add(line[:40] + "\n" + line[40:])
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseSecret(line)
		if err != nil {
			return
		}
		if strings.Count(line, "\n") > 1 || len(strings.TrimSuffix(line, "\n")) != len(secretPrefix)+43 {
			t.Errorf("%q is a secret", line)
		}
		k.Seal.Wipe()
	})
}

func FuzzParseRoot(f *testing.F) {
	f.Add(capture.VirtualRoot(make([]byte, 32)).String())
	f.Add("lab=" + strings.Repeat("A", 44))
	f.Add("=")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := capture.ParseRoot(text)
		if err != nil {
			return
		}
		if again, err := capture.ParseRoot(r.String()); err != nil || again.Class != r.Class {
			t.Errorf("%q: %v %v", text, again, err)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	m := mpc.Faces()
	f.Add(header(1, m, mpc.Epoch{Number: 7}))
	f.Add(header(2, m, mpc.Epoch{}))
	f.Add([]byte(sharesHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseHeader(b, 1, m); err == nil && !bytes.Equal(b, header(1, m, e)) {
			t.Error("two headers of one epoch")
		}
	})
}

// Whatever a share file holds: it is read or refused, and what is read has its
// checksum.
func FuzzRecords(f *testing.F) {
	m := mpc.Faces()
	s, err := CreateShares(filepath.Join(f.TempDir(), "shares"), 1, m, mpc.Epoch{})
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Write(0, make([]uint16, m.Words()), false); err != nil {
		f.Fatal(err)
	}
	b, err := s.at(0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(b), uint8(0))
	f.Add(bytes.Clone(b), uint8(1))
	f.Add(bytes.Clone(b[:100]), uint8(0))
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	record, _, _ := layout(m.Words())
	f.Fuzz(func(t *testing.T, b []byte, place uint8) {
		b = append(b, make([]byte, record)...)[:record]
		if checkRecord(b, m.Words(), int(place)) != nil {
			return
		}
		b[int(place)%(2*m.Words())] ^= 1
		if checkRecord(b, m.Words(), int(place)) == nil {
			t.Error("a flipped bit is not seen")
		}
	})
}

func FuzzCheckReceipt(f *testing.F) {
	g, dirs := testGroup(f, Face)
	keys, err := ReadKeys(dirs[2])
	if err != nil {
		f.Fatal(err)
	}
	digest, err := g.Digest()
	if err != nil {
		f.Fatal(err)
	}
	good := Receipt{Party: 2, Serial: mpc.Serial{1}, Place: 3, At: 4}.sign(keys.Receipt, digest)
	f.Add(good)
	f.Add(good[:ReceiptSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := CheckReceipt(b, g); err == nil && !bytes.Equal(b, good) {
			t.Error("a receipt that nobody signed")
		}
	})
}

// Any control message has an answer that is one JSON object, and only the status
// of a refusal.
func FuzzControl(f *testing.F) {
	g, dirs := testGroup(f, Face)
	folder, err := OpenFolder(dirs[0], g, time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = folder.Close() })
	s, err := NewServer(folder, Options{Now: time.Now, Rand: rand.Reader, Timeout: 10 * time.Millisecond})
	if err != nil {
		f.Fatal(err)
	}
	web := s.handler()
	group := base64.RawURLEncoding.EncodeToString(folder.group.digest[:])
	names := []string{"status", "begin", "void", "check", "match", "find", "commit", "free", "roll"}
	for i := range names {
		f.Add(uint8(i), []byte(`{"serial":"AAAAAAAAAAAAAAAAAAAAAA==","serials":["AAAAAAAAAAAAAAAAAAAAAA=="],"number":9,"place":-1}`))
		f.Add(uint8(i), []byte(`{}`))
	}
	f.Add(uint8(1), []byte(`{"serial":"AAAAAAAAAAAAAAAAAAAAAA==","envelope":"AAAA"}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/v1/"+names[int(which)%len(names)], bytes.NewReader(body))
		r.Header.Set(groupHeader, group)
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || (w.Code == http.StatusOK) != (a.Code == "") {
			t.Errorf("%d %s %v", w.Code, w.Body, err)
		}
		if a.Code == "internal" {
			t.Errorf("%s", w.Body)
		}
	})
}

// What a folder must not be opened with, and what is said of it.
func TestRefusedFolders(t *testing.T) {
	g, dirs := testGroup(t, Face)
	other, otherDirs := testGroup(t, Face)
	irises := g
	irises.Compare = Iris
	open := func(dir string, g Group) error {
		f, err := OpenFolder(dir, g, time.Unix(1, 0))
		if err == nil {
			err = f.Close()
		}
		return err
	}
	copyOf := func(t *testing.T, dir string) string {
		to := filepath.Join(t.TempDir(), "party")
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(to, "secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	// Party 0 has three people, the second of whom is gone.
	f, err := OpenFolder(dirs[0], g, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		words := make([]uint16, f.group.modality.Words())
		words[0] = uint16(n) + 1
		if err := f.begin(mpc.Serial{byte(n)}, mpc.Capture{byte(n)}, n, words); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := f.free(mpc.Serial{1}, 5); err != nil {
		t.Fatal(err)
	}
	if err := open(dirs[0], g); !is(err, ErrLocked) {
		t.Errorf("two processes: %v", err)
	}
	if _, err := Inspect(dirs[0], g, false); !is(err, ErrLocked) {
		t.Errorf("looked at while in use: %v", err)
	}
	at := f.shares.offset(2)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(dirs[1], g); err != nil {
		t.Fatal(err)
	}
	flip := func(name string, at int64) func(string) error {
		return func(dir string) error {
			file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }()
			b := make([]byte, 1)
			if _, err := file.ReadAt(b, at); err != nil {
				return err
			}
			b[0] ^= 4
			_, err = file.WriteAt(b, at)
			return err
		}
	}
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
	}
	from := func(dir, name string) func(string) error {
		return func(to string) error {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
	}
	for name, c := range map[string]struct {
		do   func(dir string) error
		with Group
		want error // nil: it opens
		says string
	}{
		"as it is":                        {nil, g, nil, ""},
		"another group":                   {nil, other, ErrGroup, "no party of it"},
		"another modality":                {nil, irises, ErrShares, "something else"},
		"another folder's secret":         {from(otherDirs[0], "secret"), g, ErrGroup, ""},
		"the secret of party 1":           {from(dirs[1], "secret"), g, ErrShares, "another party"},
		"a secret that others may read":   {func(dir string) error { return os.Chmod(filepath.Join(dir, "secret"), 0o640) }, g, ErrFolder, "chmod 600"},
		"no secret":                       {remove("secret"), g, ErrFolder, "secret"},
		"no mark":                         {remove("mark"), g, ErrFolder, "mark"},
		"no roll":                         {remove("roll"), g, ErrFolder, "roll is missing"},
		"no shares":                       {remove("shares.0"), g, ErrFolder, "0 share files"},
		"an epoch beside it":              {func(dir string) error { return os.Link(filepath.Join(dir, "shares.0"), filepath.Join(dir, "shares.1")) }, g, ErrFolder, "epoch 0 in the share file of epoch 1"},
		"shares of party 1":               {from(dirs[1], "shares.0"), g, ErrShares, "another party"},
		"a share file cut to its head":    {func(dir string) error { return os.Truncate(filepath.Join(dir, "shares.0"), headSize) }, g, ErrShares, "place 0"},
		"a flipped bit of a person":       {flip("shares.0", at+20), g, ErrShares, "place 2"},
		"a flipped bit of who is gone":    {flip("shares.0", at-500), g, nil, ""}, // overwritten again
		"a flipped bit in the head":       {flip("shares.0", 30), g, ErrShares, "header"},
		"a flipped bit in the mark":       {flip("mark", 9), g, ErrFolder, "mark"},
		"a flipped bit in the roll":       {flip("roll", 40), g, ErrFolder, "change 0"},
		"a roll whose end was half there": {func(dir string) error { return appendTo(filepath.Join(dir, "roll"), 40) }, g, nil, ""},
		"a share file that is being made": {func(dir string) error { return appendTo(filepath.Join(dir, "shares.1.new"), 9) }, g, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, dirs[0])
			if c.do != nil {
				if err := c.do(dir); err != nil {
					t.Fatal(err)
				}
			}
			in, looked := Inspect(dir, c.with, true)
			if fault := errorsOf(in, looked); !is(fault, c.want) || fault != nil && !strings.Contains(fault.Error(), c.says) {
				t.Errorf("looked at: %v", fault)
			}
			err := open(dir, c.with)
			if !is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("opened: %v", err)
			}
		})
	}
}
