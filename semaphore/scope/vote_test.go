package scope

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

// The vectors are put together here by hand, so that other languages can hold
// theirs against the hashes.
func TestVoteVectors(t *testing.T) {
	for _, c := range []struct {
		vote      Vote
		canonical string
	}{
		{Vote{"forum.example", "lunch", "soup"}, "000d666f72756d2e6578616d706c6500056c756e63680004736f7570"},
		{Vote{"agora.localhost:8080", "poll/1", "a"}, "001461676f72612e6c6f63616c686f73743a383038300006706f6c6c2f31000161"},
	} {
		b, err := c.vote.Canonical()
		if err != nil || hex.EncodeToString(b) != c.canonical {
			t.Errorf("%+v: %x %v", c.vote, b, err)
		}
		h := sha256.New()
		h.Write([]byte("perhuman/content/1\x00\x04vote"))
		h.Write(b)
		if d, err := c.vote.Digest(); err != nil || !bytes.Equal(d[:], h.Sum(nil)) {
			t.Errorf("%+v: digest %x %v", c.vote, d, err)
		}
		if back, err := ParseVote(b); err != nil || back != c.vote {
			t.Errorf("%+v %v", back, err)
		}
		for n := range b {
			if _, err := ParseVote(b[:n]); err == nil {
				t.Fatalf("the first %d bytes are a vote", n)
			}
		}
		if _, err := ParseVote(append(b[:len(b):len(b)], 0)); !errors.Is(err, ErrVote) {
			t.Error(err)
		}
	}
	for _, v := range []Vote{{}, {"forum.example", "", "soup"}, {"forum.example", "lunch", ""}, {"forum.example", "Lunch", "soup"}, {"forum.example", "lunch", "So up"}, {"Forum.example", "lunch", "soup"}} {
		if _, err := v.Digest(); err == nil {
			t.Errorf("%+v has a digest", v)
		}
	}
}

func FuzzParseVote(f *testing.F) {
	b, err := Vote{"forum.example", "lunch", "soup"}.Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVote(b)
		if err != nil {
			return
		}
		if again, err := v.Canonical(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x, %v", b, again, err)
		}
	})
}
