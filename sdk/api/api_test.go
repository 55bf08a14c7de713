package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// The table is append-only: the golden list may only grow at places of new codes.
func TestTable(t *testing.T) {
	seen := map[Code]bool{}
	for _, row := range Table() {
		if row.Code == "" || seen[row.Code] || row.Title == "" || row.Retry == "" {
			t.Errorf("row %+v", row)
		}
		seen[row.Code] = true
		if row.Code.Info() != row {
			t.Errorf("%s: Info gives %+v", row.Code, row.Code.Info())
		}
	}
	if got := Code("never heard of").Info(); got.Status != 500 {
		t.Errorf("an unknown code has status %d", got.Status)
	}
	// The codes of protocol.md section 5 with their statuses.
	for code, status := range map[Code]int{
		"malformed_request": 400, "not_canonical": 400, "depth_unsupported": 400, "too_large": 413, "credential_missing": 401,
		"credential_invalid": 401, "action_unknown": 404, "policy_conflict": 409, "challenge_missing": 200, "challenge_invalid": 200,
		"challenge_wrong_rp": 200, "challenge_wrong_action": 200, "challenge_wrong_origin": 200, "challenge_wrong_session": 200,
		"scope_mismatch": 200, "message_mismatch": 200, "challenge_expired": 200, "challenge_already_used": 200,
		"nullifier_already_used": 200, "root_unknown": 200, "root_expired": 200, "root_not_snapshot": 200, "proof_invalid": 200,
		"test_key_in_production": 403, "rate_limited": 429, "overloaded": 503, "store_unavailable": 503, "in_doubt": 503, "roots_stale": 503,
	} {
		if !seen[code] || code.Info().Status != status {
			t.Errorf("%s: %+v", code, code.Info())
		}
	}
}

type sample struct {
	A string         `json:"a"`
	B *sample        `json:"b,omitempty"`
	C map[string]int `json:"c,omitempty"`
	D *[2]string     `json:"d,omitempty"`
}

// T23.
func TestDecodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"null": "null", "null field": `{"a":null}`, "null inside": `{"a":"x","b":{"a":null}}`, "null in a list": `{"a":"x","d":["1",null]}`,
		"empty": "", "space": "  ", "text": "hello", "cut": `{"a":"x"`, "unknown field": `{"a":"x","z":1}`,
		"twice": `{"a":"x","a":"y"}`, "twice, escaped": "{\"a\":\"x\",\"\\u0061\":\"y\"}", "twice inside": `{"a":"x","b":{"a":"1","a":"2"}}`,
		"trailing value": `{"a":"x"} {}`, "trailing text": `{"a":"x"}x`, "invalid UTF-8": "{\"a\":\"\xff\"}",
		"wrong type": `{"a":1}`, "letter case": `{"A":"x"}`, "letter case inside": `{"a":"x","b":{"A":"y"}}`, "both cases": `{"a":"x","A":"y"}`, "two values": `1 2`, "NUL": "{\"a\":\"x\"}\x00",
		"deep": strings.Repeat(`{"b":`, 40) + `{"a":"x"}` + strings.Repeat(`}`, 40), "deep arrays": strings.Repeat("[", 100000),
		"twice in map": `{"a":"x","c":{"k":1,"k":2}}`, "long list": `{"a":"x","d":["1","2","3"]}`, "short list": `{"a":"x","d":["1"]}`,
		"comment": `{"a":"x"/**/}`, "array": `[]`, "big number": `{"a":` + strings.Repeat("9", 1<<20) + `}`,
	} {
		var v sample
		err := Decode([]byte(in), &v)
		var e *Error
		if !errors.As(err, &e) || e.Code != MalformedRequest {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 200 {
			t.Errorf("%s: the error repeats the input", name)
		}
	}
	var v sample
	if err := Decode([]byte(` {"a":"x","b":{"a":"y"},"c":{"K":1},"d":["1","2"]} `), &v); err != nil || v.A != "x" || v.B.A != "y" || v.C["K"] != 1 {
		t.Errorf("good input: %+v, %v", v, err)
	}
	var wrapped coded
	if err := Decode([]byte(`"x"`), &wrapped); CodeOf(err) != NotCanonical {
		t.Errorf("a type's own code is lost: %v", err)
	}
}

type coded struct{}

func (*coded) UnmarshalJSON([]byte) error { return Errorf(NotCanonical, "no") }

func TestProblem(t *testing.T) {
	cause := errors.New("password hunter2")
	p := ProblemOf(Wrap(StoreUnavailable, cause), "id")
	b, _ := json.Marshal(p)
	if strings.Contains(string(b), "hunter2") || p.Status != 503 || !p.Retryable || p.RequestID != "id" {
		t.Errorf("%s", b)
	}
	if p := ProblemOf(cause, ""); p.Code != Internal || p.Status != 500 {
		t.Errorf("%+v", p)
	}
	if !errors.Is(Wrap(InDoubt, cause), cause) {
		t.Error("the cause is lost")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":"x","b":{"a":"y"}}`))
	f.Add([]byte(`{"a":"x","a":"y"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if Decode(b, &v) != nil {
			return
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back sample
		if err := Decode(out, &back); err != nil {
			t.Fatalf("%s: its own output is refused: %v", out, err)
		}
	})
}
