package sdk

import (
	"net/url"
	"strings"
	"testing"
)

// T21: taking the response out of a form takes nothing else, and nothing that
// a form parser would see as the response stays behind.
func FuzzCutField(f *testing.F) {
	for _, seed := range []string{"", "a=b", "perhuman-response=x", "a=1&perhuman-response=x.y&b=2", "&&perhuman%2dresponse=&", "perhuman-response", "%zz=1&a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		values, rest := cutField([]byte(body))
		again, same := cutField(rest)
		if len(again) != 0 || string(same) != string(rest) {
			t.Fatalf("%q: %q stays in %q", body, again, rest)
		}
		if len(values) == 0 && string(rest) != body {
			t.Fatalf("%q became %q", body, rest)
		}
		kept := strings.Split(string(rest), "&")
		if len(values) > 0 && len(kept)+len(values) < strings.Count(body, "&")+1 {
			t.Fatalf("%q lost a field: %q", body, rest)
		}
		if parsed, err := url.ParseQuery(body); err == nil && !strings.Contains(body, ";") {
			if n := len(parsed[ResponseField]); n != len(values) {
				t.Fatalf("%q: %d responses, a form parser sees %d", body, len(values), n)
			}
		}
	})
}
