package ginhuman_test

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/ginhuman"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const rp, origin = "forum.localhost", "http://forum.localhost"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Through a Gate, and through a Remote to a service over the same verifier.
func TestGin(t *testing.T) {
	t.Run("Gate", func(t *testing.T) { throughGin(t, func(g *sdk.Gate, _ string) sdk.Guard { return g }) })
	t.Run("Remote", func(t *testing.T) {
		throughGin(t, func(g *sdk.Gate, vkey string) sdk.Guard {
			key := must(httpapi.NewKey(rand.NewChaCha8([32]byte{6}), httpapi.LiveKey))
			h := must(httpapi.New(httpapi.Options{
				Apps:    []httpapi.App{{Key: key, Verifier: g.Verifier(), Actions: map[string]scope.Policy{"post": sdk.Once(), "draft": sdk.Once()}}},
				Issuers: []string{vkey},
			}))
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close)
			return must(sdk.NewRemote(sdk.RemoteConfig{URL: srv.URL, Key: key, RP: rp}))
		})
	})
}

func throughGin(t *testing.T, through func(g *sdk.Gate, vkey string) sdk.Guard) {
	now := time.Unix(1_800_014_400, 0)
	set := verifiertest.One()
	log := set.NewLog(t, "issuer.localhost/people", now)
	log.Publish(t, now)
	srv := httptest.NewServer(log)
	defer srv.Close()
	gate, err := sdk.Open(t.Context(), sdk.Config{
		RP: rp, Issuers: []string{log.VKey}, At: map[string]string{log.Name: srv.URL}, Store: memory.New(),
		Now: func() time.Time { return now }, Keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))},
		Rand: rand.NewChaCha8([32]byte{5}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	guard := through(gate, log.VKey)
	defer guard.Close()

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	var order []string
	step := func(name string) gin.HandlerFunc { return func(*gin.Context) { order = append(order, name) } }
	r.POST("/perhuman/challenge", gin.WrapH(guard.Challenges()))
	r.POST("/posts/:id", step("before"), ginhuman.Require(guard, "post", sdk.Once()), step("after"), func(c *gin.Context) {
		b, _ := io.ReadAll(c.Request.Body)
		c.JSON(http.StatusCreated, gin.H{"id": c.Param("id"), "nullifier": ginhuman.Person(c).Nullifier, "body": string(b)})
	})
	r.POST("/drafts", ginhuman.RequireContent(guard, "draft", sdk.Once(), func(*http.Request, []byte) (scope.Digest, error) {
		return scope.Digest{7}, nil
	}), func(c *gin.Context) { c.Status(http.StatusCreated) })

	do := func(path, body, response string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("POST", path, strings.NewReader(body))
		req.Header.Set("Origin", origin)
		req.Header.Set("Content-Type", "application/json")
		if response != "" {
			req.Header.Set("Perhuman-Response", response)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		return w
	}
	answer := func(action string, content scope.Digest) string {
		var c api.ChallengeResponse
		if err := json.Unmarshal(do("/perhuman/challenge", `{"action":"`+action+`"}`, "").Body.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		sc := must(scope.Compute(rp, action, scope.Period{}, 0))
		proof := set.Prove(t, 0, scope.Message(content, scope.ChallengeDigest(must(scope.DecodeToken(c.Challenge)))), sc)
		return must(proof.Packed()) + "." + c.Challenge
	}

	if w := do("/posts/17", "hello", ""); w.Code != 403 || !strings.Contains(w.Body.String(), `"challenge_missing"`) || strings.Join(order, " ") != "before" {
		t.Fatalf("%d %s %v", w.Code, w.Body, order)
	}
	order = nil
	a := answer("post", must(scope.Content(scope.KindRaw, []byte("hello"))))
	w := do("/posts/17", "hello", a)
	var got struct{ ID, Nullifier, Body string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 201 || got.ID != "17" || got.Body != "hello" || got.Nullifier == "" ||
		strings.Join(order, " ") != "before after" {
		t.Fatalf("%d %s %v", w.Code, w.Body, order)
	}
	order = nil
	if w := do("/posts/17", "hello", a); w.Code != 403 || !strings.Contains(w.Body.String(), `"challenge_already_used"`) || len(order) != 1 {
		t.Fatalf("%d %s %v", w.Code, w.Body, order)
	}
	if w := do("/drafts", "anything", answer("draft", scope.Digest{7})); w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}
