//go:build !js

package httpsource_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/httpsource"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const name = "issuer.test/people"

// world is a real issuer over HTTP, with a virtual capture device.
type world struct {
	t        *testing.T
	vkey     string
	issuer   *issuer.Issuer
	server   *httptest.Server
	operator *share.PrivateKey
	device   *capture.VirtualDevice
}

func newWorld(t *testing.T) *world {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t}
	signer, vkey, err := setlog.GenerateKey(rand.Reader, name)
	must(err)
	w.vkey = vkey
	w.operator, err = share.GenerateKey(rand.Reader)
	must(err)
	rootPub, root, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	w.device, err = capture.NewVirtualDevice(rand.Reader, root, time.Now())
	must(err)
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	must(err)
	t.Cleanup(func() { _ = store.Close() })
	w.issuer, err = issuer.New(t.Context(), issuer.Config{
		Name: name, Signer: signer, Store: store, Matcher: plain.New(w.operator), Capture: capture.Virtual(name, capture.VirtualRoot(rootPub)),
		Operator: w.operator.Text(), Anchor: time.Second, Now: time.Now, Rand: rand.Reader,
	})
	must(err)
	w.server = httptest.NewServer(httpapi.New(w.issuer, httpapi.Options{Rand: rand.Reader, Logf: t.Logf}))
	t.Cleanup(w.server.Close)
	return w
}

// capture is a face by the virtual device, bound to the session.
func (w *world) capture(face byte) func(context.Context, httpsource.Session) ([]byte, error) {
	return func(_ context.Context, s httpsource.Session) ([]byte, error) {
		vector := make([]byte, 128)
		r := mrand.New(mrand.NewPCG(uint64(face), 7))
		for i := range vector {
			vector[i] = byte(int8(r.NormFloat64() * 23))
		}
		return w.device.Capture(capture.CaptureRequest{
			Audience: name, Nonce: s.Nonce, Now: time.Now(), Modality: capture.Face,
			Template: capture.Template{Algorithm: capture.AlgFace128, Version: 1},
			Payloads: [][][]byte{{vector}}, Seal: share.To(rand.Reader, w.operator.Public()),
			Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: s.Commitment, ConsentHash: [32]byte{1},
		})
	}
}

func (w *world) wallet(c *httpsource.Client) *wallet.Wallet {
	w.t.Helper()
	x, err := wallet.New(wallet.Config{Issuer: w.vkey, Source: c, Store: wallet.NewMemory(), Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := wallet.NewKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := x.Unlock(key); err != nil {
		w.t.Fatal(err)
	}
	return x
}

// A wallet enrols with a real issuer over HTTP and finds itself in its set.
func TestJoin(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	c, err := httpsource.New(w.vkey, w.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.Info(ctx)
	if err != nil || info.Name != name || info.VKey != w.vkey {
		t.Fatal(info, err)
	}
	x := w.wallet(c)
	e, err := c.Join(ctx, x, w.capture(1))
	if err != nil || e.ID == "" || e.Receipt == "" {
		t.Fatal(e, err)
	}
	// The same person again under another secret, before and after the anchor.
	again := func() {
		t.Helper()
		_, err := c.Join(ctx, w.wallet(c), w.capture(1))
		if coded, ok := errors.AsType[*api.Error](err); !ok || coded.Code != api.AlreadyEnrolled {
			t.Fatalf("a double: %v", err)
		}
	}
	again()
	if _, err := w.issuer.Anchor(ctx); err != nil {
		t.Fatal(err)
	}
	again()
	e, err = c.Wait(ctx, e.ID)
	if err != nil || e.Status != api.StateCommitted || e.LeafIndex == nil || e.RootProof == "" {
		t.Fatal(e, err)
	}
	st, err := x.Sync(ctx)
	if err != nil || !st.Member || st.Position != *e.LeafIndex {
		t.Fatal(st, err)
	}
	// One person alone: no crowd, no proof.
	challenge, err := scope.NewChallenge(rand.Reader, scope.ChallengeParams{RP: "forum.example", Action: "post", Origin: "https://forum.example", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Prepare(ctx, wallet.Request{Origin: "https://forum.example", Action: "post", Policy: scope.Once(), Challenge: scope.EncodeToken(challenge.Sign(key))})
	if wallet.CodeOf(err) != wallet.CrowdTooSmall {
		t.Fatal(err)
	}
	if _, err := c.Status(ctx, "no/such/../id"); err == nil {
		t.Fatal("an id that does not exist")
	}
}

func TestWaitEnds(t *testing.T) {
	w := newWorld(t)
	c, err := httpsource.New(w.vkey, w.server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Join(t.Context(), w.wallet(c), w.capture(3))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, e.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// Servers that are not this issuer.
func TestStrangeAnswers(t *testing.T) {
	w := newWorld(t)
	var answer func(http.ResponseWriter)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { answer(rw) }))
	defer s.Close()
	c, err := httpsource.New(w.vkey, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	captured := false
	join := func() error {
		_, err := c.Join(t.Context(), w.wallet(c), func(context.Context, httpsource.Session) ([]byte, error) {
			captured = true
			return nil, errors.New("no camera")
		})
		return err
	}
	nonce := strings.Repeat("A", 43)
	for what, f := range map[string]func(http.ResponseWriter){
		"other issuer": func(rw http.ResponseWriter) { fmt.Fprintf(rw, `{"nonce":%q,"issuer":"other.test"}`, nonce) },
		"short nonce":  func(rw http.ResponseWriter) { fmt.Fprintf(rw, `{"nonce":"AA","issuer":%q}`, name) },
		"no json":      func(rw http.ResponseWriter) { fmt.Fprint(rw, "hello") },
		"redirect":     func(rw http.ResponseWriter) { rw.Header().Set("Location", w.server.URL); rw.WriteHeader(302) },
		"no code":      func(rw http.ResponseWriter) { rw.WriteHeader(500); fmt.Fprint(rw, "{}") },
		"endless":      func(rw http.ResponseWriter) { _, _ = rw.Write(make([]byte, 2<<20)) },
	} {
		answer = f
		if err := join(); !errors.Is(err, httpsource.ErrAnswer) || captured {
			t.Errorf("%s: %v", what, err)
		}
	}
	answer = func(rw http.ResponseWriter) { fmt.Fprintf(rw, `{"nonce":%q,"issuer":%q,"new_field":1}`, nonce, name) }
	if err := join(); err == nil || !captured || errors.Is(err, httpsource.ErrAnswer) {
		t.Errorf("an issuer that adds a field: %v", err)
	}
	if _, err := httpsource.New("x", "", nil); err == nil {
		t.Error("a key that is none")
	}
	if _, err := httpsource.New(w.vkey, "http://issuer.example", nil); err == nil {
		t.Error("http to the outside")
	}
}
