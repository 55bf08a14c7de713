//go:build js && wasm

// Package bridge is what the programs of the browser have in common: exporting
// Go functions as JavaScript functions that return Promises, waiting for
// Promises, and reading values by name and type. It avoids encoding/json and
// reflection, which cost a wasm file more than the rest of this package.
package bridge

import (
	"context"
	"errors"
	"syscall/js"
)

// Error is a failure with a code that the page understands.
type Error struct{ Code, Detail string }

// Error gives code and detail.
func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Invalid is the Error for arguments that mean nothing.
func Invalid(what string) error { return &Error{"request_invalid", what} }

// Method is what an exported function does with its arguments. What it returns
// is what js.ValueOf takes.
type Method func(ctx context.Context, args []js.Value) (any, error)

// Describe turns an error into the object that a Promise is rejected with: at
// least code and message.
type Describe func(error) js.Value

// Plain describes an Error, and any other error as internal_error.
func Plain(err error) js.Value {
	code := "internal_error"
	if e, ok := errors.AsType[*Error](err); ok {
		code = e.Code
	}
	return Record("code", code, "message", err.Error())
}

// Export makes an object of functions that each return a Promise at once and
// work in a goroutine: no call blocks the event loop longer than the Go
// scheduler needs to come back to it.
func Export(describe Describe, names []string, methods []Method) js.Value {
	object := js.Global().Get("Object").New()
	for i, name := range names {
		object.Set(name, promised(methods[i], describe))
	}
	return object
}

func promised(m Method, describe Describe) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var executor js.Func
		executor = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				defer executor.Release()
				v, err := safely(m, args)
				if err != nil {
					settle[1].Invoke(describe(err))
					return
				}
				settle[0].Invoke(v)
			}()
			return nil
		})
		return js.Global().Get("Promise").New(executor)
	})
}

// safely turns a panic into an error. A panic's text can hold anything, a
// secret too, so it is not passed on.
func safely(m Method, args []js.Value) (v any, err error) {
	defer func() {
		if recover() != nil {
			err = &Error{"internal_error", "an input that was not foreseen"}
		}
	}()
	return m(context.Background(), args)
}

// Await waits for a Promise without blocking the event loop. A rejection is an
// Error with the given code.
func Await(ctx context.Context, promise js.Value, code string) (js.Value, error) {
	type result struct {
		v   js.Value
		err error
	}
	done := make(chan result, 2)
	then := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{v: Arg(args, 0)}
		return nil
	})
	catch := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{err: &Error{code, message(Arg(args, 0))}}
		return nil
	})
	promise.Call("then", then, catch)
	select {
	case r := <-done:
		then.Release()
		catch.Release()
		return r.v, r.err
	case <-ctx.Done():
		// The functions stay: the Promise may still call one of them.
		return js.Undefined(), ctx.Err()
	}
}

func message(v js.Value) string {
	if v.Type() == js.TypeObject {
		v = v.Get("message")
	}
	if v.Type() != js.TypeString {
		return "failed"
	}
	return v.String()
}

// Record makes an object of names and values in turn.
func Record(pairs ...any) js.Value {
	o := js.Global().Get("Object").New()
	Add(o, pairs...)
	return o
}

// Add sets more names of an object.
func Add(o js.Value, pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
}
