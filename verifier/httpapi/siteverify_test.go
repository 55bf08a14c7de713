package httpapi

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// response has person i answer a challenge the way a form's widget does: no
// content, no session.
func (s *service) response(i int, action, challenge string) string {
	s.t.Helper()
	token := must(scope.DecodeToken(challenge))
	proof := s.set.Prove(s.t, i, scope.Message(scope.Digest{}, scope.ChallengeDigest(token)), must(scope.Compute(rp, action, scope.Once().Period(s.clock()), 0)))
	return must(proof.Packed()) + "." + challenge
}

func (s *service) formChallenge(action, from string) string {
	s.t.Helper()
	r := s.do(call{"POST", "/v1/challenges", `{"action":"` + action + `"}`, map[string]string{"Origin": from}})
	var c api.ChallengeResponse
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || c.Challenge == "" {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	return c.Challenge
}

type siteReply struct {
	reply
	api.SiteverifyResponse
}

func (s *service) site(path string, form url.Values, asJSON bool) siteReply {
	s.t.Helper()
	c := call{"POST", path, form.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	if asJSON {
		m := map[string]string{}
		for k := range form {
			m[k] = form.Get(k)
		}
		c.body, c.header = string(must(json.Marshal(m))), nil
	}
	out := siteReply{reply: s.do(c)}
	if err := json.Unmarshal([]byte(out.body), &out.SiteverifyResponse); err != nil {
		s.t.Fatalf("%d %s", out.status, out.body)
	}
	return out
}

func newSite(t *testing.T) (s *service, reg *registry.Registry, app registry.App, secret string, site registry.Site) {
	s, reg = newMany(t, nil)
	p := forum
	p.Actions = map[string]string{"vote": "once", "join": "once"}
	p.Origins = []string{origin}
	app = must(reg.CreateApp(t.Context(), p))
	var err error
	if secret, site, err = reg.CreateSite(t.Context(), app.ID, "vote", nil); err != nil {
		t.Fatal(err)
	}
	return s, reg, app, secret, site
}

func TestSiteverify(t *testing.T) {
	s, reg, app, secret, site := newSite(t)
	first := s.response(3, "vote", s.formChallenge("vote", origin))
	form := url.Values{"secret": {secret}, "response": {first}, "remoteip": {"192.0.2.1"}, "sitekey": {site.Key}, "idempotency_key": {"0e6cd2fb-7ad9-4dd6-8b5b-3fbc1bb4a9e5"}}
	for round, asJSON := range []bool{false, true} { // the second is a repeat under the same key
		r := s.site("/siteverify", form, asJSON)
		if !r.SiteverifyResponse.Success || r.Hostname != "forum.example" || r.SiteverifyResponse.Action != "vote" || len(r.SiteverifyResponse.ErrorCodes) != 0 ||
			r.ChallengeTS != noon.UTC().Format(time.RFC3339) || r.Perhuman == nil || r.Perhuman.Nullifier == "" || r.Perhuman.Replayed != (round == 1) {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	wrong := func(name string, edit func(url.Values), status int, word string) siteReply {
		t.Helper()
		f := url.Values{}
		for k, v := range form {
			f[k] = slices.Clone(v)
		}
		f.Del("idempotency_key")
		edit(f)
		r := s.site("/siteverify", f, false)
		if r.SiteverifyResponse.Success || r.status != status || !slices.Equal(r.SiteverifyResponse.ErrorCodes, []string{word}) {
			t.Errorf("%s: %d %s, want %d %s", name, r.status, r.body, status, word)
		}
		if r.Hostname != "" || r.ChallengeTS != "" {
			t.Errorf("%s: a refusal says where from: %s", name, r.body)
		}
		return r
	}
	wrong("again without a key", func(url.Values) {}, 200, "timeout-or-duplicate")
	wrong("no secret", func(f url.Values) { f.Del("secret") }, 200, "missing-input-secret")
	wrong("another secret", func(f url.Values) { f.Set("secret", "phs_live_"+strings.Repeat("A", 43)) }, 200, "invalid-input-secret")
	wrong("a test secret", func(f url.Values) { f.Set("secret", "1x0000000000000000000000000000000AA") }, 200, "invalid-input-secret")
	wrong("no response", func(f url.Values) { f.Del("response") }, 200, "missing-input-response")
	wrong("rubbish", func(f url.Values) { f.Set("response", "XXXX.DUMMY.TOKEN.XXXX") }, 200, "invalid-input-response")
	wrong("half", func(f url.Values) { f.Set("response", strings.Split(first, ".")[0]) }, 200, "invalid-input-response")
	wrong("too long", func(f url.Values) { f.Set("response", strings.Repeat("A", 2049)) }, 200, "invalid-input-response")
	wrong("another site's key", func(f url.Values) { f.Set("sitekey", "phsite_x") }, 200, "sitekey-secret-mismatch")
	wrong("a secret twice", func(f url.Values) { f.Add("secret", secret) }, 400, "bad-request")
	wrong("too large", func(f url.Values) { f.Set("cdata", strings.Repeat("x", maxSiteBody)) }, 413, "bad-request")
	s.store.mood = errBoom
	r := wrong("no store", func(f url.Values) { f.Set("response", s.response(4, "vote", s.formChallenge("vote", origin))) }, 503, "internal-error")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.store.mood = nil
	if r := s.do(call{"POST", "/siteverify", "secret=x", map[string]string{"Content-Type": "text/plain"}}); r.status != 415 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(call{"POST", "/siteverify", "%zz=%", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.do(call{"POST", "/siteverify", `{"secret":7}`, nil}); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}

	// A token for one action is worth nothing at another.
	other, _, err := reg.CreateSite(t.Context(), app.ID, "join", nil)
	if err != nil {
		t.Fatal(err)
	}
	token := s.response(5, "vote", s.formChallenge("vote", origin))
	wrong("another action", func(f url.Values) { f.Set("secret", other); f.Del("sitekey"); f.Set("response", token) }, 200, "invalid-input-response")
	if r := s.site("/turnstile/v0/siteverify", url.Values{"secret": {secret}, "response": {token}}, false); !r.SiteverifyResponse.Success || r.CData == nil || r.Score != nil {
		t.Errorf("it was not spent there: %s", r.body)
	}
	token = s.response(6, "vote", s.formChallenge("vote", origin))
	if r := s.site("/recaptcha/api/siteverify", url.Values{"secret": {secret}, "response": {token}}, false); r.Score == nil || *r.Score != 1 {
		t.Errorf("%s", r.body)
	}

	// Rotation: both secrets for the overlap, then the new one.
	fresh, _, err := reg.RotateSite(t.Context(), app.ID, site.Key, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	wrong("the old secret in the overlap", func(url.Values) {}, 200, "timeout-or-duplicate")
	s.sleep(time.Minute)
	wrong("the old secret afterwards", func(url.Values) {}, 200, "invalid-input-secret")
	wrong("the new secret", func(f url.Values) { f.Set("secret", fresh) }, 200, "timeout-or-duplicate")
}

// A sitekey is good for its own origins only, even if the app has more.
func TestSiteOrigins(t *testing.T) {
	s, reg := newMany(t, nil)
	const near, far = "http://forum.localhost", "https://forum.localhost"
	app := must(reg.CreateApp(t.Context(), registry.AppParams{
		Name: "Forum", RP: "forum.localhost", Environment: "live", Origins: []string{near, far}, Actions: map[string]string{"vote": "once"},
	}))
	secret, _, err := reg.CreateSite(t.Context(), app.ID, "vote", []string{far})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]api.Code{near: api.ChallengeWrongOrigin, far: api.ScopeMismatch} { // the proof is for another site; origins come first
		token := s.response(7, "vote", s.formChallenge("vote", from))
		r := s.site("/siteverify", url.Values{"secret": {secret}, "response": {token}}, false)
		if r.Perhuman == nil || r.Perhuman.Code != want {
			t.Errorf("%s: %s, want %s", from, r.body, want)
		}
	}
	if _, _, err := reg.CreateSite(t.Context(), app.ID, "vote", []string{"https://evil.example"}); err == nil {
		t.Error("a site takes an origin that is not the app's")
	}
}

// Reserved keys give each code on demand where nothing is live, and are refused
// where something is.
func TestReservedKeys(t *testing.T) {
	s, reg := newMany(t, nil)
	p := forum
	p.Environment = "test"
	must(reg.CreateApp(t.Context(), p))
	for _, row := range api.Table() {
		if row.Siteverify == "" && row.Code != api.OK || slices.Contains([]api.Code{api.NotFound, api.MethodNotAllowed, api.Gone}, row.Code) {
			continue
		}
		r := s.do(call{"POST", "/v1/verify", `{"action":"post","proof":"` + strings.Repeat("A", 343) + `"}`, map[string]string{"Authorization": "Bearer " + ReservedKey(row.Code)}})
		if r.Code != row.Code || r.status != row.Status || r.Success != (row.Code == api.OK) || (r.status == 429 || r.status == 503) != (r.header.Get("Retry-After") != "") && r.status != 500 {
			t.Errorf("%s: %d %s", row.Code, r.status, r.body)
		}
		if r.status == 200 && r.Environment != "test" {
			t.Errorf("%s does not say that it is a test: %s", row.Code, r.body)
		}
		site := s.site("/siteverify", url.Values{"secret": {ReservedSecret(row.Code)}, "response": {"x"}}, false)
		if site.SiteverifyResponse.Success != (row.Code == api.OK) || row.Code != api.OK && !slices.Equal(site.SiteverifyResponse.ErrorCodes, []string{row.Siteverify}) {
			t.Errorf("%s: %d %s", row.Code, site.status, site.body)
		}
	}
	for _, code := range []api.Code{"nonsense", api.Gone, api.QuotaExhausted, api.SessionUsed, ""} {
		if r := s.ask(ReservedKey(code)); r.Code != api.CredentialInvalid {
			t.Errorf("%q: %s", code, r.body)
		}
	}
	vendor := []string{"1x0000000000000000000000000000000AA", "0x0000000000000000000000000000000000000000", "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}
	for _, secret := range vendor {
		if r := s.site("/siteverify", url.Values{"secret": {secret}, "response": {"x"}}, false); !r.SiteverifyResponse.Success {
			t.Errorf("%s: %s", secret, r.body)
		}
	}
	batch := call{"POST", "/v1/verify/batch", `{"items":[{"action":"post"},{"action":"vote"}]}`, map[string]string{"Authorization": "Bearer " + ReservedKey(api.ProofInvalid)}}
	if r := s.do(batch); r.status != 200 || strings.Count(r.body, `"proof_invalid"`) != 2 {
		t.Errorf("%s", r.body)
	}
	// One live app, and none of them works any more.
	must(reg.CreateApp(t.Context(), registry.AppParams{Name: "Shop", RP: "shop.example", Environment: "live", Actions: map[string]string{"buy": "once"}}))
	if r := s.ask(ReservedKey(api.OK)); r.Code != api.TestKeyInProd || r.status != 403 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, secret := range append(vendor, ReservedSecret(api.OK)) {
		if r := s.site("/siteverify", url.Values{"secret": {secret}, "response": {"x"}}, false); r.SiteverifyResponse.Success || !slices.Equal(r.SiteverifyResponse.ErrorCodes, []string{"invalid-input-secret"}) {
			t.Errorf("%s: %s", secret, r.body)
		}
	}
	if n := s.counters.Snapshot()[api.TestKeyInProd]; n != 5 {
		t.Errorf("counted %d", n)
	}
}

// A page that was written for a CAPTCHA knows its sitekey and no action: the
// challenge is for the site's action, for pages of the site's origins alone.
func TestChallengeBySitekey(t *testing.T) {
	s, _, _, secret, site := newSite(t)
	ask := func(body, from string) reply {
		return s.do(call{"POST", "/v1/challenges", body, map[string]string{"Origin": from}})
	}
	r := ask(`{"sitekey":"`+site.Key+`"}`, origin)
	var c api.ChallengeResponse
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != 200 || c.Action != "vote" || c.Policy != "once" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if v := s.site("/siteverify", url.Values{"secret": {secret}, "response": {s.response(2, "vote", c.Challenge)}}, false); !v.SiteverifyResponse.Success {
		t.Fatal(v.body)
	}
	for body, want := range map[string]api.Code{
		`{"sitekey":"phsite_other"}`:                     api.ActionUnknown,
		`{"sitekey":"` + site.Key + `","action":"vote"}`: api.MalformedRequest,
		`{}`: api.ActionUnknown,
	} {
		if r := ask(body, origin); r.Code != want {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	if r := ask(`{"sitekey":"`+site.Key+`"}`, "https://elsewhere.example"); r.Code != api.OriginNotAllowed {
		t.Error(r.body)
	}
}
