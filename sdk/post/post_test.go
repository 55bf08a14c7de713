package post_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

func TestHonestBundle(t *testing.T) {
	w, p := honest(t)
	r := post.Check(bundle(t, p), w.config())
	if !r.OK || r.Time != post.Proven || r.Cap != post.Proven || len(r.Reasons)+len(r.Notes) > 0 {
		t.Fatalf("%+v", r)
	}
	if r.Issuer != "issuer.example/people" || r.SetSize != 20 || r.RootSeq != 1 || r.LogSize != 20 || r.EntryDay != "2026-09-21" ||
		r.Slot != 2 || r.K != 5 || r.AcceptedAt != t0+5 || r.RP != rp || r.Author != "ada" || r.Nullifier != p.Proof.Nullifier.String() {
		t.Errorf("%+v", r)
	}
	raw, err := json.Marshal(r)
	if err != nil || !bytes.Contains(raw, []byte(`"ok":true,"time":"proven","cap":"proven","reasons":[],"notes":[]`)) {
		t.Error(string(raw), err)
	}
}

// TestWhatIsUnproven: what only the site can attest is said to be unproven when
// the attestation is not there, and nothing else changes.
func TestWhatIsUnproven(t *testing.T) {
	w, p := honest(t)
	cfg := w.config()
	check := func(name string, b post.Bundle, cfg post.CheckConfig, note post.Code) {
		t.Helper()
		r := post.Check(b, cfg)
		if !r.OK || r.Time != post.Unproven || r.Cap != post.Unproven || !r.Has(note) || len(r.Reasons) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	b := bundle(t, p)
	b.Receipt = nil
	check("no receipt", b, cfg, post.ReceiptMissing)
	cfg.RPKeys = nil
	check("no key of the site", bundle(t, p), cfg, post.ReceiptUnchecked)
	cfg = w.config()
	cfg.MaxK, cfg.RP, cfg.Action = 0, "", ""
	if r := post.Check(bundle(t, p), cfg); !r.OK || r.Cap != post.Proven {
		t.Errorf("k not known to the reader: %+v", r)
	}
	// The token may be dropped: its digest is enough for the proof.
	b = bundle(t, p)
	b.Challenge = nil
	if r := post.Check(b, w.config()); !r.OK || r.Time != post.Proven {
		t.Errorf("digest only: %+v", r)
	}
	if raw, err := b.MarshalJSON(); err != nil || !bytes.Contains(raw, []byte(`"challenge_digest":"`)) {
		t.Error(err)
	} else if c, err := post.Parse(raw); err != nil || c.ChallengeDigest != b.ChallengeDigest {
		t.Error(err)
	}
}

// TestAltered changes one thing in an honest bundle at a time; the report names
// it.
func TestAltered(t *testing.T) {
	w, p := honest(t)
	stranger := setlogtest.New(t, "stranger.example")
	stranger.Anchor(t0, []string{"x"})
	grown := newWorld(t)
	grown.is.Anchor(t0, []string{"later"})
	_, otherKey, _ := ed25519.GenerateKey(setlogtest.Seed("other"))
	resign := func(b *post.Bundle, seq, at uint64) {
		r := post.SignReceipt(b.Proof, seq, at, w.key)
		b.Receipt = &r
	}
	token := func(content scope.Digest, rp, action string, key ed25519.PrivateKey) []byte {
		c, err := scope.ParseChallenge(p.Challenge)
		if err != nil {
			t.Fatal(err)
		}
		c.Content, c.RP, c.Action = content, scope.HashString(rp), scope.HashString(action)
		return c.Sign(key)
	}
	content, _ := p.Post.Digest()
	for _, c := range []struct {
		name string
		bend func(b *post.Bundle, cfg *post.CheckConfig)
		want post.Code
	}{
		{"text", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Text += "!" }, post.TextAltered},
		{"text, without token", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Text += "!"; b.Challenge = nil }, post.TextAltered},
		{"author", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Author = "eve" }, post.TextAltered},
		{"created", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Created++ }, post.TextAltered},
		{"media", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Media = b.Post.Media[:1] }, post.TextAltered},
		{"text not NFC", func(b *post.Bundle, _ *post.CheckConfig) { b.Post.Text = "e\u0301" }, post.Malformed},
		{"site", func(b *post.Bundle, cfg *post.CheckConfig) { b.Post.RP = "forum.example"; cfg.RP = "" }, post.WrongRP},
		{"site, not the reader's", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.RP = "forum.example" }, post.WrongRP},
		{"action", func(b *post.Bundle, cfg *post.CheckConfig) { b.Action = "vote"; cfg.Action = "" }, post.WrongAction},
		{"action, not the reader's", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.Action = "vote" }, post.WrongAction},
		{"action, without token", func(b *post.Bundle, cfg *post.CheckConfig) { b.Action, b.Challenge, cfg.Action = "vote", nil, "" }, post.ScopeMismatch},
		{"slot", func(b *post.Bundle, _ *post.CheckConfig) { b.Slot = 3 }, post.ScopeMismatch},
		{"slot beyond k", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.MaxK = 2 }, post.SlotOutOfRange},
		{"slot beyond all", func(b *post.Bundle, cfg *post.CheckConfig) { b.Slot = 5000; cfg.MaxK = 0 }, post.SlotOutOfRange},
		{"day", func(b *post.Bundle, _ *post.CheckConfig) { b.Period.Start += 86400 }, post.ScopeMismatch},
		{"period off its grid", func(b *post.Bundle, _ *post.CheckConfig) { b.Period.Start++ }, post.PeriodInvalid},
		{"token of other text", func(b *post.Bundle, _ *post.CheckConfig) { b.Challenge = token(scope.Digest{1}, rp, action, w.key) }, post.TextAltered},
		{"token of same text", func(b *post.Bundle, _ *post.CheckConfig) {
			c, _ := scope.ParseChallenge(b.Challenge)
			c.Nonce[0]++
			b.Challenge = c.Sign(w.key)
		}, post.ChallengeInvalid},
		{"token of another site", func(b *post.Bundle, _ *post.CheckConfig) {
			b.Challenge = token(content, "forum.example", action, w.key)
		}, post.WrongRP},
		{"token of another action", func(b *post.Bundle, _ *post.CheckConfig) { b.Challenge = token(content, rp, "vote", w.key) }, post.WrongAction},
		{"token by another key", func(b *post.Bundle, _ *post.CheckConfig) { b.Challenge = token(content, rp, action, otherKey) }, post.ChallengeInvalid},
		{"token bit", func(b *post.Bundle, _ *post.CheckConfig) { b.Challenge[len(b.Challenge)-1] ^= 1 }, post.ChallengeInvalid},
		{"no token, no digest", func(b *post.Bundle, _ *post.CheckConfig) { b.Challenge, b.ChallengeDigest = nil, scope.Digest{} }, post.TextAltered},
		{"root 0", func(b *post.Bundle, _ *post.CheckConfig) {
			b.Proof.MerkleTreeRoot, b.RootProof.Entry.Root = semaphore.Element{}, semaphore.Element{}
		}, post.RootZero},
		{"another batch's root", func(b *post.Bundle, _ *post.CheckConfig) { b.RootProof = grown.rootProof(20) }, post.RootMismatch},
		{"root not logged", func(b *post.Bundle, _ *post.CheckConfig) {
			b.Proof.MerkleTreeRoot, b.RootProof.Entry.Root = setlogtest.Commitment("private"), setlogtest.Commitment("private")
		}, post.RootUnproven},
		{"set size", func(b *post.Bundle, _ *post.CheckConfig) { b.RootProof.Entry.Live = 1 << 20 }, post.RootUnproven},
		{"day of entry", func(b *post.Bundle, _ *post.CheckConfig) { b.RootProof.Entry.Day-- }, post.RootUnproven},
		{"checkpoint by another key", func(b *post.Bundle, _ *post.CheckConfig) { b.RootProof.Checkpoint = stranger.Checkpoints[1] }, post.RootUnproven},
		{"another issuer", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.Issuer = stranger.VKey }, post.WrongIssuer},
		{"another issuer's name", func(b *post.Bundle, _ *post.CheckConfig) { b.Issuer = "stranger.example" }, post.WrongIssuer},
		{"no issuer", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.Issuer = "" }, post.WrongIssuer},
		{"nullifier", func(b *post.Bundle, _ *post.CheckConfig) {
			b.Proof.Nullifier = setlogtest.Commitment("n")
			resign(b, 1, t0+5)
		}, post.ProofInvalid},
		{"points swapped", func(b *post.Bundle, _ *post.CheckConfig) {
			q := b.Proof.Points
			b.Proof.Points = [8]semaphore.Uint256{q[6], q[7], q[2], q[3], q[4], q[5], q[0], q[1]}
		}, post.ProofInvalid},
		{"depth", func(b *post.Bundle, _ *post.CheckConfig) { b.Proof.MerkleTreeDepth = 19 }, post.ProofInvalid},
		{"no proof", func(b *post.Bundle, _ *post.CheckConfig) { b.Proof = nil }, post.Malformed},
		{"no verifier", func(b *post.Bundle, cfg *post.CheckConfig) { cfg.Verifier = nil }, post.ProofInvalid},
		{"receipt bit", func(b *post.Bundle, _ *post.CheckConfig) { b.Receipt.Signature[0] ^= 1 }, post.ReceiptInvalid},
		{"receipt time", func(b *post.Bundle, _ *post.CheckConfig) { b.Receipt.AcceptedAt++ }, post.ReceiptInvalid},
		{"receipt root", func(b *post.Bundle, _ *post.CheckConfig) { resign(b, 2, t0+5) }, post.ReceiptInvalid},
		{"receipt of another key", func(b *post.Bundle, _ *post.CheckConfig) {
			r := post.SignReceipt(b.Proof, 1, t0+5, otherKey)
			b.Receipt = &r
		}, post.ReceiptInvalid},
		{"accepted the day after", func(b *post.Bundle, _ *post.CheckConfig) { resign(b, 1, t0+86400) }, post.ReceiptInvalid},
		{"accepted the day before", func(b *post.Bundle, _ *post.CheckConfig) { resign(b, 1, t0-86400) }, post.ReceiptInvalid},
		{"accepted after the challenge", func(b *post.Bundle, _ *post.CheckConfig) { resign(b, 1, t0+1000) }, post.ReceiptInvalid},
		{"accepted at no time", func(b *post.Bundle, _ *post.CheckConfig) { resign(b, 1, 1<<63) }, post.ReceiptInvalid},
	} {
		b, cfg := bundle(t, p), w.config()
		c.bend(&b, &cfg)
		r := post.Check(b, cfg)
		if r.OK || r.Time != post.Unproven || r.Cap != post.Unproven || !r.Has(c.want) {
			t.Errorf("%s: want %s, got %+v", c.name, c.want, r.Reasons)
		}
		if r.Reasons[0].Detail == "" {
			t.Errorf("%s: no sentence", c.name)
		}
	}
}

// TestEntryAfterAcceptance: a root that was logged on a later day than the
// acceptance contradicts the receipt.
func TestEntryAfterAcceptance(t *testing.T) {
	w, p := honest(t)
	later := setlogtest.New(t, w.is.Name)
	var members []semaphore.Element
	for i := range w.is.Group.Size() {
		members = append(members, w.is.Group.Member(i))
	}
	later.AnchorMembers(t0+86400, members)
	p.RootProof = later.Proof(0)
	if r := post.Check(bundle(t, p), w.config()); r.OK || !r.Has(post.ReceiptInvalid) {
		t.Errorf("%+v", r)
	}
}

// TestPolicyWithoutPeriod: a post under Once, without a challenge.
func TestPolicyWithoutPeriod(t *testing.T) {
	w := newWorld(t)
	p := post.Params{Post: scope.Post{RP: rp, Author: "ada", Created: t0, Text: "once"}, Action: "hello", RootProof: w.is.Proof(0)}
	content, _ := p.Post.Digest()
	sc, err := scope.Compute(rp, p.Action, p.Period, 0)
	w.must(err)
	p.Proof = w.prove(scope.Message(content, scope.Digest{}), sc)
	b := bundle(t, p)
	cfg := w.config()
	cfg.Action, cfg.MaxK = "hello", 1
	if r := post.Check(b, cfg); !r.OK || !r.Has(post.ReceiptMissing) {
		t.Errorf("%+v", r)
	}
	b.Slot = 1
	if r := post.Check(b, cfg); r.OK {
		t.Error("a second slot of Once")
	}
}

func TestNewRefuses(t *testing.T) {
	_, p := honest(t)
	for name, bend := range map[string]func(p *post.Params){
		"no proof":       func(p *post.Params) { p.Proof = nil },
		"other text":     func(p *post.Params) { p.Post.Text = "x" },
		"other slot":     func(p *post.Params) { p.Slot++ },
		"no challenge":   func(p *post.Params) { p.Challenge = nil },
		"other root":     func(p *post.Params) { p.RootProof.Entry.Root = setlogtest.Commitment("x") },
		"other receipt":  func(p *post.Params) { r := *p.Receipt; r.RootSeq++; p.Receipt = &r },
		"not canonical":  func(p *post.Params) { p.Post.Author = "" },
		"no root proof":  func(p *post.Params) { p.RootProof = setlog.RootProof{} },
		"wrong action":   func(p *post.Params) { p.Action = "vote" },
		"invalid action": func(p *post.Params) { p.Action = "Vote!" },
	} {
		q := p
		bend(&q)
		if _, err := post.New(q); !errors.Is(err, post.ErrMismatch) && !errors.Is(err, post.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestT23StrictJSON: one JSON form, nothing besides it.
func TestT23StrictJSON(t *testing.T) {
	w, p := honest(t)
	raw, err := bundle(t, p).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	s := string(raw)
	sub := func(old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("no %q in %s", old, s)
		}
		return strings.Replace(s, old, new, 1)
	}
	for name, bad := range map[string]string{
		"empty":             "",
		"not an object":     "[]",
		"null":              "null",
		"trailing":          s + "{}",
		"unknown name":      sub(`"slot"`, `"more":1,"slot"`),
		"unknown, deeper":   sub(`"author"`, `"more":1,"author"`),
		"letter case":       sub(`"slot"`, `"Slot"`),
		"twice":             sub(`"slot":2`, `"slot":2,"slot":2`),
		"twice, deeper":     sub(`"len":86400`, `"len":86400,"len":1`),
		"null inside":       sub(`"slot":2`, `"slot":null`),
		"null receipt":      sub(`"receipt":{`, `"receipt":null,"x":{`),
		"negative":          sub(`"slot":2`, `"slot":-2`),
		"fraction":          sub(`"slot":2`, `"slot":2.0`),
		"exponent":          sub(`"slot":2`, `"slot":2e0`),
		"string for number": sub(`"slot":2`, `"slot":"2"`),
		"huge number":       sub(`"slot":2`, `"slot":`+strings.Repeat("9", 1<<16)),
		"slot over 32 bits": sub(`"slot":2`, `"slot":4294967298`),
		"nested":            sub(`"media":["`, `"media":[["`),
		"object for text":   sub(`"author":"ada"`, `"author":{"text":"ada"}`),
		"object in period":  sub(`"len":86400`, `"len":{"len":1}`),
		"invalid UTF-8":     sub(`"ada"`, "\"\xff\""),
		"padded base64":     sub(`"signature":"`, `"signature":"=`),
		"short signature":   sub(`"signature":"`, `"signature":"AA`),
		"proof cut":         sub(`"proof":"`, `"proof":"A`),
		"token cut":         sub(`"challenge":"`, `"challenge":"AAAA`),
		"token and digest":  sub(`"challenge":"`, `"challenge_digest":"`+strings.Repeat("A", 43)+`","challenge":"`),
		"root proof":        sub(`tlog-proof@v1`, `tlog-proof@v2`),
		"media digest":      sub(`"media":["`, `"media":["AA`),
		"too long":          s + strings.Repeat(" ", post.MaxBundle),
		"cut":               s[:len(s)-1],
	} {
		if _, err := post.Parse([]byte(bad)); !errors.Is(err, post.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if r := post.CheckJSON([]byte(bad), w.config()); r.OK || len(r.Reasons) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := post.CheckJSON(raw, w.config()); !r.OK {
		t.Errorf("%+v", r)
	}
	var b post.Bundle
	if err := json.Unmarshal(raw, &b); err != nil || b.Slot != 2 {
		t.Error(err)
	}
	// White space and the order of names are not part of the meaning.
	var loose map[string]json.RawMessage
	if err := json.Unmarshal(raw, &loose); err != nil {
		t.Fatal(err)
	}
	if pretty, _ := json.MarshalIndent(loose, "", "\t"); !post.CheckJSON(pretty, w.config()).OK {
		t.Error("re-ordered JSON refused")
	}
}

// TestEveryByteOfJSON flips bytes all over the JSON; none may be accepted with
// another meaning.
func TestEveryByteOfJSON(t *testing.T) {
	w, p := honest(t)
	raw, err := bundle(t, p).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bent := slices.Clone(raw)
		bent[i] ^= 1
		if r := post.CheckJSON(bent, w.config()); r.OK {
			b, _ := post.Parse(bent)
			if again, _ := b.MarshalJSON(); !bytes.Equal(again, raw) {
				t.Errorf("byte %d (%q for %q): accepted", i, bent[i], raw[i])
			}
		}
	}
}

var update = flag.Bool("update", false, "write testdata/bundle.json")

// TestGolden: a bundle that was made once must hold for ever.
func TestGolden(t *testing.T) {
	w, p := honest(t)
	if *update {
		raw, err := bundle(t, p).MarshalJSON()
		w.must(err)
		w.must(os.MkdirAll("testdata", 0o755))
		w.must(os.WriteFile("testdata/bundle.json", append(raw, '\n'), 0o644))
	}
	raw, err := os.ReadFile("testdata/bundle.json")
	w.must(err)
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	b, err := post.Parse(raw)
	w.must(err)
	if again, err := b.MarshalJSON(); err != nil || !bytes.Equal(again, raw) {
		t.Error("another encoding", err)
	}
	r := post.Check(b, w.config())
	if !r.OK || r.Time != post.Proven || r.Cap != post.Proven {
		t.Errorf("%+v", r)
	}
}

func FuzzT21Bundle(f *testing.F) {
	raw, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := post.Parse(b)
		if err != nil {
			return
		}
		out, err := parsed.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := post.Parse(out)
		if err != nil {
			t.Fatal(err)
		}
		out2, err := again.MarshalJSON()
		if err != nil || !bytes.Equal(out, out2) {
			t.Fatal("not stable", err)
		}
		post.Check(parsed, post.CheckConfig{}) // must come back
	})
}
