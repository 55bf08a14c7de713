package setlog_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestEntryRefuses(t *testing.T) {
	good := setlog.Entry{Op: setlog.OpEnrol, Seq: 1, Commitment: setlogtest.Commitment("a"), Biometric: [32]byte{1}, Root: setlogtest.Commitment("r"), Live: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	over := semaphore.Element{}
	for i := range over {
		over[i] = 0xff
	}
	for name, bend := range map[string]func(e *setlog.Entry){
		"op 0":               func(e *setlog.Entry) { e.Op = 0 },
		"op 8":               func(e *setlog.Entry) { e.Op = 8 },
		"seq 0":              func(e *setlog.Entry) { e.Seq = 0 },
		"seq huge":           func(e *setlog.Entry) { e.Seq = 1 << 63 },
		"index huge":         func(e *setlog.Entry) { e.LeafIndex = 1 << 32 },
		"live huge":          func(e *setlog.Entry) { e.Live = 1<<32 + 1 },
		"commitment 0":       func(e *setlog.Entry) { e.Commitment = semaphore.Element{} },
		"commitment >= r":    func(e *setlog.Entry) { e.Commitment = over },
		"root >= r":          func(e *setlog.Entry) { e.Root = over },
		"document":           func(e *setlog.Entry) { e.Document = [32]byte{1} },
		"removal, biometric": func(e *setlog.Entry) { e.Op = setlog.OpRemove },
		"policy, commitment": func(e *setlog.Entry) { e.Op = setlog.OpPolicy; e.Biometric = [32]byte{} },
		"policy, leaf":       func(e *setlog.Entry) { *e = setlog.Entry{Op: setlog.OpPolicy, Seq: 1, LeafIndex: 1} },
	} {
		e := good
		bend(&e)
		if _, err := e.MarshalBinary(); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, _ := good.MarshalBinary()
	for name, raw := range map[string][]byte{
		"empty": nil, "short": b[:125], "long": append(slices.Clone(b), 0), "version": append([]byte{2}, b[1:]...),
	} {
		if _, err := setlog.ParseEntry(raw); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"issuer.example", "issuer.example/people", "issuer.localhost:8080", "a.example/x/y_z-1.2", "localhost"} {
		if err := setlog.ValidateName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "/", "issuer.example/", "/people", "a//b", "a/../b", "a/.", "Issuer.example", "issuer example", "a+b", "a:b", "a:0", "a:99999", "a:08", "a:80:80",
		".example", "example.", "a..b", "a/b:1", "issuér.example", "https://issuer.example", "a?b", "a#b", "a\nb", strings.Repeat("a", 256),
	} {
		if err := setlog.ValidateName(name); !errors.Is(err, setlog.ErrKey) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	skey, vkey, err := setlog.GenerateKey(setlogtest.Seed("x"), "issuer.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := setlog.GenerateKey(strings.NewReader("short"), "issuer.example"); err == nil {
		t.Error("a short read made a key")
	}
	if _, _, err := setlog.GenerateKey(setlogtest.Seed("x"), "Not A Name"); !errors.Is(err, setlog.ErrKey) {
		t.Error("name taken", err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := setlog.ParseVKey(vkey)
	if err != nil || v.Name() != signer.Name() || v.KeyHash() != signer.KeyHash() {
		t.Fatal(err)
	}
	sig, _ := signer.Sign([]byte("m\n"))
	if !v.Verify([]byte("m\n"), sig) {
		t.Error("signature")
	}
	if pub, err := setlog.PublicKey(vkey); err != nil || len(pub) != 32 {
		t.Error(err)
	}
	parts := strings.SplitN(vkey, "+", 3)
	for _, bad := range []string{
		"", "a", "a+b", skey, vkey + "=", vkey + "A", strings.ToUpper(vkey), parts[0] + "+" + strings.ToUpper(parts[1]) + "+" + parts[2] + "",
		"other.example+" + parts[1] + "+" + parts[2], parts[0] + "+00000000+" + parts[2], " " + vkey, vkey + "\n",
	} {
		if bad == vkey {
			continue // a hash of digits only has no upper case
		}
		if _, err := setlog.ParseVKey(bad); !errors.Is(err, setlog.ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestEveryByteCounts flips each byte of a signed head and of a root proof; none
// may still be accepted.
func TestEveryByteCounts(t *testing.T) {
	is := goldenIssuer(t)
	head := is.Head(1_790_001_203)
	for i := range head {
		bent := slices.Clone(head)
		bent[i] ^= 1
		if h, err := setlog.OpenHead(bent, is.Verifier); err == nil {
			t.Fatalf("byte %d flipped: %+v", i, h)
		}
	}
	text, err := is.Proof(2).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		bent := slices.Clone(text)
		bent[i] ^= 1
		p, err := setlog.ParseRootProof(bent)
		if err != nil {
			continue
		}
		if _, _, err := p.Verify(is.Verifier); err == nil {
			t.Fatalf("byte %d flipped: proof accepted", i)
		}
	}
}

func TestRootProofRefuses(t *testing.T) {
	is := goldenIssuer(t)
	text, _ := is.Proof(2).MarshalText()
	for name, bend := range map[string]func(string) string{
		"no extra":       func(s string) string { return cutLine(s, "extra ") },
		"no index":       func(s string) string { return cutLine(s, "index ") },
		"leading zero":   func(s string) string { return strings.Replace(s, "index 2", "index 02", 1) },
		"plus":           func(s string) string { return strings.Replace(s, "index 2", "index +2", 1) },
		"huge index":     func(s string) string { return strings.Replace(s, "index 2", "index 9223372036854775807", 1) },
		"CRLF":           func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"other version":  func(s string) string { return strings.Replace(s, "@v1", "@v2", 1) },
		"trailing line":  func(s string) string { return s + "x\n" },
		"no newline":     func(s string) string { return strings.TrimSuffix(s, "\n") },
		"two blanks":     func(s string) string { return strings.Replace(s, "\n\n", "\n\n\n", 1) },
		"long":           func(s string) string { return s + strings.Repeat("a", 80<<10) },
		"twice the sig":  func(s string) string { i := strings.LastIndex(s, "— "); return s + s[i:] },
		"padding bits":   func(s string) string { return strings.Replace(s, "=\n\n", "=\n\n", 1)[:len(s)-3] + "x=\n" },
		"extension line": func(s string) string { return strings.Replace(s, "\n\n—", "\nmore\n\n—", 1) },
		"empty":          func(string) string { return "" },
	} {
		if _, err := setlog.ParseRootProof([]byte(bend(string(text)))); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := is.Proof(2)
	other := setlogtest.New(t, "other.example")
	if _, _, err := p.Verify(other.Verifier); !errors.Is(err, setlog.ErrSignature) {
		t.Error("other issuer's key", err)
	}
	p.Index = 1
	if _, _, err := p.Verify(is.Verifier); !errors.Is(err, setlog.ErrProof) {
		t.Error("other index", err)
	}
	// Hostile sizes must not make tlog's index arithmetic loop.
	for _, size := range []string{"4611686018427387905", "9223372036854775807", "1099511627777"} {
		signed, err := note.Sign(&note.Note{Text: is.Name + "\n" + size + "\n" + is.Tree(5).Hash.String() + "\n"}, is.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setlog.OpenCheckpoint(signed, is.Verifier); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("size %s: %v", size, err)
		}
	}
}

func cutLine(s, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestT52Signatures: signatures by unknown keys are ignored, a wrong one by the
// known key is not, a name alone is not enough.
func TestT52Signatures(t *testing.T) {
	is := goldenIssuer(t)
	witness := setlogtest.New(t, "witness.example")
	cp, err := setlog.OpenCheckpoint(is.Checkpoints[5], is.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := cp.Sign(is.Signer, witness.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setlog.OpenCheckpoint(cosigned, is.Verifier); err != nil {
		t.Error("cosigned:", err)
	}
	p := is.Proof(4)
	p.Checkpoint = cosigned
	if text, err := p.MarshalText(); err != nil {
		t.Error(err)
	} else if q, err := setlog.ParseRootProof(text); err != nil || !bytes.Equal(q.Checkpoint, cosigned) {
		t.Error("cosigned proof:", err)
	}
	if _, err := setlog.OpenCheckpoint(cosigned, setlogtest.New(t, "stranger.example").Verifier); !errors.Is(err, setlog.ErrSignature) {
		t.Error("stranger:", err)
	}
	// Same name, other key: the hash in the signature line differs.
	skey, _, _ := setlog.GenerateKey(setlogtest.Seed("another key"), is.Name)
	impostor, _ := note.NewSigner(skey)
	forged, _ := cp.Sign(impostor)
	if _, err := setlog.OpenCheckpoint(forged, is.Verifier); !errors.Is(err, setlog.ErrSignature) {
		t.Error("impostor:", err)
	}
	// The known key's line with a signature of other text.
	lines := strings.Split(string(is.Checkpoints[2]), "\n")
	bad := cp.Text() + "\n" + lines[len(lines)-2] + "\n"
	if _, err := setlog.OpenCheckpoint([]byte(bad), is.Verifier); !errors.Is(err, setlog.ErrSignature) {
		t.Error("wrong signature by the known key:", err)
	}
	if _, err := cp.Sign(witness.Signer); !errors.Is(err, setlog.ErrKey) {
		t.Error("signed under another name:", err)
	}
	// A checkpoint's signature is not a head's, nor the other way round.
	if _, err := setlog.OpenHead(is.Checkpoints[5], is.Verifier); err == nil {
		t.Error("checkpoint taken as head")
	}
	if _, err := setlog.OpenCheckpoint(is.Head(1_790_001_203), is.Verifier); err == nil {
		t.Error("head taken as checkpoint")
	}
}

// TestHeadRefuses signs heads that contradict themselves, as an issuer's own key
// could.
func TestHeadRefuses(t *testing.T) {
	is := goldenIssuer(t)
	text, err := is.UnsignedHead(1_790_001_203).Text()
	if err != nil {
		t.Fatal(err)
	}
	root := is.Group.Root().String()
	sub := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("no %q in head", old)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	for name, c := range map[string]struct {
		bend func(string) string
		want error
	}{
		"other origin":         {sub("head/1 issuer", "head/1 other"), setlog.ErrHead},
		"no origin":            {sub("head/1 issuer.example/people", "head/1 "), setlog.ErrMalformed},
		"other version":        {sub("head/1", "head/2"), setlog.ErrMalformed},
		"T54 root not logged":  {sub("root "+root, "root 5"), setlog.ErrHead},
		"root + r":             {sub("root "+root, "root 21888242871839275222246405745257275088548364400416034343698204186575808495618"), setlog.ErrMalformed},
		"root leading zero":    {sub("root "+root, "root 0"+root), setlog.ErrMalformed},
		"seq not logged":       {sub("seq 3", "seq 4"), setlog.ErrHead},
		"live not logged":      {sub("live 2", "live 1"), setlog.ErrHead},
		"live above size":      {sub("live 2", "live 4"), setlog.ErrHead},
		"depth":                {sub("depth 2", "depth 3"), setlog.ErrHead},
		"size above depth":     {sub("size 3", "size 5"), setlog.ErrHead},
		"min_valid above seq":  {sub("min_valid_seq 2", "min_valid_seq 4"), setlog.ErrHead},
		"window count":         {sub("window 2", "window 1"), setlog.ErrMalformed},
		"window above":         {sub("\n2 ", "\n3 "), setlog.ErrHead},
		"window after issue":   {sub(" 1790001200\n", " 1790009999\n"), setlog.ErrHead},
		"window spaces":        {sub("\n2 ", "\n2  "), setlog.ErrMalformed},
		"window huge":          {sub("window 2", "window 1000000"), setlog.ErrMalformed},
		"issued negative":      {sub("issued ", "issued -"), setlog.ErrMalformed},
		"issued huge":          {sub("issued ", "issued 9999999999"), setlog.ErrMalformed},
		"line order":           {sub("seq 3\nsize 3\n", "size 3\nseq 3\n"), setlog.ErrMalformed},
		"extra line":           {sub("depth 2\n", "depth 2\nmore 1\n"), setlog.ErrMalformed},
		"proof of other entry": {sub("index 4", "index 3"), setlog.ErrHead},
	} {
		bent := c.bend(text)
		signed, err := note.Sign(&note.Note{Text: bent}, is.Signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setlog.OpenHead(signed, is.Verifier); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := is.UnsignedHead(1_790_001_203)
	h.Live++
	if _, err := h.Sign(is.Signer); !errors.Is(err, setlog.ErrHead) {
		t.Error("Sign takes a contradiction:", err)
	}
}
