package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// sizeType is the media type of a 409's body.
const sizeType = "text/x.tlog.size"

// Handler serves POST /add-checkpoint, and GET /readyz for health checks.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.addCheckpoint)
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ready\n") })
	return mux
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "no-store")
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, "body cannot be read", http.StatusBadRequest)
		return
	}
	old, proof, signed, err := ParseRequest(body)
	var line []byte
	if err == nil {
		line, err = w.Add(old, proof, signed)
	}
	var size *SizeError
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write(line)
	case errors.As(err, &size):
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(rw, "%d\n", size.Latest)
	case errors.Is(err, ErrRoot):
		// The client's old size is right, and its log is another.
		rw.Header().Set("Content-Type", sizeType)
		rw.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(rw, "%d\n", old)
	default:
		status, text := statusOf(err)
		http.Error(rw, text, status)
	}
}

// statusOf gives the status of a refusal, and what may be said about it.
func statusOf(err error) (int, string) {
	for _, s := range []struct {
		err    error
		status int
	}{
		{ErrMalformed, http.StatusBadRequest},
		{ErrSignature, http.StatusForbidden},
		{ErrUnknownLog, http.StatusNotFound},
		{ErrProof, http.StatusUnprocessableEntity},
	} {
		if errors.Is(err, s.err) {
			return s.status, s.err.Error()
		}
	}
	return http.StatusInternalServerError, "the state could not be stored"
}
