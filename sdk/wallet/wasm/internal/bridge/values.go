//go:build js && wasm

package bridge

import (
	"slices"
	"syscall/js"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// Fields reads the fields of an object by name and type. The first that does
// not fit sets Err, and everything read after that is zero: read all, then look
// at Err. The page's own code calls us, so this guards against mistakes more
// than against malice, but the requests of other sites pass through it.
type Fields struct {
	Err error
	v   js.Value
}

// Object starts reading v.
func Object(v js.Value) *Fields {
	f := &Fields{v: v}
	if v.Type() != js.TypeObject {
		f.Err = Invalid("an object is expected")
	}
	return f
}

// Get gives a field as it is.
func (f *Fields) Get(name string) js.Value {
	if f.Err != nil {
		return js.Undefined()
	}
	return f.v.Get(name)
}

// Only refuses names that are not listed.
func (f *Fields) Only(names ...string) {
	if f.Err != nil {
		return
	}
	keys := js.Global().Get("Object").Call("keys", f.v)
	for i := range keys.Length() {
		if k := keys.Index(i).String(); !slices.Contains(names, k) {
			f.Err = Invalid("a field that has no meaning")
		}
	}
}

// Fail sets Err, unless it is set.
func (f *Fields) Fail(name, want string) {
	if f.Err == nil {
		f.Err = Invalid(name + ": " + want + " expected")
	}
}

// Absent is true of undefined and null.
func Absent(v js.Value) bool { return v.IsUndefined() || v.IsNull() }

// Text reads a string of at most max bytes.
func (f *Fields) Text(name string, max int) string {
	v := f.Get(name)
	if f.Err != nil {
		return ""
	}
	if v.Type() == js.TypeString {
		if s := v.String(); len(s) <= max {
			return s
		}
	}
	f.Fail(name, "a string")
	return ""
}

// Optional reads a string that may be left out.
func (f *Fields) Optional(name string, max int) string {
	if Absent(f.Get(name)) {
		return ""
	}
	return f.Text(name, max)
}

// Number reads a whole number from 0 to max.
func (f *Fields) Number(name string, max uint64) uint64 {
	v := f.Get(name)
	if f.Err != nil {
		return 0
	}
	n, ok := whole(v, max)
	if !ok {
		f.Fail(name, "a whole number")
	}
	return n
}

// Count reads a number that is 0 if left out.
func (f *Fields) Count(name string, max uint64) uint64 {
	if Absent(f.Get(name)) {
		return 0
	}
	return f.Number(name, max)
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

// Numbers reads an array of whole numbers; left out means empty.
func (f *Fields) Numbers(name string, maxLen int, max uint64) []uint64 {
	v := f.Get(name)
	if f.Err != nil || Absent(v) {
		return nil
	}
	n := f.length(v, name, maxLen)
	out := make([]uint64, 0, n)
	for i := range n {
		x, ok := whole(v.Index(i), max)
		if !ok {
			f.Fail(name, "whole numbers")
			return nil
		}
		out = append(out, x)
	}
	return out
}

// Texts reads an array of strings; left out means nil.
func (f *Fields) Texts(name string, maxLen, max int) []string {
	v := f.Get(name)
	if f.Err != nil || Absent(v) {
		return nil
	}
	n := f.length(v, name, maxLen)
	out := make([]string, 0, n)
	for i := range n {
		if v.Index(i).Type() != js.TypeString || len(v.Index(i).String()) > max {
			f.Fail(name, "strings")
			return nil
		}
		out = append(out, v.Index(i).String())
	}
	return out
}

func (f *Fields) length(v js.Value, name string, max int) int {
	if !js.Global().Get("Array").Call("isArray", v).Bool() || v.Length() > max {
		f.Fail(name, "an array")
		return 0
	}
	return v.Length()
}

// Digest reads 32 bytes in base64url; left out or empty means zeros.
func (f *Fields) Digest(name string) [32]byte {
	s := f.Optional(name, 64)
	if s == "" {
		return [32]byte{}
	}
	b, err := scope.DecodeToken(s)
	if err != nil || len(b) != 32 {
		f.Fail(name, "32 bytes in base64url")
		return [32]byte{}
	}
	return [32]byte(b)
}

// Raw reads a Uint8Array of at most max bytes; left out means nil.
func (f *Fields) Raw(name string, max int) []byte {
	v := f.Get(name)
	if f.Err != nil || Absent(v) {
		return nil
	}
	b, err := FromBytes(v, max)
	if err != nil {
		f.Fail(name, "a Uint8Array")
	}
	return b
}

// FromBytes copies a Uint8Array of at most max bytes.
func FromBytes(v js.Value, max int) ([]byte, error) {
	if !v.InstanceOf(js.Global().Get("Uint8Array")) || v.Length() > max {
		return nil, Invalid("a Uint8Array is expected")
	}
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b, nil
}

// ToBytes copies b into a new Uint8Array.
func ToBytes(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// Arg gives an argument, undefined if it is missing.
func Arg(args []js.Value, i int) js.Value {
	if i < len(args) {
		return args[i]
	}
	return js.Undefined()
}
