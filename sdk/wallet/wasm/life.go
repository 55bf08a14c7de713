//go:build js && wasm

package main

import (
	"context"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// veto signs that an announced recovery is to end.
func (e *engine) veto(_ context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	o := bridge.Object(bridge.Arg(args, 1))
	announcement, issuer := o.Number("announcement", maxSnapshot), o.Text("issuer", 255)
	if o.Err != nil {
		return nil, o.Err
	}
	return possessed(wallet.Veto(semaphore.IdentityFromKey(key), issuer, announcement))
}

func possessed(p wallet.Possession, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return bridge.Record(
		"public_key", publicKey(p.PublicKey),
		"signature", scope.EncodeToken(p.Signature),
		"salt", scope.EncodeToken(p.Salt[:]),
	), nil
}

// events reads what the log says about this identity; the network, like sync.
func (e *engine) events(ctx context.Context, args []js.Value) (any, error) {
	key, err := secretKey(args)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	o := bridge.Object(bridge.Arg(args, 1))
	issuer, from := o.Text("issuer", 1024), o.Count("from", maxSnapshot)
	if o.Err != nil {
		return nil, o.Err
	}
	w, err := e.get(issuer)
	if err != nil {
		return nil, err
	}
	w.Watch(semaphore.IdentityFromKey(key).Commitment())
	found, err := w.Events(ctx, int64(from))
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, ev := range found.List {
		list = append(list, bridge.Record("op", ev.Op.String(), "record", ev.Record, "leaf", ev.LeafIndex, "day", ev.Day))
	}
	return bridge.Record("list", list, "from", found.From, "next", found.Next), nil
}

// receipt checks what an issuer signed, and the log's entry if a proof of it is
// given. No network, no secret.
func (e *engine) receipt(_ context.Context, args []js.Value) (any, error) {
	o := bridge.Object(bridge.Arg(args, 0))
	vkey, token, proof := o.Text("issuer", 1024), o.Text("receipt", 2*receipt.MaxSize), o.Optional("proof", 16<<10)
	if o.Err != nil {
		return nil, o.Err
	}
	v, err := setlog.ParseVKey(vkey)
	if err != nil {
		return nil, bridge.Invalid("issuer: a verifier key expected")
	}
	var r receipt.Receipt
	signed, err := scope.DecodeToken(token)
	if err == nil {
		r, err = receipt.Verify(signed, v)
	}
	if err != nil {
		return nil, &bridge.Error{Code: "receipt_invalid", Detail: err.Error()}
	}
	out := bridge.Record("kind", string(r.Kind), "issuer", r.Issuer, "commitment", r.Commitment.String(),
		"at", r.At, "until", r.Until, "announcement", r.Announcement, "parties", len(r.Parties), "text", r.Text())
	if proof == "" {
		return out, nil
	}
	var entry setlog.Entry
	p, err := setlog.ParseRootProof([]byte(proof))
	if err == nil {
		entry, err = r.InLog(p, v)
	}
	if err != nil {
		return nil, &bridge.Error{Code: "receipt_not_logged", Detail: err.Error()}
	}
	bridge.Add(out, "entry", bridge.Record("op", entry.Op.String(), "record", p.Index, "day", entry.Day))
	return out, nil
}
