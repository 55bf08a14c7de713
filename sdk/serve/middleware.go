package serve

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
)

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Chain applies middlewares, the first outermost.
func Chain(h http.Handler, ms ...Middleware) http.Handler {
	for i := len(ms) - 1; i >= 0; i-- {
		h = ms[i](h)
	}
	return h
}

type requestID struct{}

// RequestID gives each request a random id, in the answer's Request-Id header
// and in its context. An id that a client sends is not believed.
func RequestID(rand io.Reader) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var b [16]byte
			if _, err := io.ReadFull(rand, b[:]); err != nil {
				WriteProblem(w, r, api.Wrap(api.Internal, err))
				return
			}
			id := hex.EncodeToString(b[:])
			w.Header().Set("Request-Id", id)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestID{}, id)))
		})
	}
}

// RequestIDFrom gives the id of the request that a context belongs to.
func RequestIDFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// Recover answers a panic in a handler with internal_error and no stack; the
// stack goes to logf together with the request id. If the handler had begun to
// answer, the connection is cut, so that half an answer cannot pass for one.
func Recover(logf func(format string, args ...any)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen := &watch{ResponseWriter: w}
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler {
					panic(p)
				}
				if logf != nil {
					logf("panic in request %s: %v\n%s", RequestIDFrom(r.Context()), p, debug.Stack())
				}
				if seen.began {
					panic(http.ErrAbortHandler)
				}
				WriteProblem(w, r, api.Errorf(api.Internal, ""))
			}()
			next.ServeHTTP(seen, r)
		})
	}
}

// watch remembers whether an answer has begun.
type watch struct {
	http.ResponseWriter
	began bool
}

func (w *watch) WriteHeader(status int) {
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watch) Write(b []byte) (int, error) {
	w.began = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *watch) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// BodyCap refuses bodies of more than n bytes: at once when their length is
// announced, else when the limit is reached while reading.
func BodyCap(n int64) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > n {
				WriteProblem(w, r, api.Errorf(api.TooLarge, "at most %d bytes", n))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, n)
			next.ServeHTTP(w, r)
		})
	}
}

// Origin is the origin that a browser reports. A request that names several
// comes from none: what they are joined to equals no origin.
func Origin(r *http.Request) string { return strings.Join(r.Header.Values("Origin"), ", ") }

// SecurityHeaders sets what every answer of ours carries.
func SecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}
