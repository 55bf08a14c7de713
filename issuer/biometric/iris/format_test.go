package iris_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

func TestForms(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, cols := range []int{200, 256} {
		a, b := random(t, r, cols), random(t, r, cols)
		bin, err := a.MarshalBinary()
		if err != nil || len(bin) != 2+12*cols {
			t.Fatalf("binary: %d bytes, %v", len(bin), err)
		}
		if back, err := iris.ParseBinary(bin); err != nil || !back.Equal(a) || back.Equal(b) {
			t.Fatalf("binary: %v", err)
		}
		one, err := json.Marshal(iris.Eye{Version: "v2.1", Template: a})
		if err != nil {
			t.Fatal(err)
		}
		if back, err := iris.ParseEye(one); err != nil || !back.Template.Equal(a) || back.Version != "v2.1" {
			t.Fatalf("eye: %v", err)
		}
		two, err := json.Marshal(iris.Person{Version: "1.6.1", Pair: iris.Pair{Left: a, Right: b}})
		if err != nil {
			t.Fatal(err)
		}
		if back, err := iris.ParsePerson(two); err != nil || !back.Pair.Left.Equal(a) || !back.Pair.Right.Equal(b) || back.Version != "1.6.1" {
			t.Fatalf("person: %v", err)
		}
		var lines bytes.Buffer
		if err := iris.WriteEyes(&lines, iris.Eye{Template: a}, iris.Eye{Template: b}); err != nil {
			t.Fatal(err)
		}
		var got []iris.Template
		if err := iris.ReadEyes(&lines, func(e iris.Eye) error { got = append(got, e.Template); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || !got[0].Equal(a) || !got[1].Equal(b) {
			t.Fatal("ndjson")
		}
	}
	if _, err := (iris.Template{}).MarshalBinary(); !errors.Is(err, iris.ErrColumns) {
		t.Errorf("zero value: %v", err)
	}
	if _, err := json.Marshal(iris.Eye{}); err == nil {
		t.Error("a zero eye has JSON")
	}
	if _, err := json.Marshal(iris.Person{}); err == nil {
		t.Error("a zero person has JSON")
	}
}

func TestReadEyesNamesTheLine(t *testing.T) {
	one, _ := json.Marshal(iris.Eye{Template: random(t, rand.New(rand.NewPCG(5, 6)), 200)})
	none := func(iris.Eye) error { return nil }
	err := iris.ReadEyes(strings.NewReader(string(one)+"\n{}\n"), none)
	if !errors.Is(err, iris.ErrFormat) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	if err := iris.ReadEyes(strings.NewReader(strings.Repeat("x", iris.MaxJSON+1)), none); err == nil {
		t.Error("a line without end is read")
	}
	if err := iris.ReadEyes(bytes.NewReader(one), func(iris.Eye) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the callback's error is lost: %v", err)
	}
}

func TestJSONIsStrict(t *testing.T) {
	e := iris.Eye{Version: "v2.1", Template: random(t, rand.New(rand.NewPCG(7, 8)), 200)}
	raw, _ := json.Marshal(e)
	ok := string(raw)
	code := ok[strings.Index(ok, `":"`)+3:][:2136]
	for name, bad := range map[string]string{
		"empty":          "",
		"array":          "[]",
		"null":           "null",
		"unknown field":  strings.Replace(ok, "{", `{"x":"",`, 1),
		"other case":     strings.Replace(ok, "iris_codes", "Iris_codes", 1),
		"repeated field": strings.Replace(ok, "{", `{"iris_code_version":"v2.1",`, 1),
		"missing field":  `{"iris_codes":"` + code + `"}`,
		"number":         strings.Replace(ok, `"v2.1"`, "2", 1),
		"nested":         strings.Replace(ok, `"v2.1"`, `{"a":"b"}`, 1),
		"trailing":       ok + "{}",
		"cut":            ok[:len(ok)-1],
		"line break":     strings.Replace(ok, code, code[:100]+`\n`+code[100:], 1),
		"no padding":     strings.Replace(ok, code, strings.TrimRight(code, "="), 1),
		"url alphabet":   strings.Replace(ok, code, "-_"+code[2:], 1),
		"short":          strings.Replace(ok, code, code[4:], 1),
		"bad UTF-8":      strings.Replace(ok, "v2.1", "\xff", 1),
		"huge":           ok + strings.Repeat(" ", iris.MaxJSON),
	} {
		if _, err := iris.ParseEye([]byte(bad)); !errors.Is(err, iris.ErrFormat) && !errors.Is(err, iris.ErrColumns) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := iris.ParseEye([]byte(" " + ok + "\n")); err != nil || !got.Template.Equal(e.Template) {
		t.Errorf("white space around: %v", err)
	}
}

func FuzzParseBinary(f *testing.F) {
	b, _ := random(f, rand.New(rand.NewPCG(1, 2)), 64).MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := iris.ParseBinary(b)
		if err != nil {
			if e.Columns() != 0 {
				t.Fatal("refused and given")
			}
			return
		}
		back, err := e.MarshalBinary()
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("not canonical: %v", err)
		}
		code, mask := e.Flat()
		if again, err := iris.FromFlat(e.Columns(), code, mask); err != nil || !again.Equal(e) {
			t.Fatalf("flat: %v", err)
		}
	})
}

func FuzzParseEye(f *testing.F) {
	one, _ := json.Marshal(iris.Eye{Version: "v2.1", Template: random(f, rand.New(rand.NewPCG(1, 2)), 64)})
	f.Add(one)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := iris.ParseEye(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := iris.ParseEye(out); err != nil || again.Version != e.Version || !again.Template.Equal(e.Template) {
			t.Fatalf("round trip: %v", err)
		}
	})
}

func FuzzParsePerson(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	two, _ := json.Marshal(iris.Person{Version: "1", Pair: iris.Pair{Left: random(f, r, 64), Right: random(f, r, 64)}})
	f.Add(two)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := iris.ParsePerson(b)
		if err != nil {
			return
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := iris.ParsePerson(out); err != nil || !again.Pair.Left.Equal(p.Pair.Left) || !again.Pair.Right.Equal(p.Pair.Right) {
			t.Fatalf("round trip: %v", err)
		}
	})
}
