package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// strict walks valid JSON once, beside the type that it is going to be read
// into, and refuses what encoding/json passes over: names that are not a
// field's to the letter, names given twice, null, lists of another length than
// the array they go into, and nesting deeper than MaxNesting. Types that read
// themselves (json.Unmarshaler, json.RawMessage) decide about names; for twice,
// null and nesting the rules hold inside of them too.
func strict(data []byte, t reflect.Type) error {
	w := walker{data: data}
	return w.value(newShape(t), 0)
}

// shape is what is known of a type; nil is anything.
type shape struct {
	kind   reflect.Kind // Struct, Array, Slice or Map
	length int          // Array
	fields []field      // Struct
	elem   *child       // Array, Slice, Map
}

type field struct {
	name string
	child
}

// child is a type whose shape is made when it is first needed: types may be
// recursive.
type child struct {
	typ   reflect.Type
	made  bool
	shape *shape
}

func (c *child) get() *shape {
	if !c.made {
		c.made, c.shape = true, newShape(c.typ)
	}
	return c.shape
}

func newShape(t reflect.Type) *shape {
	unmarshaler := reflect.TypeFor[json.Unmarshaler]()
	for ; t.Kind() == reflect.Pointer; t = t.Elem() {
		if t.Implements(unmarshaler) {
			return nil
		}
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	s := &shape{kind: t.Kind()}
	switch s.kind {
	case reflect.Struct:
		s.fields = structFields(t, nil)
	case reflect.Array, reflect.Slice, reflect.Map:
		s.elem = &child{typ: t.Elem()}
		if s.kind == reflect.Array {
			s.length = t.Len()
		}
	default:
		return nil
	}
	return s
}

// structFields lists the fields by their JSON names, those of embedded structs
// among them.
func structFields(t reflect.Type, to []field) []field {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			to = structFields(f.Type, to)
		case !f.IsExported() || tag == "-":
		case tag == "":
			to = append(to, field{f.Name, child{typ: f.Type}})
		default:
			to = append(to, field{tag, child{typ: f.Type}})
		}
	}
	return to
}

// walker goes through valid JSON.
type walker struct {
	data []byte
	at   int
}

// next skips white space and gives the byte that follows it.
func (w *walker) next() byte {
	for {
		switch b := w.data[w.at]; b {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return b
		}
	}
}

func (w *walker) value(s *shape, depth int) error {
	switch w.next() {
	case '{':
		if depth == MaxNesting {
			return Errorf(MalformedRequest, "nested deeper than %d", MaxNesting)
		}
		return w.object(s, depth+1)
	case '[':
		if depth == MaxNesting {
			return Errorf(MalformedRequest, "nested deeper than %d", MaxNesting)
		}
		return w.list(s, depth+1)
	case '"':
		w.text()
		return nil
	case 'n':
		return Errorf(MalformedRequest, "there is a null; a field without a value is left out")
	}
	for w.at < len(w.data) && strings.IndexByte(" \t\n\r,]}", w.data[w.at]) < 0 { // a number, true or false
		w.at++
	}
	return nil
}

// text goes past a string and gives it with its quotes.
func (w *walker) text() []byte {
	from := w.at
	for w.at++; w.data[w.at] != '"'; w.at++ {
		if w.data[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.data[from:w.at]
}

// name reads a field's name, its escapes resolved.
func (w *walker) name() string {
	quoted := w.text()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var name string
	_ = json.Unmarshal(quoted, &name) // a valid string
	return name
}

func (w *walker) object(s *shape, depth int) error {
	known := s != nil && s.kind == reflect.Struct
	var seen []bool               // fields of a struct
	var names map[string]struct{} // names of any other object
	if known {
		seen = make([]bool, len(s.fields))
	}
	for w.at++; w.next() != '}'; {
		if w.data[w.at] == ',' {
			w.at++
			w.next()
		}
		name := w.name()
		var inside *shape
		if known {
			i := 0
			for i < len(s.fields) && s.fields[i].name != name {
				i++
			}
			if i == len(s.fields) {
				return Errorf(MalformedRequest, "a field is unknown")
			}
			if seen[i] {
				return Errorf(MalformedRequest, "a field is given twice")
			}
			seen[i] = true
			inside = s.fields[i].get()
		} else {
			if _, twice := names[name]; twice {
				return Errorf(MalformedRequest, "a field is given twice")
			}
			if names == nil {
				names = map[string]struct{}{}
			}
			names[name] = struct{}{}
			if s != nil && s.kind == reflect.Map {
				inside = s.elem.get()
			}
		}
		w.next()
		w.at++ // the colon
		if err := w.value(inside, depth); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

func (w *walker) list(s *shape, depth int) error {
	var inside *shape
	if s != nil && s.elem != nil && s.kind != reflect.Map {
		inside = s.elem.get()
	}
	n := 0
	for w.at++; w.next() != ']'; n++ {
		if w.data[w.at] == ',' {
			w.at++
		}
		if err := w.value(inside, depth); err != nil {
			return err
		}
	}
	w.at++
	if s != nil && s.kind == reflect.Array && n != s.length {
		return Errorf(MalformedRequest, "a list must have %d elements", s.length)
	}
	return nil
}
