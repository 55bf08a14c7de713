package api

import (
	"encoding/json"
	"errors"
	"fmt"
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
	if !json.Valid(data) {
		var syntax *json.SyntaxError
		if errors.As(json.Unmarshal(data, new(json.RawMessage)), &syntax) {
			return Errorf(MalformedRequest, "not JSON at byte %d", syntax.Offset)
		}
		return Errorf(MalformedRequest, "not JSON")
	}
	if err := strict(data, reflect.TypeOf(v)); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		var coded *Error
		var typed *json.UnmarshalTypeError
		switch {
		case errors.As(err, &coded):
			return coded
		case errors.As(err, &typed) && typed.Field == "":
			return Errorf(MalformedRequest, "the body is a JSON %s, which is not what is expected here", typed.Value)
		case errors.As(err, &typed):
			return Errorf(MalformedRequest, "field %q has the wrong type", typed.Field)
		}
		return &Error{Code: MalformedRequest, Detail: "a field cannot be read", Err: err}
	}
	return nil
}

// String keeps fmt honest about decode errors in logs: no input is echoed.
func (p Problem) String() string { return fmt.Sprintf("%d %s", p.Status, p.Code) }
