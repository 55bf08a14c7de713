package humantest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// forum is an app, as small as one can be.
func forum(t *testing.T, kit *humantest.Kit) humantest.Site {
	t.Helper()
	gate, err := sdk.Open(t.Context(), kit.Config("forum.example"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	mux := http.NewServeMux()
	mux.Handle("POST /perhuman/challenge", gate.Challenges())
	hello := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "welcome", sdk.PersonFrom(r.Context()).Nullifier)
	}
	mux.Handle("POST /posts", gate.Require("post", sdk.PerDay(2), hello))
	mux.Handle("POST /votes", gate.Require("vote", sdk.Once(), hello))
	mux.Handle("POST /login", gate.Require("login", sdk.Returning(), hello))
	return humantest.Site{Handler: mux, Origin: "https://forum.example", Cookie: "sid=1"}
}

func posting(body string) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/posts", strings.NewReader(body))
}

// Two people, five posts: what an app's own test looks like.
func TestPeople(t *testing.T) {
	kit := humantest.New(t, humantest.Options{Cache: t.TempDir()})
	site := forum(t, kit)
	ada, bob := kit.Person("ada"), kit.Person("bob")
	for _, step := range []struct {
		who  *humantest.Person
		text string
	}{{ada, "one"}, {bob, "two"}, {ada, "three"}} {
		if w := step.who.Send(site, posting(step.text), "post"); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", step.text, w.Code, w.Body)
		}
	}
	d, err := scope.Content(scope.KindRaw, []byte("four"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Answer(site, "post", d); wallet.CodeOf(err) != wallet.QuotaExhausted {
		t.Fatalf("a third post a day: %v", err)
	}
	kit.Advance(24 * time.Hour)
	if w := ada.Send(site, posting("four"), "post"); w.Code != http.StatusOK {
		t.Fatalf("the next day: %d %s", w.Code, w.Body)
	}
	first := ada.Send(site, httptest.NewRequest(http.MethodPost, "/login", nil), "login")
	again := ada.Send(site, httptest.NewRequest(http.MethodPost, "/login", nil), "login")
	if first.Code != http.StatusOK || first.Body.String() != again.Body.String() {
		t.Fatalf("sign-ins: %s and %s", first.Body, again.Body)
	}
	bob.Remove()
	if _, err := bob.Answer(site, "vote", d); wallet.CodeOf(err) != wallet.NotMember {
		t.Fatalf("a removed person: %v", err)
	}
	if w := ada.Send(site, httptest.NewRequest(http.MethodPost, "/votes", nil), "vote"); w.Code != http.StatusOK {
		t.Fatalf("after the removal of another: %d %s", w.Code, w.Body)
	}
}

// Every code that a Gate's verdicts and conditions have is provoked, at a route
// of each kind of policy, and the app goes on working afterwards.
func TestProvoke(t *testing.T) {
	cache := t.TempDir()
	for _, code := range humantest.Codes() {
		t.Run(string(code), func(t *testing.T) {
			kit := humantest.New(t, humantest.Options{Cache: cache})
			site := forum(t, kit)
			w := kit.Provoke(code, site, posting("hello"), "post")
			if info := code.Info(); info.Status == http.StatusOK && w.Code != http.StatusForbidden || info.Status != http.StatusOK && w.Code != info.Status {
				t.Errorf("status %d", w.Code)
			}
			if w := kit.Person("ada").Send(site, posting("hello"), "post"); w.Code != http.StatusOK {
				t.Errorf("afterwards: %d %s", w.Code, w.Body)
			}
		})
	}
}

// What a Gate can answer has a fixture, apart from what the table names here.
func TestNoCodeIsLeftOut(t *testing.T) {
	elsewhere := map[api.Code]string{
		api.OK: "Send", api.CredentialMissing: "app keys belong to the service", api.CredentialInvalid: "app keys belong to the service",
		api.TestKeyInProd: "app keys belong to the service", api.RateLimited: "limits belong to the service",
		api.IdempotencyKeyConflict: "a Gate chooses its own keys", api.RootNotSnapshot: "needs an action with a snapshot",
		api.IssuerMissing: "needs several issuers", api.NullifierMismatch: "needs several issuers",
		api.NotFound: "the app's router", api.MethodNotAllowed: "the app's router", api.WrongMediaType: "no page sends it",
		api.Gone: "issuer", api.Internal: "no fixture should exist", api.SessionExpired: "issuer",
	}
	have := humantest.Codes()
	for _, info := range api.Table() {
		if info.Code == api.SessionExpired {
			break // from here on: codes of an issuer and of a wallet
		}
		found := false
		for _, c := range have {
			found = found || c == info.Code
		}
		if _, ok := elsewhere[info.Code]; ok == found {
			t.Errorf("%s: fixture %v, left to others %v", info.Code, found, ok)
		}
	}
}

// The second run of a test finds its proofs; a spoilt cache is noticed, and
// what it held is made again.
func TestCache(t *testing.T) {
	cache := t.TempDir()
	run := func() {
		t.Helper()
		kit := humantest.New(t, humantest.Options{Cache: cache})
		if w := kit.Person("ada").Send(forum(t, kit), posting("hello"), "post"); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	kept := func() (name string, body []byte, at time.Time) {
		t.Helper()
		files, err := os.ReadDir(cache)
		if err != nil || len(files) != 1 {
			t.Fatalf("%d files in the cache, %v", len(files), err)
		}
		name = filepath.Join(cache, files[0].Name())
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if body, err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		return name, body, info.ModTime()
	}
	run()
	_, first, made := kept()
	run()
	name, second, found := kept()
	if !bytes.Equal(first, second) || !made.Equal(found) {
		t.Error("the second run did not find the proof of the first")
	}
	spoilt := bytes.Clone(second)
	spoilt[len(spoilt)-1] ^= 1
	if err := os.WriteFile(name, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	run()
	if _, third, _ := kept(); bytes.Equal(third, spoilt) {
		t.Error("a spoilt proof was used")
	}
}
