package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// A service that starts with no app at all: the operator makes one on the admin
// listener, and its key works on the other; what the flags say may stand in the
// environment instead.
func TestVerifierWithManyApps(t *testing.T) {
	dir := t.TempDir()
	log := verifiertest.One().NewLog(t, "issuer.localhost/people", time.Now())
	log.Publish(t, time.Now())
	srv := httptest.NewServer(log)
	defer srv.Close()
	token := filepath.Join(dir, "token")
	if code, out, errs := call(t, "verifier", "keygen", "-admin", token); code != 0 || strings.Contains(out, "pha_") {
		t.Fatal(out, errs)
	}
	secret, err := readSecret(token)
	if err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{
		"PERHUMAN_ISSUER": log.VKey, "PERHUMAN_AT": srv.URL, "PERHUMAN_DB": filepath.Join(dir, "db"), "PERHUMAN_ADDR": "127.0.0.1:0", "PERHUMAN_BOUND": "1",
		"PERHUMAN_ADMIN_TOKEN": token, "PERHUMAN_TRUSTED_PROXY": "10.0.0.0/8 fd00::/8",
	}
	ctx, stop := context.WithCancel(t.Context())
	out, to := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"verifier", "-admin", "127.0.0.1:0"}, env{out: to, err: &errs, rand: rand.Reader, getenv: func(name string) string { return environ[name] }})
		_ = to.Close()
	}()
	lines := bufio.NewReader(out)
	address := func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			stop()
			t.Fatalf("it did not start: %v, exit %d, %s", err, <-ended, errs.String())
		}
		return strings.TrimSpace(line[strings.LastIndex(line, "http://"):])
	}
	public, operator := address(), address()
	ask := func(method, url, body, bearer string) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		var m map[string]any
		if json.Unmarshal(b, &m) != nil {
			m = map[string]any{"text": string(b)}
		}
		return resp.StatusCode, m
	}
	status, app := ask("POST", operator+"/admin/apps", `{"name":"Forum","rp":"forum.example","environment":"live","actions":{"post":"5/day"}}`, secret)
	if status != 200 {
		t.Fatalf("%d %v", status, app)
	}
	_, key := ask("POST", operator+"/admin/apps/"+app["id"].(string)+"/keys", `{}`, secret)
	if status, m := ask("POST", public+"/v1/verify", `{"action":"post","proof":"AAAA"}`, key["secret"].(string)); status != 400 || m["code"] != "malformed_request" {
		t.Errorf("%d %v", status, m)
	}
	if status, _ := ask("POST", public+"/admin/apps", `{}`, secret); status != 404 {
		t.Errorf("the admin surface is on the public listener: %d", status)
	}
	if status, m := ask("GET", public+"/turnstile/v0/api.js?wallet=https://wallet.example", "", ""); status != 200 || !strings.Contains(m["text"].(string), "cf-turnstile") {
		t.Errorf("pages written for a CAPTCHA get no script: %d", status)
	}
	if status, m := ask("POST", public+"/turnstile/v0/siteverify", `{"secret":"x","response":"y"}`, ""); status != 200 || m["success"] != false {
		t.Errorf("beside the script: %d %v", status, m)
	}
	if status, m := ask("GET", operator+"/metrics", "", secret); status != 200 || !strings.Contains(m["text"].(string), `perhuman_decisions_total{app="`+app["id"].(string)+`",code="malformed_request"} 1`) ||
		!strings.Contains(m["text"].(string), "perhuman_roots_fresh") {
		t.Errorf("%d %v", status, m)
	}
	if status, m := ask("GET", operator+"/admin/state", "", secret); status != 200 || len(m["roots"].([]any)) != 1 || m["apps"] != 1.0 {
		t.Errorf("%d %v", status, m)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if code, _, _ := call(t, "healthcheck", public); code == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it never gets ready")
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if code, _, errs := call(t, "healthcheck", "-timeout", "1s", public); code != 1 || !strings.Contains(errs, "not ready") {
		t.Errorf("after the end: %d %s", code, errs)
	}
	for _, bad := range []string{"", "forum.example", "ftp://x"} {
		if code, _, _ := call(t, "healthcheck", bad); code != 2 {
			t.Errorf("%q: %d", bad, code)
		}
	}
}

// start runs a verifier service until stop is called, and gives its addresses.
func start(t *testing.T, environ map[string]string, args ...string) (public, operator string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, to := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"verifier"}, args...), env{out: to, err: &errs, rand: rand.Reader, getenv: func(name string) string { return environ[name] }})
		_ = to.Close()
	}()
	lines := bufio.NewReader(out)
	address := func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			cancel()
			t.Fatalf("it did not start: %v, exit %d, %s", err, <-ended, errs.String())
		}
		return strings.TrimSpace(line[strings.LastIndex(line, "http://"):])
	}
	public, operator = address(), address()
	return public, operator, func() {
		t.Helper()
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("exit %d: %s", code, errs.String())
		}
	}
}

// Two services over one PostgreSQL share their apps: a key that is made at one
// works at the other within seconds, and is refused there after its end.
func TestVerifiersShareAnApp(t *testing.T) {
	cluster := pgtest.Start(t)
	dir := t.TempDir()
	log := verifiertest.One().NewLog(t, "issuer.localhost/people", time.Now())
	log.Publish(t, time.Now())
	srv := httptest.NewServer(log)
	defer srv.Close()
	token, dsn := filepath.Join(dir, "token"), filepath.Join(dir, "dsn")
	if code, _, errs := call(t, "verifier", "keygen", "-admin", token); code != 0 {
		t.Fatal(errs)
	}
	if err := os.WriteFile(dsn, []byte(cluster.Schema(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, err := readSecret(token)
	if err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{
		"PERHUMAN_ISSUER": log.VKey, "PERHUMAN_AT": srv.URL, "PERHUMAN_POSTGRES": dsn, "PERHUMAN_ADDR": "127.0.0.1:0", "PERHUMAN_ADMIN": "127.0.0.1:0", "PERHUMAN_ADMIN_TOKEN": token,
	}
	_, operator, stopA := start(t, environ)
	public, _, stopB := start(t, environ)
	ask := func(method, url, body, bearer string) map[string]any {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var m map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	app := ask("POST", operator+"/admin/apps", `{"name":"Forum","rp":"forum.example","environment":"live","actions":{"post":"5/day"}}`, secret)
	at := operator + "/admin/apps/" + app["id"].(string) + "/keys"
	key := ask("POST", at, `{}`, secret)
	await := func(code string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			m := ask("POST", public+"/v1/verify", `{"action":"post","proof":"AAAA"}`, key["secret"].(string))
			if m["code"] == code {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("want %s: %v", code, m)
			}
		}
	}
	await("malformed_request")
	ask("DELETE", at+"/"+key["id"].(string), "", secret)
	await("credential_invalid")
	stopA()
	stopB()
}

// What the flags come to can be seen, and holds no secret.
func TestVerifierConfigPrint(t *testing.T) {
	dir := t.TempDir()
	dsn := filepath.Join(dir, "dsn")
	if err := os.WriteFile(dsn, []byte("postgres://user:hunter2@db/spend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"verifier", "config", "print", "-rp", "forum.example", "-action", "vote=once", "-action=post=5/day", "-issuer", "i.example/x+1+a", "-postgres", dsn,
		"-webhook", "https://user:hunter2@forum.example/hook?token=hunter2", "-webhook-secret", "w"}, env{out: &out, err: &errs, rand: rand.Reader, getenv: func(name string) string {
		return map[string]string{"PERHUMAN_ADDR": "127.0.0.1:9", "PERHUMAN_RP": "other.example"}[name]
	}})
	text := strings.Join(strings.Fields(out.String()), " ")
	if code != 0 || strings.Contains(text, "hunter2") || strings.Contains(text, "user") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
	for _, want := range []string{"rp forum.example # flag", "addr 127.0.0.1:9 # PERHUMAN_ADDR", "env live # default", "action post=5/day vote=once # flag", "webhook https://…@forum.example/hook?… # flag"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for _, args := range [][]string{
		{}, {"-issuer", "x"}, {"-issuer", "x", "-db", "d"}, {"-issuer", "x", "-db", "d", "-postgres", "p", "-rp", "r", "-action", "a=once"}, {"-issuer", "x", "-require", "y", "-db", "d", "-rp", "r", "-action", "a=once"},
		{"-issuer", "x", "-db", "d", "-rp", "r"}, {"-issuer", "x", "-db", "d", "-admin", "a"}, {"-issuer", "x", "-db", "d", "-admin", "a", "-admin-token", "t", "-key", "k"},
		{"-issuer", "x", "-db", "d", "-rp", "r", "-action", "a=once", "-webhook", "w"}, {"-issuer", "x", "-db", "d", "-rp", "r", "-action", "a=once", "-trusted-proxy", "everybody"}, {"-bound", "1001", "-issuer", "x", "-db", "d", "-rp", "r", "-action", "a=once"},
	} {
		if code, _, _ := call(t, append([]string{"verifier"}, args...)...); code != 2 {
			t.Errorf("%v: %d", args, code)
		}
	}
}
