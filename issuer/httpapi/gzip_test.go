package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Entry bundles come compressed to who takes that, under a tag of their own;
// hashes never do, since nothing is saved by it.
func TestGzip(t *testing.T) {
	s := newSite(t)
	var reqs []api.EnrolmentRequest
	for n := range uint64(20) {
		reqs = append(reqs, s.Start(t, s.i, testkit.NewPerson(n)))
	}
	if _, err := s.i.EnrolMany(t.Context(), reqs); err != nil {
		t.Fatal(err)
	}
	const bundle = "/tile/entries/000.p/21"
	plain := s.ask("GET", bundle, "")
	if plain.Code != 200 || plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatal(plain.Code, plain.Header())
	}
	if entries, err := setlog.ParseEntryBundle(plain.Body.Bytes()); err != nil || len(entries) != 21 {
		t.Fatal(len(entries), err)
	}
	for accept, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "gzip;q=1.0, identity": true, "deflate,gzip": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "x-gzip2": false,
	} {
		w := s.ask("GET", bundle, "", "Accept-Encoding", accept)
		tag := w.Header().Get("ETag")
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want || (tag == plain.Header().Get("ETag")) == want {
			t.Errorf("%q: %v", accept, w.Header())
			continue
		}
		body := w.Body.Bytes()
		if want {
			if len(body) > plain.Body.Len()*3/4 {
				t.Errorf("%d bytes of %d", len(body), plain.Body.Len())
			}
			r, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(body, plain.Body.Bytes()) {
			t.Errorf("%q: other bytes", accept)
		}
		if w := s.ask("GET", bundle, "", "Accept-Encoding", accept, "If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%q: %d for who has it", accept, w.Code)
		}
	}
	for _, path := range []string{"/tile/0/000.p/21", "/set/2/tile/0/0", "/set/2/leaves", "/head", "/checkpoint"} {
		w := s.ask("GET", path, "", "Accept-Encoding", "gzip")
		if w.Code != 200 || w.Header().Get("Content-Encoding") != "" || strings.Contains(w.Header().Get("Vary"), "Encoding") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
