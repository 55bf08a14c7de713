package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/serve"
)

// storeTimeout bounds how long /readyz waits for the store.
const storeTimeout = 2 * time.Second

// Health is what /readyz answers: 200 if Ready, else 503. Ready means that the
// set and the log can be served and go on: the store answers, heads can be
// signed, and anchoring is not overdue. Enrolment may be closed for a while
// beside that, and Witnesses be short, without the service being taken out of
// rotation: followers still need its heads.
type Health struct {
	Ready     bool   `json:"ready"`
	Store     string `json:"store"`     // "ok" or "does not answer"
	Signer    string `json:"signer"`    // "ok" or "does not sign"
	Anchor    string `json:"anchor"`    // "ok" or "overdue"
	Enrolment string `json:"enrolment"` // "open", "paused", "gallery is not open yet" or "stopped: an audit of the parties failed"
	Witnesses string `json:"witnesses"` // "2 of 3 have cosigned, 2 are wanted", or "none"
}

// Check looks at an issuer. gallery says whether enrolment can match people, nil
// that it always can; paused the same way, nil never.
func Check(ctx context.Context, i *issuer.Issuer, now time.Time, gallery, paused func() bool) Health {
	h := Health{Store: "ok", Signer: "ok", Anchor: "ok", Enrolment: "open", Witnesses: "none"}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if i.Answers(ctx) != nil {
		h.Store = "does not answer"
	}
	if _, err := i.Head(); err != nil {
		h.Signer = "does not sign"
	}
	if Overdue(i, now) {
		h.Anchor = "overdue"
	}
	switch {
	case i.MatcherStopped() != nil:
		h.Enrolment = "stopped: an audit of the parties failed"
	case gallery != nil && !gallery():
		h.Enrolment = "gallery is not open yet"
	case paused != nil && paused():
		h.Enrolment = "paused"
	}
	if w := i.Witnesses(); w.Quorum > 0 {
		h.Witnesses = fmt.Sprintf("%d of %d have cosigned, %d are wanted", len(w.Signed), len(w.Signed)+len(w.Waiting), w.Quorum)
	}
	h.Ready = h.Store == "ok" && h.Signer == "ok" && h.Anchor == "ok"
	return h
}

// Overdue says whether anchoring went well last more than three periods, and at
// least ten seconds, ago.
func Overdue(i *issuer.Issuer, now time.Time) bool {
	last := i.LastTry()
	if c, ok := i.Current(); ok && c.Created.After(last) {
		last = c.Created
	}
	return now.Sub(last) > max(3*i.Period(), 10*time.Second)
}

func (s *server) livez(c *gin.Context) error {
	serve.WriteJSON(c.Writer, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

func (s *server) readyz(c *gin.Context) error {
	h := Check(c.Request.Context(), s.issuer, s.now(), s.gallery, s.paused)
	status := http.StatusOK
	if !h.Ready {
		status = http.StatusServiceUnavailable
	}
	serve.WriteJSON(c.Writer, status, h)
	return nil
}

// pausable are the routes by which somebody new comes in.
func pausable(path string) bool {
	return path == "/v1/sessions" || path == "/v1/enrolments" || path == "/v1/recoveries"
}

// front is the page for people (package page).
func (s *server) front(c *gin.Context) error {
	html, err := s.page.Render(c.Request.Context())
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", s.page.Security())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	return answer(c, "text/html; charset=utf-8", "public, max-age=5", "", html)
}
