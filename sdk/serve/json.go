package serve

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"

	"github.com/perhuman/perhuman/sdk/api"
)

// ReadJSON reads a request's body of at most limit bytes strictly into v. Its
// errors are *api.Error: wrong_media_type, too_large or malformed_request.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	if err := CheckMediaType(r, "application/json"); err != nil {
		return err
	}
	b, err := ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	return api.Decode(b, v)
}

// CheckMediaType refuses a request whose body is not of the one type.
func CheckMediaType(r *http.Request, want string) error {
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || got != want || charset != "" && charset != "utf-8" && charset != "UTF-8" {
		return api.Errorf(api.WrongMediaType, "Content-Type must be %s", want)
	}
	return nil
}

// ReadBody reads a whole body of at most limit bytes.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, api.Errorf(api.TooLarge, "at most %d bytes", limit)
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, api.Errorf(api.TooLarge, "at most %d bytes", large.Limit) // an outer cap may be the smaller one
		}
		return nil, &api.Error{Code: api.MalformedRequest, Detail: "the body could not be read to its end", Err: err}
	}
	return b, nil
}

// WriteJSON answers with a status and v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	writeJSON(w, status, "application/json", v)
}

// WriteProblem answers an error as application/problem+json. Only the code's
// title and the detail meant for clients get out.
func WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := api.ProblemOf(err, RequestIDFrom(r.Context()))
	var e *api.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	} else if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// LogProblem tells logf (nil: nobody) what is behind an answer that is the
// server's own fault. Clients who come too often, or who left, are not.
func LogProblem(logf func(format string, args ...any), r *http.Request, err error) {
	code := api.CodeOf(err)
	if logf == nil || code.Info().Status < http.StatusInternalServerError || code == api.Overloaded || r.Context().Err() != nil {
		return
	}
	logf("request %s: %v", RequestIDFrom(r.Context()), err)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	b, err := json.Marshal(v)
	if err != nil { // our own types always marshal
		status, b = http.StatusInternalServerError, []byte(`{"type":"about:blank","title":"Something went wrong here.","status":500,"code":"internal_error","retryable":true}`)
		mediaType = "application/problem+json"
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
