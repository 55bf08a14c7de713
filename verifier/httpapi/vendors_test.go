package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// peers gives the folder of the npm packages that tests talk to.
func peers(t *testing.T, packages ...string) string {
	t.Helper()
	dir, err := filepath.Abs("../../sdk/web/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(dir, p)); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is missing, which is an error under CI=true", p)
			}
			t.Skipf("%s is missing: make web-dev", p)
		}
	}
	return dir
}

// vendorScript runs the vendors' own clients, unmodified. Two of them have
// their host built in: the socket is led here, below TLS, whose certificate
// must still be good for that host.
const vendorScript = `
const tls = require('tls'), https = require('https'), path = require('path')
const { port, dir, ca, secret, sitekey, tokens } = JSON.parse(process.argv[1])
const at = name => require(path.join(dir, name))
https.globalAgent.createConnection = o => tls.connect({ host: '127.0.0.1', port, servername: o.host || o.hostname, ca })
const recaptcha = (V, token) => new Promise(ok => new V('site', secret).verify({ body: { 'g-recaptcha-response': token } }, (err, data) => ok({ err, data })))
;(async () => {
  const out = {}
  const h = at('hcaptcha')
  out.hcaptcha = await h.verify(secret, tokens[0], '192.0.2.1', sitekey)
  out.hcaptchaAgain = await h.verify(secret, tokens[0])
  out.hcaptchaSecret = await h.verify('wrong', tokens[0])
  out.hcaptchaSite = await h.verify(secret, tokens[0], null, 'other')
  const turnstile = at('cf-turnstile')(secret, { apiUrl: 'https://127.0.0.1:' + port + '/turnstile/v0/siteverify' })
  out.turnstile = await turnstile(tokens[1])
  out.turnstileAgain = await turnstile(tokens[1])
  const r = at('express-recaptcha')
  out.recaptchaV3 = await recaptcha(r.RecaptchaV3, tokens[2])
  out.recaptchaV3Again = await recaptcha(r.RecaptchaV3, tokens[2])
  out.recaptchaV2 = await recaptcha(r.RecaptchaV2, tokens[3])
  out.recaptchaV2Bad = await recaptcha(r.RecaptchaV2, 'rubbish')
  console.log(JSON.stringify(out))
})().catch(e => { console.error(e); process.exit(1) })
`

// What an app has that used hCaptcha, Turnstile or reCAPTCHA goes on working
// with another address and secret, and refuses what it should.
func TestVendorsOwnClients(t *testing.T) {
	dir := peers(t, "hcaptcha", "cf-turnstile", "express-recaptcha")
	s, reg := newMany(t, nil)
	app := must(reg.CreateApp(t.Context(), registry.AppParams{Name: "Forum", RP: rp, Environment: "live", Actions: map[string]string{"vote": "once"}}))
	secret, site, err := reg.CreateSite(t.Context(), app.ID, "vote", nil)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for i := range 4 {
		tokens = append(tokens, s.response(i, "vote", s.formChallenge("vote", origin)))
	}
	srv := httptest.NewUnstartedServer(theContract().watch(t, s.srv.handler()))
	ca, pair := certificate(t, "hcaptcha.com", "www.google.com", "127.0.0.1")
	srv.TLS = pair
	srv.StartTLS()
	defer srv.Close()
	at := must(url.Parse(srv.URL))
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	input := must(json.Marshal(map[string]any{"port": at.Port(), "dir": dir, "ca": string(ca), "secret": secret, "sitekey": site.Key, "tokens": tokens}))
	cmd := exec.CommandContext(t.Context(), "node", "-e", vendorScript, string(input))
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+caFile)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	type answer struct {
		Success    bool     `json:"success"`
		Hostname   string   `json:"hostname"`
		Action     string   `json:"action"`
		ErrorCodes []string `json:"error-codes"`
		Errors     []string `json:"errors"` // as cf-turnstile calls them
		Timestamp  string   `json:"timestamp"`
		Challenge  string   `json:"challenge_ts"`
		Err        *string  `json:"err"` // express-recaptcha
		Data       *struct {
			Hostname string   `json:"hostname"`
			Score    *float64 `json:"score"`
			Action   string   `json:"action"`
		} `json:"data"`
	}
	var got map[string]answer
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	for name, word := range map[string]string{
		"hcaptcha": "", "hcaptchaAgain": "timeout-or-duplicate", "hcaptchaSecret": "invalid-input-secret", "hcaptchaSite": "sitekey-secret-mismatch",
		"turnstile": "", "turnstileAgain": "timeout-or-duplicate",
		"recaptchaV3": "", "recaptchaV3Again": "timeout-or-duplicate", "recaptchaV2": "", "recaptchaV2Bad": "invalid-input-response",
	} {
		a, ok := got[name]
		var words []string
		success, host := a.Success, a.Hostname
		switch {
		case !ok:
			t.Errorf("%s did not run", name)
			continue
		case a.Err != nil:
			words = []string{*a.Err}
		case a.Data != nil:
			success, host = true, a.Data.Hostname
			if name == "recaptchaV3" && (a.Data.Score == nil || *a.Data.Score != 1 || a.Data.Action != "vote") {
				t.Errorf("%s: %+v", name, *a.Data)
			}
		default:
			words = append(a.ErrorCodes, a.Errors...)
		}
		if success != (word == "") || word != "" && (len(words) != 1 || words[0] != word) || success && host != "forum.example" {
			t.Errorf("%s: want %q, got %s", name, word, raw)
		}
	}
	if a := got["turnstile"]; a.Timestamp == "" || a.Action != "vote" {
		t.Errorf("%+v", a)
	}
}
