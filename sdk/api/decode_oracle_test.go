package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// decodeByTokens is how Decode was first written: three passes by the readers of
// encoding/json. It is slow, and the oracle of the one pass.
func decodeByTokens(data []byte, v any) error {
	if !utf8.Valid(data) {
		return Errorf(MalformedRequest, "the body is not UTF-8")
	}
	if err := checkTokens(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	return exactNames(data, reflect.TypeOf(v))
}

// checkTokens walks the whole text once, holding the names of open objects.
func checkTokens(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	type frame struct {
		object, wantKey bool
		names           map[string]bool
	}
	var open []frame
	for first := true; ; first = false {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 && !first {
			return nil
		}
		if err != nil {
			return Errorf(MalformedRequest, "not JSON at byte %d", dec.InputOffset())
		}
		if len(open) == 0 && !first {
			return Errorf(MalformedRequest, "there is something after the JSON value")
		}
		if len(open) > 0 {
			if top := &open[len(open)-1]; top.object {
				if name, ok := tok.(string); ok && top.wantKey {
					if top.names[name] {
						return Errorf(MalformedRequest, "a field is given twice")
					}
					top.names[name] = true
					top.wantKey = false
					continue
				}
				top.wantKey = true
			}
		}
		switch tok {
		case nil:
			return Errorf(MalformedRequest, "there is a null; a field without a value is left out")
		case json.Delim('{'):
			open = append(open, frame{object: true, wantKey: true, names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, frame{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > MaxNesting {
			return Errorf(MalformedRequest, "nested deeper than %d", MaxNesting)
		}
	}
}

// exactNames closes the one leniency that encoding/json has left after
// DisallowUnknownFields: it matches field names in any letter case. Every name
// in the input must be the field's name to the letter. Types that read
// themselves (json.Unmarshaler, json.RawMessage) are left to themselves, and
// so are the keys of maps.
func exactNames(data []byte, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		if t.Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return nil
		}
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			return Errorf(MalformedRequest, "an object is expected")
		}
		for name, value := range fields {
			field, ok := fieldNamed(t, name)
			if !ok {
				return Errorf(MalformedRequest, "a field is unknown")
			}
			if err := exactNames(value, field.Type); err != nil {
				return err
			}
		}
	case reflect.Array:
		var values []json.RawMessage // encoding/json drops what is too much and fills up what is too little
		if err := json.Unmarshal(data, &values); err != nil || len(values) != t.Len() {
			return Errorf(MalformedRequest, "a list must have %d elements", t.Len())
		}
		return eachName[[]json.RawMessage](data, t.Elem())
	case reflect.Slice:
		return eachName[[]json.RawMessage](data, t.Elem())
	case reflect.Map:
		return eachName[map[string]json.RawMessage](data, t.Elem())
	}
	return nil
}

func eachName[C []json.RawMessage | map[string]json.RawMessage](data []byte, elem reflect.Type) error {
	var values C
	if json.Unmarshal(data, &values) != nil {
		return nil // null, or bytes in a string
	}
	var err error
	switch values := any(values).(type) {
	case []json.RawMessage:
		for i := 0; i < len(values) && err == nil; i++ {
			err = exactNames(values[i], elem)
		}
	case map[string]json.RawMessage:
		for _, value := range values {
			if err = exactNames(value, elem); err != nil {
				break
			}
		}
	}
	return err
}

// fieldNamed finds the field whose JSON name is exactly name, looking into
// embedded structs.
func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" && !f.Anonymous {
			tag = f.Name
		}
		if f.IsExported() && tag == name && tag != "-" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

type many struct {
	Proof  json.RawMessage   `json:"proof"`
	Proofs []json.RawMessage `json:"proofs"`
	Items  []struct {
		VerifyRequest
		Key string `json:"idempotency_key"`
	} `json:"items"`
	Free  map[string]any `json:"free"`
	N     int            `json:"n"`
	F     float64        `json:"f"`
	T     bool           `json:"t"`
	Plain string
	Skip  string `json:"-"`
	S     sample `json:"s"`
}

func compareDecoders(t *testing.T, b []byte) {
	t.Helper()
	var one, other many
	got, want := Decode(b, &one), decodeByTokens(b, &other)
	if (got == nil) != (want == nil) {
		t.Fatalf("%s: %v; by tokens: %v", b, got, want)
	}
	if got == nil && !reflect.DeepEqual(one, other) {
		t.Fatalf("%s: %+v; by tokens: %+v", b, one, other)
	}
}

// One pass and three come to the same end, on texts made by chance from pieces
// of JSON.
func TestDecodeByTokens(t *testing.T) {
	pieces := strings.Fields(`{ } [ ] , : "proof" "proofs" "items" "free" "n" "f" "t" "Plain" "plain" "Skip" "-" "s" "a" "b" "c" "d" "A" "action" "\u0061ction"
		"idempotency_key" null true false 0 1 -1 1.5 1e3 01 "x" "\"" "\\" {} [] {"a":1} [1,2] ["1","2"] {"a":"x"} "proof":1 "proof":{"x":null} "n":1 "n":"1" "s":{"a":"x","b":{"a":"y"}}
		"items":[{"action":"x","proof":1}] "free":{"k":[1,{"k":2}]} "free":{"k":1,"k":2} "t":true "Plain":"x" "d":["1","2"] "c":{"K":1}`)
	r := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 60_000 {
		var b []byte
		open := ""
		if r.IntN(8) > 0 {
			b, open = append(b, '{'), "}"
		}
		for n := range r.IntN(8) {
			if n > 0 && r.IntN(5) > 0 {
				b = append(b, ',')
			}
			b = append(b, pieces[r.IntN(len(pieces))]...)
			if r.IntN(20) == 0 {
				b = append(b, " \t\n\r\x0b"[r.IntN(5)])
			}
		}
		b = append(b, open...)
		compareDecoders(t, b)
		if Decode(b, new(many)) == nil {
			accepted++
		}
	}
	if accepted < 500 {
		t.Fatalf("only %d texts were accepted", accepted)
	}
}

func FuzzDecodeByTokens(f *testing.F) {
	f.Add([]byte(`{"proof":{"a":[1,"x",true]},"items":[{"action":"a"}],"free":{"k":{"k":1}},"s":{"a":"x","d":["1","2"]}}`))
	f.Add([]byte(`{"s":{"b":{"b":{"b":{"a":"x"}}}}}`))
	f.Fuzz(compareDecoders)
}
