// Package web holds the pages of the demo: the board "agora", its page that
// plays a bot, and the issuer's enrolment page. It serves files and nothing
// else; the routes under /api, /posts, /v1 and /demo belong to package demo.
//
// The board's pages check proofs in the visitor's own browser with the files
// of sdk/web, which both handlers here also serve under /perhuman/.
package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	sdkweb "github.com/perhuman/perhuman/sdk/web"
	"github.com/perhuman/perhuman/sdk/web/face"
)

//go:embed board issuer
var embedded embed.FS

// Consent is the text that a person agrees to before a capture, word for word.
// Its hash in the capture envelope is capture.ConsentHash("en", text).
func Consent() ([]byte, error) { return embedded.ReadFile("issuer/consent.txt") }

// Board serves the board: / and /bot, their files under /static/, and the
// shared files under /perhuman/. Every other path is not found: mount it at /
// and the routes of the board beside it.
func Board() (http.Handler, error) {
	sub, err := fs.Sub(embedded, "board")
	if err != nil {
		return nil, err
	}
	pages := map[string]string{"/": "index.html", "/bot": "bot.html"}
	own, err := sdkweb.Files(sub, "/static/", pages, sdkweb.Policy{Opens: true})
	if err != nil {
		return nil, fmt.Errorf("demo/web: board: %w", err)
	}
	return split(map[string]http.Handler{sdkweb.Prefix: sdkweb.Static()}, own), nil
}

// Issuer serves the enrolment page at /enrol, its files under /static/, the
// camera models under /face/ if they were built, and the shared files under
// /perhuman/.
func Issuer() (http.Handler, error) {
	sub, err := fs.Sub(embedded, "issuer")
	if err != nil {
		return nil, err
	}
	policy := sdkweb.Policy{Camera: true}
	own, err := sdkweb.Files(sub, "/static/", map[string]string{"/enrol": "enrol.html"}, policy)
	if err != nil {
		return nil, fmt.Errorf("demo/web: issuer: %w", err)
	}
	under := map[string]http.Handler{sdkweb.Prefix: sdkweb.Static()}
	models, err := face.FS()
	switch {
	case errors.Is(err, face.ErrNotBuilt): // the page says that there is no camera here
	case err != nil:
		return nil, fmt.Errorf("demo/web: %w", err)
	default:
		if under["/face/"], err = sdkweb.Files(models, "/face/", nil, policy); err != nil {
			return nil, fmt.Errorf("demo/web: models: %w", err)
		}
	}
	return split(under, own), nil
}

// split gives paths under a prefix to its handler and the rest to own.
func split(under map[string]http.Handler, own http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for prefix, h := range under {
			if strings.HasPrefix(r.URL.Path, prefix) {
				h.ServeHTTP(w, r)
				return
			}
		}
		own.ServeHTTP(w, r)
	})
}
