package semaphore

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"

	"github.com/perhuman/perhuman/semaphore/artifacts"
)

func TestKeysOfOneCeremony(t *testing.T) {
	fresh := func() []*verifyingKey {
		keys, err := officialKeys()
		if err != nil || len(keys) != MaxDepth {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		return keys
	}
	_, _, g1, _ := bn254.Generators()
	for name, spoil := range map[string]func(k []*verifyingKey){
		"delta is gamma":         func(k []*verifyingKey) { k[19].delta = k[19].gamma },
		"delta of another depth": func(k []*verifyingKey) { k[19].delta = k[20].delta },
		"another alpha":          func(k []*verifyingKey) { k[5].alpha = g1 },
		"another beta":           func(k []*verifyingKey) { k[31].beta = k[31].delta },
		"another gamma":          func(k []*verifyingKey) { k[31].gamma = k[0].delta },
		"delta off the subgroup": func(k []*verifyingKey) { k[7].delta = offSubgroup(t, &k[7].delta) },
		"gamma off the subgroup": func(k []*verifyingKey) {
			g := offSubgroup(t, &k[0].gamma)
			for _, key := range k {
				key.gamma = g
			}
		},
		"beta off the subgroup": func(k []*verifyingKey) {
			b := offSubgroup(t, &k[0].beta)
			for _, key := range k {
				key.beta = b
			}
		},
	} {
		keys := fresh()
		spoil(keys)
		if err := checkKeys(keys); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v, want ErrKey", name, err)
		}
	}
}

// TestLoaderAssertsOneCeremony plants the same in the files, where all points
// are on their curves.
func TestLoaderAssertsOneCeremony(t *testing.T) {
	files, err := artifacts.VerifyingKeys()
	if err != nil {
		t.Fatal(err)
	}
	field := func(depth int, name string) json.RawMessage {
		var key map[string]json.RawMessage
		if err := json.Unmarshal(files[depth-1], &key); err != nil || key[name] == nil {
			t.Fatalf("%s: %v", name, err)
		}
		return key[name]
	}
	if keys, err := parseKeys(files); err != nil || len(keys) != MaxDepth {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		depth int
		name  string
		value json.RawMessage
	}{
		"delta is gamma":         {7, "vk_delta_2", field(7, "vk_gamma_2")},
		"delta of another depth": {32, "vk_delta_2", field(1, "vk_delta_2")},
		"another alpha":          {20, "vk_alpha_1", nil},
		"another beta":           {20, "vk_beta_2", field(20, "vk_gamma_2")},
		"another gamma":          {1, "vk_gamma_2", field(1, "vk_delta_2")},
	} {
		if c.name == "vk_alpha_1" { // the first point of IC
			var points []json.RawMessage
			if err := json.Unmarshal(field(20, "IC"), &points); err != nil {
				t.Fatal(err)
			}
			c.value = points[0]
		}
		var key map[string]json.RawMessage
		if err := json.Unmarshal(files[c.depth-1], &key); err != nil {
			t.Fatal(err)
		}
		key[c.name] = c.value
		data, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseKey(data); err != nil {
			t.Fatalf("%s: the key alone is refused: %v", what, err)
		}
		planted := slices.Clone(files)
		planted[c.depth-1] = data
		if keys, err := parseKeys(planted); !errors.Is(err, ErrKey) || keys != nil {
			t.Errorf("%s: %v, want ErrKey", what, err)
		}
	}
}

func TestParseKeyIsStrict(t *testing.T) {
	good := string(artifacts.VerifyingKeyJSON(20))
	if _, err := parseKey([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"protocol":     {`"groth16"`, `"plonk"`},
		"curve":        {`"bn128"`, `"bls12381"`},
		"inputs":       {`"nPublic": 4`, `"nPublic": 5`},
		"coordinate":   {"16428432848801857252194528405604668803277877773566238944394625302971855135431", "16428432848801857252194528405604668803277877773566238944394625302971855135432"},
		"above q":      {"16428432848801857252194528405604668803277877773566238944394625302971855135431", "38316675720641132474440934150861943891974188930864061607083663197617081344014"},
		"G2":           {"16348171800823588416173124589066524623406261996681292662100840445103873053252", "16348171800823588416173124589066524623406261996681292662100840445103873053253"},
		"not a number": {"16348171800823588416173124589066524623406261996681292662100840445103873053252", "x"},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing replaced", name)
		}
		if _, err := parseKey([]byte(bad)); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v, want ErrKey", name, err)
		}
	}
	if _, err := parseKey([]byte("{")); !errors.Is(err, ErrKey) {
		t.Errorf("garbage: %v", err)
	}
}

func BenchmarkNewVerifier(b *testing.B) {
	for b.Loop() {
		if _, err := NewVerifier(); err != nil {
			b.Fatal(err)
		}
	}
}
