package httpapi

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// Reserved keys answer with a code of the caller's choice and look at nothing
// but the form of a request, so that an app's own tests reach each of its
// branches. They work where no app is live:
//
//	phk_test_reserved_<code>   app key: POST /v1/verify, each item of /v1/verify/batch
//	phs_test_reserved_<code>   secret:  POST /siteverify
//
// with every code of the table that a verifier can answer with, "ok" among
// them. The secrets that Turnstile, hCaptcha and reCAPTCHA publish for tests
// work as theirs do: see vendorSecret. A service with a live app refuses all
// of them with test_key_in_production.
const (
	reservedKey    = registry.TestKey + "reserved_"
	reservedSecret = registry.TestSecret + "reserved_"
)

// ReservedKey is the app key that is always answered with a code.
func ReservedKey(code api.Code) string { return reservedKey + string(code) }

// ReservedSecret is the secret that is always answered with a code.
func ReservedSecret(code api.Code) string { return reservedSecret + string(code) }

// vendorSecret knows the secrets that the vendors publish for tests; they open
// nothing.
func vendorSecret(secret string) (api.Code, bool) {
	switch secret {
	case "1x0000000000000000000000000000000AA", // Turnstile: always passes
		"0x0000000000000000000000000000000000000000", // hCaptcha
		"6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe":   // reCAPTCHA v2
		return api.OK, true
	case "2x0000000000000000000000000000000AA": // Turnstile: always fails
		return api.ProofInvalid, true
	case "3x0000000000000000000000000000000AA": // Turnstile: "token already spent"
		return api.ChallengeAlreadyUsed, true
	}
	return "", false
}

// codeOf finds the code of a reserved key. Codes of issuers and wallets are
// not among those a verifier answers with.
func codeOf(key, prefix string) (api.Code, bool) {
	name, ok := strings.CutPrefix(key, prefix)
	if !ok {
		return "", false
	}
	code := api.Code(name)
	switch code {
	case api.NotFound, api.MethodNotAllowed, api.Gone: // of addresses, not of requests
		return "", false
	}
	return code, known(code) && (code.Info().Siteverify != "" || code == api.OK)
}

func known(code api.Code) bool {
	for _, row := range api.Table() {
		if row.Code == code {
			return true
		}
	}
	return false
}

func isReserved(key string) bool {
	_, vendor := vendorSecret(key)
	return vendor || strings.HasPrefix(key, reservedKey) || strings.HasPrefix(key, reservedSecret)
}

// reserved tells which code a request's key asks for, where no app is live.
func (s *server) reserved(r *http.Request) (api.Code, bool) {
	key, ok := bearer(r)
	if !ok || s.view.Load().live {
		return "", false
	}
	return codeOf(key, reservedKey)
}

func (s *server) reservedSecret(secret string) (api.Code, bool) {
	if s.view.Load().live {
		return "", false
	}
	if code, ok := vendorSecret(secret); ok {
		return code, true
	}
	return codeOf(secret, reservedSecret)
}

// testEnvironment is what pretended verdicts say of themselves.
const testEnvironment = "test"

// pretend is the answer that a code stands for.
func pretend(code api.Code, action string) (api.Verdict, error) {
	info := code.Info()
	if info.Status != http.StatusOK {
		e := api.Errorf(code, "a reserved test key asked for this answer")
		if info.Retry == api.RetrySame {
			e.RetryAfter = time.Second
		}
		return api.Verdict{}, e
	}
	v := api.Verdict{
		Success: code == api.OK, Code: code, Action: action, Environment: testEnvironment,
		Retryable: code.Retryable(), ErrorCodes: []string{},
	}
	switch code {
	case api.OK:
		v.Policy, v.Nullifier, v.VerificationID, v.Bound = "once", "1", "ver_test", 1
	case api.NullifierAlreadyUsed:
		v.Nullifier, v.SameMessage = "1", new(bool)
	}
	if info.Siteverify != "" {
		v.ErrorCodes = append(v.ErrorCodes, info.Siteverify)
	}
	return v, nil
}

func pretendBatch(code api.Code, in api.BatchRequest) (any, error) {
	var out api.BatchResponse
	for _, item := range in.Items {
		v, err := pretend(code, item.Action)
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, api.BatchResult{Verdict: &v})
	}
	return out, nil
}

// testTime is when pretended challenges were asked for: a date that nobody
// takes for a real one.
const testTime = "2000-01-01T00:00:00Z"

func pretendSite(code api.Code) (api.SiteverifyResponse, error) {
	v, err := pretend(code, "test")
	if err != nil {
		return api.SiteverifyResponse{}, err
	}
	out := api.SiteverifyResponse{Success: v.Success, ErrorCodes: v.ErrorCodes, Perhuman: &v}
	if v.Success {
		out.Action, out.Hostname, out.ChallengeTS = v.Action, "example.com", testTime
	}
	return out, nil
}

// retryAfter is what an error says of when to come back, in whole seconds.
func retryAfter(err error) int {
	var e *api.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return int(math.Ceil(e.RetryAfter.Seconds()))
	}
	return 1
}
