package iris_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func labelled(t testing.TB, label string) string {
	t.Helper()
	b, err := json.Marshal(iris.Labelled{Label: label, Person: iris.Person{Version: "v1", Pair: synth.New(1).Person(1).Sample(0)}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLabelled(t *testing.T) {
	one := labelled(t, "anna \"1\"")
	var got []string
	err := iris.ReadLabelled(strings.NewReader(one+"\n"+labelled(t, "b")+"\n"), func(l iris.Labelled) error {
		got = append(got, l.Label)
		if !l.Pair.Left.Equal(synth.New(1).Person(1).Sample(0).Left) {
			t.Error("another eye")
		}
		return nil
	})
	if err != nil || strings.Join(got, ",") != `anna "1",b` {
		t.Errorf("%v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"no name":      strings.Replace(one, `"anna \"1\""`, `""`, 1),
		"long name":    strings.Replace(one, "anna", strings.Repeat("a", iris.MaxLabel), 1),
		"a number":     strings.Replace(one, `"anna \"1\""`, `7`, 1),
		"unlabelled":   strings.Replace(one, `"person":"anna \"1\"",`, "", 1),
		"twice":        strings.Replace(one, "{", `{"person":"x",`, 1),
		"another word": strings.Replace(one, "{", `{"eye":"x",`, 1),
		"after it":     one + "x",
		"nothing":      "",
	} {
		if l, err := iris.ParseLabelled([]byte(bad)); !errors.Is(err, iris.ErrFormat) || l.Label != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := iris.ReadLabelled(strings.NewReader(one+"\n{}\n"), func(iris.Labelled) error { return nil }); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("no line: %v", err)
	}
}

// What is read is written again as the same capture; what is refused gives
// nothing.
func FuzzParseLabelled(f *testing.F) {
	f.Add([]byte(labelled(f, "p1")))
	f.Add([]byte(`{"person":"x","IRIS_version":"","left_iris_code":"","left_mask_code":"","right_iris_code":"","right_mask_code":""}`))
	f.Add([]byte(`{"person":"\ud800"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := iris.ParseLabelled(data)
		if err != nil {
			if l.Label != "" || l.Pair.Left.Columns() != 0 {
				t.Fatal("refused, and yet something came out")
			}
			return
		}
		out, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		again, err := iris.ParseLabelled(out)
		if err != nil || again.Label != l.Label || again.Version != l.Version || !again.Pair.Left.Equal(l.Pair.Left) || !again.Pair.Right.Equal(l.Pair.Right) {
			t.Fatalf("written and read again: %v", err)
		}
		if b, err := json.Marshal(again); err != nil || !bytes.Equal(b, out) {
			t.Fatal("two spellings")
		}
	})
}
