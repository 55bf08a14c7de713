package httpapi

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// vendor is a CAPTCHA whose integrations find us under a path of theirs.
type vendor struct {
	path  string
	score bool // reCAPTCHA v3: 1 is certainly human. hCaptcha's score runs the other way and is never sent
	cdata bool // Turnstile
}

var vendors = [...]vendor{
	{path: "/siteverify"}, // ours, and hCaptcha's
	{path: "/turnstile/v0/siteverify", cdata: true},
	{path: "/recaptcha/api/siteverify", score: true},
}

// What siteverify alone says.
const (
	missingSecret   = "missing-input-secret"
	missingResponse = "missing-input-response"
	wrongSitekey    = "sitekey-secret-mismatch"
)

// siteInput is the request, in field names that all of them share.
type siteInput struct {
	Secret, Response, RemoteIP, IdempotencyKey, Sitekey string
}

// siteverify answers in the shape that CAPTCHA integrations know, faults too:
// status 200 and success false for whatever is wrong with secret or response,
// status 400, 413 or 415 for what cannot be read, 429 and 503 with Retry-After
// for what may pass when sent again.
func (s *server) siteverify(v vendor) gin.HandlerFunc {
	return func(c *gin.Context) {
		in, err := readSite(c)
		if err != nil {
			s.answerSite(c, v, api.SiteverifyResponse{}, s.early(nil, err))
			return
		}
		out, err := s.site(c, in)
		s.answerSite(c, v, out, err)
	}
}

// site decides about a response.
func (s *server) site(c *gin.Context, in siteInput) (api.SiteverifyResponse, error) {
	if in.Secret == "" {
		_ = s.early(nil, api.Errorf(api.CredentialMissing, ""))
		return api.SiteverifyResponse{ErrorCodes: []string{missingSecret}}, nil
	}
	if code, ok := s.reservedSecret(in.Secret); ok {
		return pretendSite(code)
	}
	a, site := s.findSite(in.Secret)
	if a == nil {
		return api.SiteverifyResponse{}, s.unknown(in.Secret)
	}
	if err := a.admission.enter(); err != nil { // not before its body: the secret that names the app is there
		return api.SiteverifyResponse{}, s.early(a, err)
	}
	defer a.admission.leave()
	if in.Response == "" {
		_ = s.early(a, api.Errorf(api.MalformedRequest, ""))
		return api.SiteverifyResponse{ErrorCodes: []string{missingResponse}}, nil
	}
	if in.Sitekey != "" && in.Sitekey != site.Key {
		_ = s.early(a, api.Errorf(api.CredentialInvalid, ""))
		return api.SiteverifyResponse{ErrorCodes: []string{wrongSitekey}}, nil
	}
	if wait := a.bucket.Take(s.Now(), 1); wait > 0 {
		return api.SiteverifyResponse{}, s.early(a, serve.Limited(wait))
	}
	policy, err := a.policy(site.Action)
	if err != nil {
		return api.SiteverifyResponse{}, s.early(a, err)
	}
	v, err := a.verifier(c)
	if err != nil {
		return api.SiteverifyResponse{}, s.early(a, err)
	}
	proofs, challenge, err := verifier.ParseAnswer(in.Response)
	if err != nil { // a token that cannot be read is a wrong token here, whatever is wrong with it
		verdict := v.Refuse(site.Action, policy, api.CodeOf(s.early(a, err)))
		s.refused(c, a, verdict)
		return api.SiteverifyResponse{Perhuman: &verdict, ErrorCodes: []string{api.ProofInvalid.Info().Siteverify}}, nil
	}
	origin, issued := site.Origins[0], uint64(0)
	if raw, err := scope.DecodeToken(challenge); err == nil {
		if parsed, err := scope.ParseChallenge(raw); err == nil {
			// Named by the token, compared under its signature: one that is
			// none of the site's is refused as challenge_wrong_origin.
			if i := slices.IndexFunc(site.Origins, func(o string) bool { return scope.HashString(o) == parsed.Origin }); i >= 0 {
				origin = site.Origins[i]
			}
			issued = parsed.Issued
		}
	}
	client, err := a.client(in.RemoteIP)
	if err != nil {
		return api.SiteverifyResponse{}, s.early(a, err)
	}
	verdict, err := v.Consume(c, verifier.Request{
		Action: site.Action, Policy: policy, Proof: proofs[0], And: proofs[1:], Challenge: challenge, Origin: origin,
		Credential: a.credential, IdempotencyKey: in.IdempotencyKey, Client: client,
	})
	if err != nil {
		return api.SiteverifyResponse{}, err
	}
	a.admission.judge(verdict.Code)
	s.refused(c, a, verdict)
	out := api.SiteverifyResponse{Success: verdict.Success, ErrorCodes: verdict.ErrorCodes, Perhuman: &verdict}
	if verdict.Success {
		out.ChallengeTS = time.Unix(int64(issued), 0).UTC().Format(time.RFC3339)
		out.Hostname, out.Action = hostname(origin), site.Action
	}
	return out, nil
}

func hostname(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// answerSite writes the answer.
func (s *server) answerSite(c *gin.Context, v vendor, out api.SiteverifyResponse, err error) {
	status := http.StatusOK
	if err != nil {
		serve.LogProblem(s.Logf, c.Request, err)
		info := api.CodeOf(err).Info()
		word := info.Siteverify
		if word == "" {
			word = api.Internal.Info().Siteverify
		}
		out = api.SiteverifyResponse{ErrorCodes: []string{word}}
		if info.Status == http.StatusBadRequest || info.Status == http.StatusRequestEntityTooLarge ||
			info.Status == http.StatusUnsupportedMediaType || info.Status == http.StatusTooManyRequests || info.Status >= 500 {
			status = info.Status
		}
		if info.Retry == api.RetrySame {
			c.Header("Retry-After", strconv.Itoa(retryAfter(err)))
		}
	}
	if out.ErrorCodes == nil {
		out.ErrorCodes = []string{}
	}
	if v.score {
		score := 0.0
		if out.Success {
			score = 1
		}
		out.Score = &score
	}
	if v.cdata {
		out.CData = new(string)
	}
	serve.WriteJSON(c.Writer, status, out)
}

// readSite reads a form or a JSON object. Names that we do not know are passed
// over, as every other siteverify does; those that we know come once.
func readSite(c *gin.Context) (siteInput, error) {
	r := c.Request
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form := media == "application/x-www-form-urlencoded"
	if charset := strings.ToLower(params["charset"]); err != nil || !form && media != "application/json" || charset != "" && charset != "utf-8" {
		return siteInput{}, api.Errorf(api.WrongMediaType, "")
	}
	body, err := serve.ReadBody(c.Writer, r, maxSiteBody)
	if err != nil {
		return siteInput{}, err
	}
	values := map[string][]string{}
	if form {
		if values, err = url.ParseQuery(string(body)); err != nil {
			return siteInput{}, api.Errorf(api.MalformedRequest, "")
		}
	} else {
		var fields map[string]json.RawMessage
		if err := api.Decode(body, &fields); err != nil {
			return siteInput{}, err
		}
		for name, raw := range fields {
			var text string
			if json.Unmarshal(raw, &text) == nil {
				values[name] = []string{text}
			} else if slices.Contains(siteFields[:], name) {
				return siteInput{}, api.Errorf(api.MalformedRequest, "")
			}
		}
	}
	var in siteInput
	for i, to := range []*string{&in.Secret, &in.Response, &in.RemoteIP, &in.IdempotencyKey, &in.Sitekey} {
		switch v := values[siteFields[i]]; len(v) {
		case 0:
		case 1:
			*to = v[0]
		default:
			return siteInput{}, api.Errorf(api.MalformedRequest, "")
		}
	}
	return in, nil
}

var siteFields = [...]string{"secret", "response", "remoteip", "idempotency_key", "sitekey"}

// NewSecret makes the secret of a site.
func NewSecret(rand io.Reader, environment string) (string, error) {
	if environment == registry.Live {
		return registry.NewKey(rand, registry.LiveSecret)
	}
	return registry.NewKey(rand, registry.TestSecret)
}
