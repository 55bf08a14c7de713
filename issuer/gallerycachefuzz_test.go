package issuer

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

// keeping is a Packer that only keeps.
type keeping struct {
	Matcher
	mu  sync.Mutex
	got map[Serial]string
}

func (k *keeping) Layout() string                      { return "bytes" }
func (k *keeping) PackedSize() int                     { return 8 }
func (k *keeping) Packed() iter.Seq2[[]Serial, []byte] { return nil }
func (k *keeping) Restore(Serial, capture.Modality, []byte) error {
	return nil
}

func (k *keeping) Unpack(serials []Serial, fill func([]byte) error) error {
	b := make([]byte, 8*len(serials))
	if err := fill(b); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for n, s := range serials {
		k.got[s] = string(b[8*n:][:8])
	}
	return nil
}

// T21: a gallery cache is what was written, to the bit, or is refused: nothing is
// ever made known that was not.
func FuzzGalleryCache(f *testing.F) {
	r := rand.NewChaCha8([32]byte{1})
	aad, want := cacheAAD("issuer.example", "bytes"), map[Serial]string{}
	c := &galleryCache{path: filepath.Join(f.TempDir(), "good"), rand: r}
	written, err := c.write(context.Background(), aad, func(yield func([]Serial, []byte) bool) {
		for _, n := range []int{3, 1, 40_000} { // the last takes more than a segment
			ids, packed := make([]Serial, n), make([]byte, 8*n)
			_, _ = r.Read(packed)
			for k := range ids {
				_, _ = r.Read(ids[k][:])
				want[ids[k]] = string(packed[8*k:][:8])
			}
			if !yield(ids, packed) {
				return
			}
		}
	})
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(written.name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte{}, false)
	f.Add(len(whole)-1, []byte{1}, false)
	f.Add(24, []byte("serials"), false)
	f.Add(len(whole)-70, make([]byte, 40), true)
	f.Add(len(whole)/2, []byte{0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, at int, change []byte, cut bool) {
		if at < 0 || at > len(whole) {
			return
		}
		b := append(bytes.Clone(whole[:at]), change...)
		if !cut && len(b) < len(whole) {
			b = append(b, whole[len(b):]...)
		}
		m, in := &keeping{got: map[Serial]string{}}, atomic.Int64{}
		opened, err := readCache(bytes.NewReader(b), int64(len(b)), written.key, aad, 8)
		if err == nil {
			err = opened.unpack(context.Background(), m, &in)
		}
		if same := bytes.Equal(b, whole); same != (err == nil) {
			t.Fatalf("the same bytes: %v; %v", same, err)
		}
		for s, packed := range m.got {
			if want[s] != packed {
				t.Fatalf("%x was never written", s)
			}
		}
	})
}

// A set of serials is a set, also of serials that crowd one place.
func TestSerials(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 100, 5000} {
		set, want := newSerials(n), map[Serial]bool{}
		some := func() (s Serial) {
			switch r.IntN(4) {
			case 0:
				s[15] = byte(r.IntN(4)) // the first places, and zero
			case 1:
				s[0], s[1], s[15] = 255, 255, byte(r.IntN(8)) // the last, and round
				for k := range 6 {
					s[2+k] = 255
				}
			default:
				for k := range s {
					s[k] = byte(r.Uint32())
				}
			}
			return s
		}
		for range 2 * n {
			s := some()
			if len(want) < n {
				if set.add(s) == want[s] {
					t.Fatalf("%d: %x is new: %v", n, s, want[s])
				}
				want[s] = true
			}
		}
		for s := range want {
			if !set.has(s) {
				t.Errorf("%d: %x is lost", n, s)
			}
		}
		for range 1000 {
			if s := some(); set.has(s) != want[s] {
				t.Errorf("%d: %x", n, s)
			}
		}
	}
}
