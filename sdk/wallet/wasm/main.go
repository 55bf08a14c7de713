//go:build js && wasm

package main

import (
	"context"
	"errors"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func main() {
	e := newEngine()
	object := js.Global().Get("Object").New()
	for name, m := range map[string]method{
		"configure":  e.configure,
		"newKey":     e.newKey,
		"identity":   e.identity,
		"possession": e.possession,
		"exportKey":  e.exportKey,
		"importKey":  e.importKey,
		"sync":       e.sync,
		"book":       e.book,
		"prepare":    e.prepare,
		"prove":      e.prove,
		"checkPost":  e.checkPost,
	} {
		object.Set(name, promised(m))
	}
	js.Global().Set("perhumanWallet", object)
	select {}
}

// method is what an exported function does with its arguments. What it returns
// is a js.Value or what js.ValueOf takes.
type method func(ctx context.Context, args []js.Value) (any, error)

// promised turns a method into a JavaScript function that returns a Promise at
// once; the work is done in a goroutine, so no call blocks the event loop
// longer than the Go scheduler needs to come back to it.
func promised(m method) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var executor js.Func
		executor = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			resolve, reject := settle[0], settle[1]
			go func() {
				defer executor.Release()
				defer func() {
					// A panic's text can hold anything, so it is not passed on.
					if recover() != nil {
						reject.Invoke(rejection(errors.New("the wallet failed on an input it did not foresee")))
					}
				}()
				v, err := m(context.Background(), args)
				if err != nil {
					reject.Invoke(rejection(err))
					return
				}
				resolve.Invoke(v)
			}()
			return nil
		})
		return js.Global().Get("Promise").New(executor)
	})
}

// rejection is an error as the worker sees it. A fork brings its evidence,
// which stands without the server.
func rejection(err error) js.Value {
	o := map[string]any{"code": string(wallet.CodeOf(err)), "message": err.Error()}
	if fork, ok := errors.AsType[*setlog.ErrFork](err); ok {
		if text, err := fork.MarshalText(); err == nil {
			o["evidence"] = string(text)
		}
	}
	if s, ok := errors.AsType[*stateError](err); ok {
		o["state"] = toBytes(s.state)
	}
	return js.ValueOf(o)
}

// stateError carries the state to keep although a sync failed: a fork that was
// seen must not be forgotten.
type stateError struct {
	error
	state []byte
}

func (e *stateError) Unwrap() error { return e.error }
