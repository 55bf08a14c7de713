package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"
)

// MaxNesting is how deep JSON may nest.
const MaxNesting = 16

// Decode reads one JSON value into v and refuses what lenient readers pass
// over: unknown fields, fields given twice, anything after the value, invalid
// UTF-8, names in another letter case, null (a field without a value is left
// out) and deep nesting. Errors are *Error with
// malformed_request, or whatever *Error a type's own UnmarshalJSON returns.
func Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return Errorf(MalformedRequest, "the body is not UTF-8")
	}
	if err := checkTokens(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		var coded *Error
		var syntax *json.SyntaxError
		var typed *json.UnmarshalTypeError
		switch {
		case errors.As(err, &coded):
			return coded
		case errors.As(err, &syntax):
			return Errorf(MalformedRequest, "not JSON at byte %d", syntax.Offset)
		case errors.As(err, &typed) && typed.Field == "":
			return Errorf(MalformedRequest, "the body is a JSON %s, which is not what is expected here", typed.Value)
		case errors.As(err, &typed):
			return Errorf(MalformedRequest, "field %q has the wrong type", typed.Field)
		}
		return &Error{Code: MalformedRequest, Detail: "a field is unknown or cannot be read", Err: err}
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

// String keeps fmt honest about decode errors in logs: no input is echoed.
func (p Problem) String() string { return fmt.Sprintf("%d %s", p.Status, p.Code) }
