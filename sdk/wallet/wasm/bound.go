//go:build js && wasm

package main

import (
	"context"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// bound reads what a proof is to be bound to, for the person to see. No
// secret, no network.
func (e *engine) bound(_ context.Context, args []js.Value) (any, error) {
	o := bridge.Object(bridge.Arg(args, 0))
	origin, kind, content, digest := o.Text("origin", 512), o.Text("kind", 32), o.Raw("bytes", wallet.MaxBound), o.Digest("content_digest")
	if o.Err != nil {
		return nil, o.Err
	}
	b, err := wallet.ReadBound(origin, digest, kind, content, inNFC)
	if err != nil {
		return nil, err
	}
	out := bridge.Record("kind", b.Kind)
	if v := b.Vote; v != nil {
		bridge.Add(out, "vote", bridge.Record("poll", v.Poll, "choice", v.Choice))
	}
	if g := b.Grant; g != nil {
		can := []any{}
		for _, action := range g.Can {
			can = append(can, action)
		}
		bridge.Add(out, "grant", bridge.Record("agent", scope.EncodeToken(g.Agent[:]), "name", g.Name, "can", can,
			"budget", g.Budget, "expires", g.Expires, "revocation", scope.EncodeToken(g.Revocation[:])))
	}
	return out, nil
}

// inNFC asks the browser, whose tables of Unicode are there already: ours would
// be 50 kB to download.
func inNFC(s string) bool {
	return js.Global().Get("String").Get("prototype").Get("normalize").Call("call", s).String() == s
}
