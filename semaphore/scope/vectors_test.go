package scope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

func load(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(t *testing.T, s string) (d Digest) {
	t.Helper()
	if copy(d[:], unhex(t, s)) != 32 {
		t.Fatalf("%q is not 32 bytes", s)
	}
	return d
}

// The first golden vectors, from the protocol's own document.
func TestScopeVectors(t *testing.T) {
	var v struct {
		Scopes []struct {
			RP, Action   string
			Start        uint64 `json:"period_start"`
			Len          uint64 `json:"period_len"`
			Slot         uint32
			Scope        string
			ScopeDecimal string `json:"scope_decimal"`
		}
		Messages []struct {
			Kind                        *string
			Content, Challenge, Message string
			ContentDigest               string `json:"content_digest"`
			ChallengeDigest             string `json:"challenge_digest"`
		}
	}
	load(t, "scope-vectors.json", &v)
	if len(v.Scopes) != 4 || len(v.Messages) != 4 {
		t.Fatalf("%d scopes and %d messages, expected 4 and 4", len(v.Scopes), len(v.Messages))
	}
	for _, s := range v.Scopes {
		got, err := Compute(s.RP, s.Action, Period{s.Start, s.Len}, s.Slot)
		if err != nil || hex.EncodeToString(got[:]) != s.Scope || got.String() != s.ScopeDecimal {
			t.Errorf("%s %s: %x, %v", s.RP, s.Action, got, err)
		}
	}
	for _, m := range v.Messages {
		var content Digest
		if m.Kind != nil {
			var err error
			if content, err = Content(*m.Kind, unhex(t, m.Content)); err != nil {
				t.Fatal(err)
			}
		}
		challenge := ChallengeDigest(unhex(t, m.Challenge))
		got := Message(content, challenge)
		if content != digest(t, m.ContentDigest) || challenge != digest(t, m.ChallengeDigest) || hex.EncodeToString(got[:]) != m.Message {
			t.Errorf("message %s: %x %x %x", m.Message, content, challenge, got)
		}
	}
}

// Vectors of the other encodings, made by an independent program.
func TestMoreVectors(t *testing.T) {
	var v struct {
		PublicKey  string `json:"public_key"`
		KeyID      string `json:"key_id"`
		Challenges []struct {
			RP, Action, Origin, Session, Content, Nonce, Token, Digest string
			Issued                                                     int64
		}
		Posts []struct {
			RP, Author, Text, Canonical, Digest string
			Created                             uint64
			Media                               []string
		}
		Receipts []struct {
			Scope, Nullifier, Message, Signature string
			RootSeq                              uint64 `json:"root_seq"`
			AcceptedAt                           uint64 `json:"accepted_at"`
		}
		Enrolments []struct {
			Issuer, Nonce, Commitment, Message, Salt string
			Key                                      string `json:"identity_key"`
			BodyHash                                 string `json:"body_hash"`
			Biometric                                string `json:"biometric_commitment"`
		}
	}
	load(t, "more-vectors.json", &v)
	if len(v.Challenges) != 2 || len(v.Posts) != 2 || len(v.Receipts) != 1 || len(v.Enrolments) != 1 {
		t.Fatal("vectors are missing")
	}
	key := testKey()
	pub := key.Public().(ed25519.PublicKey)
	id := IDOf(pub)
	if hex.EncodeToString(pub) != v.PublicKey || hex.EncodeToString(id[:]) != v.KeyID {
		t.Fatalf("key %x, id %x", pub, id)
	}
	for _, c := range v.Challenges {
		got, err := NewChallenge(bytes.NewReader(unhex(t, c.Nonce)), ChallengeParams{
			RP: c.RP, Action: c.Action, Origin: c.Origin, Session: c.Session,
			Content: digest(t, c.Content), Now: time.Unix(c.Issued, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		token := got.Sign(key)
		if hex.EncodeToString(token) != c.Token || ChallengeDigest(token) != digest(t, c.Digest) {
			t.Errorf("challenge: %x", token)
		}
		got.KeyID = id
		if back, err := OpenChallenge(token, []ed25519.PublicKey{pub}); err != nil || back != got {
			t.Errorf("challenge back: %+v, %v", back, err)
		}
	}
	for _, p := range v.Posts {
		post := Post{RP: p.RP, Author: p.Author, Created: p.Created, Text: p.Text}
		for _, m := range p.Media {
			post.Media = append(post.Media, digest(t, m))
		}
		b, err := post.Canonical()
		if err != nil || hex.EncodeToString(b) != p.Canonical {
			t.Errorf("post: %x, %v", b, err)
		}
		if d, err := post.Digest(); err != nil || d != digest(t, p.Digest) {
			t.Errorf("post digest: %x, %v", d, err)
		}
	}
	for _, r := range v.Receipts {
		receipt := Receipt{
			Scope: semaphore.Uint256(digest(t, r.Scope)), Nullifier: semaphore.Element(digest(t, r.Nullifier)),
			Message: semaphore.Uint256(digest(t, r.Message)), RootSeq: r.RootSeq, AcceptedAt: r.AcceptedAt,
		}
		if sig := receipt.Sign(key); hex.EncodeToString(sig) != r.Signature || receipt.Verify(pub, sig) != nil {
			t.Errorf("receipt: %x", sig)
		}
	}
	for _, e := range v.Enrolments {
		nonce, com := [32]byte(digest(t, e.Nonce)), semaphore.Element(digest(t, e.Commitment))
		if got := EnrolMessage(nonce, e.Issuer, com); hex.EncodeToString(got[:]) != e.Message {
			t.Errorf("enrol message: %x", got)
		}
		salt, err := Salt(unhex(t, e.Key), nonce)
		if err != nil || hex.EncodeToString(salt[:]) != e.Salt {
			t.Errorf("salt: %x, %v", salt, err)
		}
		if got := BiometricCommitment(salt, digest(t, e.BodyHash)); hex.EncodeToString(got[:]) != e.Biometric {
			t.Errorf("biometric commitment: %x", got)
		}
	}
}

func testKey() ed25519.PrivateKey {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	return ed25519.NewKeyFromSeed(seed)
}

// No two encodings share a domain, and none is the prefix of another.
func TestDomains(t *testing.T) {
	domains := []string{domainScope, domainContent, domainMessage, domainChallenge, domainReceipt, domainKeyID, domainEnrol, domainSalt, domainBiometric, domainRekey, domainVeto, domainDelete}
	for i, a := range domains {
		for j, b := range domains {
			if i != j && bytes.HasPrefix([]byte(a), []byte(b)) {
				t.Errorf("%s starts with %s", a, b)
			}
		}
	}
	if HashString("x") != sha256.Sum256([]byte("x")) {
		t.Error("HashString is not SHA-256")
	}
}
