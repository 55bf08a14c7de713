package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
)

// contract holds the traffic of the tests against openapi.json: every answer
// must be one that the document describes, and every request that was not
// refused as malformed must be one that it allows.
type contract struct {
	router routers.Router
}

var theContract = sync.OnceValue(func() *contract {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(OpenAPI())
	if err != nil {
		panic(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		panic(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		panic(err)
	}
	return &contract{router}
})

// watch wraps a handler.
func (k *contract) watch(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent bytes.Buffer
		body := r.Body
		r.Body = io.NopCloser(io.TeeReader(body, &sent))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Code != http.StatusRequestEntityTooLarge {
			_, _ = io.Copy(&sent, body)
		}
		if err := k.check(r, sent.Bytes(), rec); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func (k *contract) check(r *http.Request, body []byte, rec *httptest.ResponseRecorder) error {
	route, params, err := k.router.FindRoute(r)
	if err != nil {
		if rec.Code == http.StatusNotFound || rec.Code == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("answered %d, and the document has no such route: %w", rec.Code, err)
	}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{Request: again, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
	}}
	wrong := openapi3filter.ValidateRequest(context.Background(), in)
	if wrong != nil && rec.Code < 300 && !refusedInShape(rec) {
		return fmt.Errorf("accepted a request that the document does not allow: %w\n%.300s", wrong, body)
	}
	if rec.Code == http.StatusNoContent && rec.Body.Len() == 0 {
		return nil
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code, Header: rec.Header(), Options: in.Options}
	out.SetBodyBytes(rec.Body.Bytes())
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		return fmt.Errorf("answered %d with what the document does not have: %w\n%.600s", rec.Code, err, rec.Body)
	}
	return nil
}

// refusedInShape is a refusal with status 200, or of an item in a batch.
func refusedInShape(rec *httptest.ResponseRecorder) bool {
	var v struct {
		Success *bool             `json:"success"`
		Results []api.BatchResult `json:"results"`
	}
	if json.Unmarshal(rec.Body.Bytes(), &v) != nil {
		return false
	}
	return v.Success != nil && !*v.Success || slices.ContainsFunc(v.Results, func(r api.BatchResult) bool { return r.Problem != nil })
}

// The document and the routes are the same set; so are its codes and the table.
func TestOpenAPIIsWhole(t *testing.T) {
	s := newService(t)
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range s.srv.engine.Routes() {
		if !described[r.Method+" "+r.Path] {
			t.Errorf("%s %s is not in openapi.json", r.Method, r.Path)
		}
		delete(described, r.Method+" "+r.Path)
	}
	for left := range described {
		t.Errorf("openapi.json has %s, the service has not", left)
	}
	var want, got []string
	for _, row := range api.Table() {
		if row.Siteverify != "" || row.Code == api.OK {
			want = append(want, string(row.Code))
			if words := doc.Components.Schemas["SiteCode"].Value.Enum; row.Siteverify != "" && !slices.Contains(words, any(row.Siteverify)) {
				t.Errorf("SiteCode has no %s", row.Siteverify)
			}
		}
	}
	for _, v := range doc.Components.Schemas["Code"].Value.Enum {
		got = append(got, v.(string))
	}
	if !slices.Equal(want, got) {
		t.Errorf("codes\n%v, want\n%v", got, want)
	}
	for name, v := range map[string]any{
		"ChallengeRequest": api.ChallengeRequest{}, "ChallengeResponse": api.ChallengeResponse{}, "VerifyRequest": api.VerifyRequest{},
		"Verdict": api.Verdict{}, "BatchRequest": api.BatchRequest{}, "BatchItem": api.BatchItem{}, "BatchResponse": api.BatchResponse{},
		"BatchResult": api.BatchResult{}, "SiteverifyResponse": api.SiteverifyResponse{}, "WellKnown": api.WellKnown{},
		"ActionPolicy": api.ActionPolicy{}, "Problem": api.Problem{}, "Period": api.Period{}, "PostRequest": PostRequest{}, "PostReport": post.Report{},
	} {
		schema := doc.Components.Schemas[name].Value
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag != "" && tag != "-" && schema.Properties[tag] == nil {
				t.Errorf("%s has no property %s", name, tag)
			}
		}
	}
}

// The control: the contract notices what it is there for.
func TestOpenAPINotices(t *testing.T) {
	k := theContract()
	for name, c := range map[string]struct {
		method, path, body, answer string
		status                     int
	}{
		"a route that is not there": {"GET", "/v1/secret", "", `{}`, 200},
		"a field that is not there": {"GET", "/livez", "", `{"status":"ok","more":1}`, 200},
		"a status that is not":      {"GET", "/livez", "", `{"status":"ok"}`, 201},
		"a code that is not":        {"GET", "/readyz", "", `{"type":"about:blank","title":"x","status":503,"code":"nonsense","retryable":true}`, 503},
		"a request field":           {"POST", "/v1/challenges", `{"action":"post","rp":"x"}`, `{"challenge":"` + strings.Repeat("A", 375) + `","policy":"once","k":1,"period":0,"expires_at":1,"expires_in":1,"set_size":0}`, 200},
		"a missing field":           {"POST", "/v1/verify", `{"action":"post"}`, `{"success":true}`, 200},
	} {
		r := httptest.NewRequest(c.method, "http://127.0.0.1"+c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Type", map[bool]string{true: "application/json", false: "application/problem+json"}[c.status < 300])
		rec.WriteHeader(c.status)
		rec.Body.WriteString(c.answer)
		if k.check(r, []byte(c.body), rec) == nil {
			t.Errorf("%s passes", name)
		}
	}
}
