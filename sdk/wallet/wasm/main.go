//go:build js && wasm

package main

import (
	"errors"
	"os"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "helper" {
		s := &sections{held: make(map[int]*prove.Section)}
		js.Global().Set("perhumanHelper", bridge.Export(bridge.Plain, []string{"load", "sum"}, []bridge.Method{s.load, s.sum}))
		select {}
	}
	e := newEngine()
	js.Global().Set("perhumanWallet", bridge.Export(describe,
		[]string{"configure", "newKey", "identity", "possession", "exportKey", "importKey", "sync", "freeze", "book", "bound", "prepare", "prove", "veto", "events", "receipt"},
		[]bridge.Method{e.configure, e.newKey, e.identity, e.possession, e.exportKey, e.importKey, e.sync, e.freeze, e.book, e.bound, e.prepare, e.prove, e.veto, e.events, e.receipt},
	))
	select {}
}

// describe is an error as the page sees it. A fork brings its evidence, which
// stands without the server.
func describe(err error) js.Value {
	if _, ok := errors.AsType[*wallet.Refusal](err); !ok {
		return bridge.Plain(err)
	}
	o := bridge.Record("code", string(wallet.CodeOf(err)), "message", err.Error())
	if fork, ok := errors.AsType[*setlog.ErrFork](err); ok {
		if text, err := fork.MarshalText(); err == nil {
			o.Set("evidence", string(text))
		}
	}
	if s, ok := errors.AsType[*stateError](err); ok {
		o.Set("state", bridge.ToBytes(s.state))
	}
	return o
}

// stateError carries the state to keep although a sync failed: a fork that was
// seen must not be forgotten.
type stateError struct {
	error
	state []byte
}

func (e *stateError) Unwrap() error { return e.error }
