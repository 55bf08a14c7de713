package httpapi

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// document is the description of the surface, written by hand: what it says
// is held against the traffic of this package's tests.
//
//go:embed openapi.json
var document []byte

// OpenAPI gives the description of the surface (OpenAPI 3.1).
func OpenAPI() []byte { return append([]byte(nil), document...) }

func openAPI(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(document)))
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Access-Control-Allow-Origin", "*")
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(document)
}
