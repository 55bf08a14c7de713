package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
)

// seeded writes n intakes with templates of a few thousand bytes, which span
// pages. Serials are random, as they always are, but for the last one's first
// byte.
func seeded(t *testing.T, s issuer.Store, n int, last byte) map[issuer.Serial]issuer.Template {
	t.Helper()
	want := map[issuer.Serial]issuer.Template{}
	counter := uint64(time.Now().UnixNano()) // of the device, rises
	batch := make([]issuer.Intake, n)
	for k := range batch {
		in := &batch[k]
		for _, b := range [][]byte{in.ID[:], in.Session[:], in.Serial[:], in.Commitment[1:]} {
			_, _ = rand.Read(b)
		}
		if k == n-1 {
			in.Serial[0] = last
		}
		in.Device, in.Counter, in.Modality, in.Receipt = "device", counter+uint64(k), "face", []byte("-")
		in.Template, in.Mark = make([]byte, 1000+k*7%5000), make([]byte, 52)
		_, _ = rand.Read(in.Template)
		_, _ = rand.Read(in.Mark)
		in.LeafLink, in.SerialLink = []byte("leaf"), []byte("serial")
		want[in.Serial] = issuer.Template{Serial: in.Serial, Modality: in.Modality, Sealed: in.Template, Mark: in.Mark}
	}
	results, err := s.Intake(t.Context(), batch, func(int) (api.Code, error) { return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	return want
}

// templates are each given once, whole and of one moment, to as many callers as
// are wanted; writers go on meanwhile; an error or a cancelled context ends it.
func templates(t *testing.T, kind Store) {
	s := newRig(t, kind.Open(t)).store
	if err := s.Templates(t.Context(), 3, nil, func(issuer.Template) error { return errInjected }); err != nil {
		t.Errorf("an empty gallery: %v", err)
	}
	want := seeded(t, s, 300, 0)
	for _, callers := range []int{0, 1, 2, 5} {
		var mu sync.Mutex
		var once sync.Once
		got := map[issuer.Serial]int{}
		inside, most := 0, 0
		err := s.Templates(t.Context(), callers, nil, func(x issuer.Template) error {
			once.Do(func() { // comes behind the moment that is read
				for k, v := range seeded(t, s, 20, 255) {
					got[k], want[k] = 1, v
				}
			})
			mu.Lock()
			defer mu.Unlock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(10 * time.Microsecond) // lets others in
			mu.Lock()
			inside--
			got[x.Serial]++
			if w := want[x.Serial]; w.Modality != x.Modality || !bytes.Equal(w.Sealed, x.Sealed) || !bytes.Equal(w.Mark, x.Mark) {
				t.Errorf("template %x is not what was written", x.Serial)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for serial := range want {
			if got[serial] != 1 {
				t.Errorf("%d callers: template %x %d times", callers, serial, got[serial])
			}
		}
		if most > max(1, callers) {
			t.Errorf("%d callers at once, %d wanted", most, callers)
		}
	}
	marks(t, s, want)
	for _, callers := range []int{1, 4} {
		err := s.Templates(t.Context(), callers, nil, func(issuer.Template) error { return errInjected })
		if !errors.Is(err, errInjected) {
			t.Errorf("%d callers: %v", callers, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Templates(ctx, callers, nil, func(issuer.Template) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%d callers, cancelled: %v", callers, err)
		}
		cancel()
	}
}

// marks: templates at hand come without what is sealed, the others whole.
func marks(t *testing.T, s issuer.Store, want map[issuer.Serial]issuer.Template) {
	t.Helper()
	for _, odd := range []byte{0, 1, 2} { // none, half, all at hand
		have := func(x issuer.Serial) bool { return odd > 1 || odd == 1 && x[15]&1 == 1 }
		for _, callers := range []int{1, 3} {
			var mu sync.Mutex
			got := map[issuer.Serial]int{}
			err := s.Templates(t.Context(), callers, have, func(x issuer.Template) error {
				mu.Lock()
				defer mu.Unlock()
				got[x.Serial]++
				w := want[x.Serial]
				if have(x.Serial) {
					w.Sealed = nil
				}
				if w.Modality != x.Modality || !bytes.Equal(w.Sealed, x.Sealed) || !bytes.Equal(w.Mark, x.Mark) {
					t.Errorf("template %x is not what was written", x.Serial)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for serial := range want {
				if got[serial] != 1 {
					t.Errorf("template %x %d times", serial, got[serial])
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d templates, %d written", len(got), len(want))
			}
		}
		err := s.Templates(t.Context(), 2, have, func(issuer.Template) error { return errInjected })
		if !errors.Is(err, errInjected) {
			t.Errorf("%v", err)
		}
	}
}
