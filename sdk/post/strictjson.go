package post

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// decodeStrict reads one JSON object into v. names lists, for the object at each
// path ("" is the outermost), the names it may have, spelled exactly. (sdk/api
// has the same rules for HTTP bodies, but reaches net/http, which a browser must
// not load.)
func decodeStrict(data []byte, v any, names map[string][]string) error {
	if len(data) > MaxBundle {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := checkObject(dec, "", names); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows the value", ErrMalformed)
	}
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// checkObject walks an object: objects only where names knows one, arrays only
// of strings, no null, no name twice.
func checkObject(dec *json.Decoder, path string, names map[string][]string) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("object expected"), err)
	}
	return checkMembers(dec, path, names)
}

func checkMembers(dec *json.Decoder, path string, names map[string][]string) error {
	var seen []string
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if !slices.Contains(names[path], name) {
			return fmt.Errorf("unknown name %q", name)
		}
		if slices.Contains(seen, name) {
			return fmt.Errorf("name %q twice", name)
		}
		seen = append(seen, name)
		if t, err = dec.Token(); err != nil {
			return err
		}
		_, object := names[name]
		switch t {
		case nil:
			return fmt.Errorf("%q is null", name)
		case json.Delim('{'):
			if path != "" || !object {
				return fmt.Errorf("%q is an object", name)
			}
			if err := checkMembers(dec, name, names); err != nil {
				return err
			}
		case json.Delim('['):
			for dec.More() {
				if t, err = dec.Token(); err != nil {
					return err
				}
				if _, ok := t.(string); !ok {
					return fmt.Errorf("%q holds something else than strings", name)
				}
			}
			if _, err := dec.Token(); err != nil {
				return err
			}
		}
	}
	_, err := dec.Token()
	return err
}
