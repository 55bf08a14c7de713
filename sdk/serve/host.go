package serve

import (
	"net/http"

	"github.com/perhuman/perhuman/sdk/api"
)

// ByHost sends a request to the origin that its Host header names, port and
// all, exactly: a page elsewhere that points its own name at loopback gets
// nothing (DNS rebinding).
func ByHost(origins map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := origins[r.Host]
		if !ok {
			WriteProblem(w, r, api.Errorf(api.NotFound, "this name is not served here; open the page at its own address"))
			return
		}
		h.ServeHTTP(w, r)
	})
}
