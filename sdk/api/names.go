package api

import (
	"encoding/json"
	"reflect"
	"strings"
)

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
