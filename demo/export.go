package main

import (
	"net/http"

	"github.com/perhuman/perhuman/sdk/serve"
)

// export gives the current set as the official JavaScript Group exports it:
// every level of the tree, in decimal strings. Anybody can compute the same
// from the issuer's public leaves; this saves other languages from having to
// read our binary files. A list of members would not do: an older official
// Group rebuilds another root from one that holds zeros.
func (w *world) export(rw http.ResponseWriter, r *http.Request) {
	set, err := w.bots.set()
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	rw.Header().Set("Cache-Control", "no-store")
	serve.WriteJSON(rw, http.StatusOK, set)
}
