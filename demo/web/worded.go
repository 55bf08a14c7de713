package web

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	sdkweb "github.com/perhuman/perhuman/sdk/web"
)

// Worded has refusals read as pages by people: where a browser opens an address
// and the answer is a problem for programs (RFC 9457), it gets the same status
// with a page that says it in words and leads back. What scripts and programs
// ask for is passed on as it is.
func Worded(next http.Handler) (http.Handler, error) {
	page, err := template.ParseFS(embedded, "problem.html")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(&worded{ResponseWriter: w, page: page}, r)
	}), nil
}

// worded writes a page in place of a problem.
type worded struct {
	http.ResponseWriter
	page *template.Template
	read bool // a problem is being written
}

func (w *worded) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *worded) WriteHeader(status int) {
	h := w.Header()
	if status < http.StatusBadRequest || !strings.HasPrefix(h.Get("Content-Type"), "application/problem+json") {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.read = true
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", sdkweb.Policy{}.ContentSecurity())
	h.Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

// Write takes the problem, which comes in one piece, and writes the page.
func (w *worded) Write(b []byte) (int, error) {
	if !w.read {
		return w.ResponseWriter.Write(b)
	}
	var p struct {
		Title, Detail, Code string
		Retryable           bool
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return 0, err
	}
	var out bytes.Buffer
	if err := w.page.Execute(&out, p); err != nil {
		return 0, err
	}
	if _, err := w.ResponseWriter.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}
