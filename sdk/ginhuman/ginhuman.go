// Package ginhuman puts a Gate or a Remote in front of gin handlers.
//
//	r.POST("/perhuman/challenge", gin.WrapH(gate.Challenges()))
//	r.POST("/posts", ginhuman.Require(gate, "post", sdk.PerDay(5)), func(c *gin.Context) {
//		who := ginhuman.Person(c)
//	})
package ginhuman

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk"
)

// Require lets only humans through who may still do action under policy. The
// proof is bound to the exact body of the request.
func Require(g sdk.Guard, action string, p sdk.Policy) gin.HandlerFunc {
	return through(func(next http.HandlerFunc) http.Handler { return g.Require(action, p, next) })
}

// RequireContent is Require with the proof bound to what content says.
func RequireContent(g sdk.Guard, action string, p sdk.Policy, content sdk.ContentFunc) gin.HandlerFunc {
	return through(func(next http.HandlerFunc) http.Handler { return g.RequireContent(action, p, content, next) })
}

// Person gives the human that Require let through.
func Person(c *gin.Context) sdk.Person { return sdk.PersonFrom(c.Request.Context()) }

// passage carries the gin context of one request through the Gate, which is
// built once and so cannot close over it.
type passage struct{ c *gin.Context }

type passageKey struct{}

func through(build func(http.HandlerFunc) http.Handler) gin.HandlerFunc {
	guarded := build(func(_ http.ResponseWriter, r *http.Request) {
		p := r.Context().Value(passageKey{}).(*passage)
		c := p.c
		p.c = nil // let through
		c.Request = r
		c.Next()
	})
	return func(c *gin.Context) {
		p := &passage{c: c}
		guarded.ServeHTTP(c.Writer, c.Request.WithContext(withPassage(c, p)))
		if p.c != nil {
			c.Abort()
		}
	}
}

func withPassage(c *gin.Context, p *passage) context.Context {
	return context.WithValue(c.Request.Context(), passageKey{}, p)
}
