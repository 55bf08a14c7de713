package scope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRelyingParties(t *testing.T) {
	good := []string{"forum.example", "xn--bcher-kva.example", "agora.localhost:8080", "a.localhost", "a-b.c1"}
	bad := []string{
		"", "forum", "localhost", "Forum.example", "forum.example.", ".example", "forum..example", "forum.example:443",
		"agora.localhost:0", "agora.localhost:080", "agora.localhost:65536", "agora.localhost:", "127.0.0.1", "[::1]",
		"bücher.example", "a b.example", "-a.example", "a-.example", "a_b.example", "user@forum.example", "forum.example/x",
		strings.Repeat("a.", 127) + "aa", strings.Repeat("a", 64) + ".example", "evil.localhost.example:80",
	}
	for _, rp := range good {
		if err := ValidateRP(rp); err != nil {
			t.Errorf("%q: %v", rp, err)
		}
	}
	for _, rp := range bad {
		if err := ValidateRP(rp); !errors.Is(err, ErrRP) {
			t.Errorf("%q: %v", rp, err)
		}
	}
}

func TestOrigins(t *testing.T) {
	for origin, want := range map[string]string{
		"https://forum.example": "forum.example", "http://agora.localhost:8080": "agora.localhost:8080",
		"https://a.localhost": "a.localhost", "http://a.localhost": "a.localhost",
		"http://forum.example": "", "https://forum.example:8443": "", "https://forum.example/": "", "null": "",
		"https://Forum.example": "", "file://": "", "": "", "https://": "", "http://localhost:8080": "",
		"https://forum.example@evil.example": "", "http://evil.example/.localhost": "", "http://evil.example:80.localhost": "",
	} {
		rp, err := RPFromOrigin(origin)
		if rp != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", origin, rp, err)
		}
		if err != nil && !errors.Is(err, ErrOrigin) {
			t.Errorf("%q: error of another kind: %v", origin, err)
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, p := range []Policy{Once(), Returning(), PerDay(5), PerEpoch(time.Second, 1), PerEpoch(time.Hour, MaxSlots)} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
		if k, err := ParseKind(p.Kind.String()); err != nil || k != p.Kind {
			t.Errorf("%v: %v, %v", p.Kind, k, err)
		}
	}
	for _, p := range []Policy{
		{}, PerDay(0), PerDay(-1), PerDay(MaxSlots + 1), PerEpoch(0, 1), PerEpoch(-time.Hour, 1), PerEpoch(time.Millisecond, 1),
		PerEpoch(1500*time.Millisecond, 1), {Kind: KindOnce, K: 2}, {Kind: KindReturning, K: 1, Len: 5}, {Kind: 9, K: 1},
		{Kind: KindPerEpoch, Len: MaxLen + 1, K: 1},
	} {
		if err := p.Validate(); !errors.Is(err, ErrPolicy) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestPeriods(t *testing.T) {
	day := PerDay(1)
	midnight := time.Unix(1790553600, 0)
	for d, start := range map[time.Duration]uint64{
		-time.Second: 1790553600 - 86400, 0: 1790553600, time.Second: 1790553600, 86399 * time.Second: 1790553600, 86400 * time.Second: 1790640000,
	} {
		if p := day.Period(midnight.Add(d)); p.Start != start || p.Len != 86400 || p.End() != start+86400 {
			t.Errorf("%v: %+v", d, p)
		}
	}
	if p := Once().Period(midnight); p != (Period{}) || p.End() != 0 {
		t.Errorf("once: %+v", p)
	}
	if p := day.Period(time.Unix(-5, 0)); p.Start != 0 {
		t.Errorf("before 1970: %+v", p)
	}
}

func TestComputeRefuses(t *testing.T) {
	day := Period{86400, 86400}
	for _, c := range []struct {
		rp, action string
		p          Period
		slot       uint32
		want       error
	}{
		{"Forum.example", "post", day, 0, ErrRP},
		{"forum.example", "Post", day, 0, ErrAction},
		{"forum.example", "", day, 0, ErrAction},
		{"forum.example", strings.Repeat("a", 129), day, 0, ErrAction},
		{"forum.example", "post", Period{86401, 86400}, 0, ErrPolicy},
		{"forum.example", "post", Period{1, 0}, 0, ErrPolicy},
		{"forum.example", "post", Period{}, 1, ErrPolicy},
		{"forum.example", "post", day, MaxSlots, ErrSlot},
	} {
		if _, err := Compute(c.rp, c.action, c.p, c.slot); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := Content("Post", nil); !errors.Is(err, ErrKind) {
		t.Errorf("kind: %v", err)
	}
}

// Different inputs give different scopes (T24): each field of the preimage counts.
func TestScopesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type in struct {
			rp, action string
			p          Period
			slot       uint32
		}
		draw := func(name string) in {
			l := rapid.SampledFrom([]uint64{60, 3600, 86400}).Draw(t, name+"len")
			return in{
				rapid.StringMatching(`[a-c]{1,3}\.[a-c]{1,2}`).Draw(t, name+"rp"),
				rapid.StringMatching(`[a-c./]{1,3}`).Draw(t, name+"action"),
				Period{l * rapid.Uint64Range(0, 2).Draw(t, name+"start"), l},
				rapid.Uint32Range(0, 2).Draw(t, name+"slot"),
			}
		}
		a, b := draw("a"), draw("b")
		sa, err := Compute(a.rp, a.action, a.p, a.slot)
		if err != nil {
			t.Fatal(err)
		}
		sb, err := Compute(b.rp, b.action, b.p, b.slot)
		if err != nil {
			t.Fatal(err)
		}
		if (sa == sb) != (a == b) {
			t.Fatalf("%+v and %+v: %x %x", a, b, sa, sb)
		}
	})
}

func TestChallengeRefusals(t *testing.T) {
	key := testKey()
	pub := []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	now := time.Unix(1790553600, 0)
	params := ChallengeParams{RP: "forum.example", Action: "post", Origin: "https://forum.example", Session: "s", Now: now}
	c, err := NewChallenge(rand.Reader, params)
	if err != nil {
		t.Fatal(err)
	}
	token := c.Sign(key)
	if len(token) != ChallengeSize || ChallengeSize != 281 {
		t.Fatalf("a token of %d bytes", len(token))
	}
	for i := range token { // every single byte is signed or is signature
		bad := bytes.Clone(token)
		bad[i] ^= 1
		if _, err := OpenChallenge(bad, pub); err == nil {
			t.Fatalf("byte %d changed and accepted", i)
		}
		if own, err := OpenOwnChallenge(bad, []ed25519.PrivateKey{key}); err == nil || own != (Challenge{}) {
			t.Fatalf("byte %d changed and accepted by who signed it: %v", i, err)
		}
	}
	_, other, _ := ed25519.GenerateKey(rand.Reader)
	if _, err := OpenChallenge(c.Sign(other), pub); !errors.Is(err, ErrSignature) {
		t.Errorf("other key: %v", err)
	}
	if own, err := OpenOwnChallenge(token, []ed25519.PrivateKey{nil, other, key}); err != nil || own != parsed(t, token) {
		t.Errorf("own token: %v", err)
	}
	if _, err := OpenOwnChallenge(token, []ed25519.PrivateKey{other}); !errors.Is(err, ErrSignature) {
		t.Errorf("own token, other key: %v", err)
	}
	if _, err := OpenChallenge(token[:280], pub); !errors.Is(err, ErrChallenge) {
		t.Errorf("short: %v", err)
	}
	if _, err := NewChallenge(bytes.NewReader(nil), params); err == nil {
		t.Error("no randomness, and yet a challenge")
	}
	edges := map[time.Duration]bool{
		-Skew - time.Second: false, -Skew: true, 0: true, ChallengeTTL: true,
		ChallengeTTL + Skew - time.Second: true, ChallengeTTL + Skew: false,
	}
	for d, want := range edges { // T30
		if got := c.Live(now.Add(d)); got != want {
			t.Errorf("%v after issue: live %v", d, got)
		}
	}
}

func TestPostRefusals(t *testing.T) {
	good := Post{RP: "forum.example", Author: "ada", Created: 1, Text: "hello", Media: []Digest{{1}}}
	for name, change := range map[string]func(*Post){
		"rp":           func(p *Post) { p.RP = "Forum" },
		"no author":    func(p *Post) { p.Author = "" },
		"long author":  func(p *Post) { p.Author = strings.Repeat("a", MaxAuthor+1) },
		"invalid UTF8": func(p *Post) { p.Text = "\xff" },
		"not NFC":      func(p *Post) { p.Text = "e\u0301" },
		"NUL":          func(p *Post) { p.Text = "a\x00b" },
		"long text":    func(p *Post) { p.Text = strings.Repeat("a", MaxText+1) },
		"much media":   func(p *Post) { p.Media = make([]Digest, MaxMedia+1) },
	} {
		p := good
		change(&p)
		if _, err := p.Canonical(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b, err := good.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, err := ParsePost(b[:i]); !errors.Is(err, ErrPost) && !errors.Is(err, ErrRP) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := ParsePost(append(b, 0)); err == nil {
		t.Error("trailing byte accepted")
	}
}

func TestTokens(t *testing.T) {
	for _, s := range []string{"AA", "AQ", "_-8"} {
		b, err := DecodeToken(s)
		if err != nil || EncodeToken(b) != s {
			t.Errorf("%q: %x, %v", s, b, err)
		}
	}
	for _, s := range []string{"AA==", "A", "AB", "+/8", " AA", "AA\n", "A\nA", "AA\r\n"} { // T22: one spelling
		if b, err := DecodeToken(s); err == nil {
			t.Errorf("%q accepted as %x", s, b)
		}
	}
}

func FuzzParsePost(f *testing.F) {
	b, _ := Post{RP: "forum.example", Author: "ada", Created: 1, Text: "hello", Media: []Digest{{1}}}.Canonical()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePost(b)
		if err != nil {
			return
		}
		if back, err := p.Canonical(); err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%x parses and is written as %x (%v)", b, back, err)
		}
	})
}

func FuzzParseChallenge(f *testing.F) {
	key := testKey()
	c, _ := NewChallenge(bytes.NewReader(make([]byte, 32)), ChallengeParams{RP: "forum.example", Action: "post", Now: time.Unix(9, 0)})
	f.Add(c.Sign(key))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseChallenge(b)
		if err == nil && (len(b) != ChallengeSize || c.Expires <= c.Issued) {
			t.Fatalf("%x accepted", b)
		}
	})
}

func parsed(t *testing.T, token []byte) Challenge {
	t.Helper()
	c, err := ParseChallenge(token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
