//go:build js && wasm

package main

import (
	"slices"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Values from JavaScript are read by name and type; whatever does not fit is
// request_invalid. JavaScript code of the page itself calls us, so this guards
// against mistakes more than against malice, but requests of other sites pass
// through it.

func invalid(what string) error {
	return &wallet.Refusal{Code: wallet.RequestInvalid, Detail: what}
}

// fields is an options object.
type fields struct {
	v   js.Value
	err error
}

func object(v js.Value) *fields {
	f := &fields{v: v}
	if v.Type() != js.TypeObject {
		f.err = invalid("an object is expected")
	}
	return f
}

func (f *fields) get(name string) js.Value {
	if f.err != nil {
		return js.Undefined()
	}
	return f.v.Get(name)
}

// only refuses names that are not listed.
func (f *fields) only(names ...string) {
	if f.err != nil {
		return
	}
	keys := js.Global().Get("Object").Call("keys", f.v)
	for i := range keys.Length() {
		if k := keys.Index(i).String(); !slices.Contains(names, k) {
			f.err = invalid("a field that has no meaning")
		}
	}
}

func (f *fields) fail(name, want string) {
	if f.err == nil {
		f.err = invalid(name + ": " + want + " expected")
	}
}

func absent(v js.Value) bool { return v.IsUndefined() || v.IsNull() }

// text reads a string of at most max UTF-16 units.
func (f *fields) text(name string, max int) string {
	v := f.get(name)
	if f.err != nil {
		return ""
	}
	if v.Type() != js.TypeString || v.Get("length").Int() > max {
		f.fail(name, "a string")
		return ""
	}
	return v.String()
}

// optional reads a string that may be left out.
func (f *fields) optional(name string, max int) string {
	if absent(f.get(name)) {
		return ""
	}
	return f.text(name, max)
}

// number reads a whole number from 0 to max.
func (f *fields) number(name string, max uint64) uint64 {
	v := f.get(name)
	if f.err != nil {
		return 0
	}
	n, ok := whole(v, max)
	if !ok {
		f.fail(name, "a whole number")
	}
	return n
}

// count reads a number that is 0 if left out.
func (f *fields) count(name string, max uint64) uint64 {
	if absent(f.get(name)) {
		return 0
	}
	return f.number(name, max)
}

func whole(v js.Value, max uint64) (uint64, bool) {
	if v.Type() != js.TypeNumber {
		return 0, false
	}
	x := v.Float()
	if !(x >= 0 && x <= float64(max)) || x != float64(uint64(x)) {
		return 0, false
	}
	return uint64(x), true
}

// numbers reads an array of whole numbers; left out means empty.
func (f *fields) numbers(name string, maxLen int, max uint64) []uint64 {
	v := f.get(name)
	if f.err != nil || absent(v) {
		return nil
	}
	n := f.length(v, name, maxLen)
	out := make([]uint64, 0, n)
	for i := range n {
		x, ok := whole(v.Index(i), max)
		if !ok {
			f.fail(name, "whole numbers")
			return nil
		}
		out = append(out, x)
	}
	return out
}

// texts reads an array of strings; left out means nil.
func (f *fields) texts(name string, maxLen, max int) []string {
	v := f.get(name)
	if f.err != nil || absent(v) {
		return nil
	}
	n := f.length(v, name, maxLen)
	out := make([]string, 0, n)
	for i := range n {
		s := v.Index(i)
		if s.Type() != js.TypeString || s.Get("length").Int() > max {
			f.fail(name, "strings")
			return nil
		}
		out = append(out, s.String())
	}
	return out
}

func (f *fields) length(v js.Value, name string, max int) int {
	if !js.Global().Get("Array").Call("isArray", v).Bool() || v.Length() > max {
		f.fail(name, "an array")
		return 0
	}
	return v.Length()
}

// digest reads 32 bytes in base64url; left out or empty means zeros.
func (f *fields) digest(name string) [32]byte {
	s := f.optional(name, 64)
	if s == "" {
		return [32]byte{}
	}
	b, err := scope.DecodeToken(s)
	if err != nil || len(b) != 32 {
		f.fail(name, "32 bytes in base64url")
		return [32]byte{}
	}
	return [32]byte(b)
}

// raw reads a Uint8Array of at most max bytes; left out means nil.
func (f *fields) raw(name string, max int) []byte {
	v := f.get(name)
	if f.err != nil || absent(v) {
		return nil
	}
	b, err := fromBytes(v, max)
	if err != nil {
		f.fail(name, "a Uint8Array")
	}
	return b
}

func fromBytes(v js.Value, max int) ([]byte, error) {
	if !v.InstanceOf(js.Global().Get("Uint8Array")) || v.Length() > max {
		return nil, invalid("a Uint8Array is expected")
	}
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b, nil
}

func toBytes(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// arg gives an argument, undefined if it is missing.
func arg(args []js.Value, i int) js.Value {
	if i < len(args) {
		return args[i]
	}
	return js.Undefined()
}
