package prove

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
)

// refusals are statements that must not be proved, with the error each gives.
func refusals(t *testing.T) map[string]struct {
	s    statement
	want error
} {
	type refusal = struct {
		s    statement
		want error
	}
	change := func(want error, f func(*statement)) refusal {
		s := member(t, "a secret that must stay one", 4, 5)
		f(&s)
		return refusal{s, want}
	}
	return map[string]refusal{
		"root zero":      change(semaphore.ErrZeroRoot, func(s *statement) { s.path.Root = semaphore.Element{} }),
		"other root":     change(semaphore.ErrPath, func(s *statement) { s.path.Root[31] ^= 1 }),
		"root + r":       change(semaphore.ErrPath, func(s *statement) { s.path.Root = plusR(s.path.Root) }),
		"other leaf":     change(ErrLeaf, func(s *statement) { s.path.Leaf[31] ^= 1 }),
		"other identity": change(ErrLeaf, func(s *statement) { s.id = semaphore.IdentityFromKey([]byte("somebody else")) }),
		"no identity":    change(ErrLeaf, func(s *statement) { s.id = nil }),
		"no siblings":    change(semaphore.ErrPath, func(s *statement) { s.path.Siblings, s.path.Index = nil, 0 }),
		"group of one":   {member(t, "a secret that must stay one", 0, 1), semaphore.ErrPath},
		"too deep":       change(semaphore.ErrPath, func(s *statement) { s.path.Siblings = make([]semaphore.Element, 21) }),
		"stray bit":      change(semaphore.ErrPath, func(s *statement) { s.path.Index |= 1 << len(s.path.Siblings) }),
		"other bit":      change(semaphore.ErrPath, func(s *statement) { s.path.Index ^= 1 }),
		"other sibling":  change(semaphore.ErrPath, func(s *statement) { s.path.Siblings[0][31] ^= 1 }),
		"sibling + r":    change(semaphore.ErrPath, func(s *statement) { s.path.Siblings[0] = plusR(s.path.Siblings[0]) }),
	}
}

// plusR is e + r as bytes: the same residue, not an Element.
func plusR(e semaphore.Element) (out semaphore.Element) {
	carry := 0
	for i, r := 31, fr.Modulus().FillBytes(make([]byte, 32)); i >= 0; i-- {
		sum := int(e[i]) + int(r[i]) + carry
		out[i], carry = byte(sum), sum>>8
	}
	return out
}

func TestRefusals(t *testing.T) {
	wiped := 0
	p := load(t, 20, func(o *options) { o.wiped = func(s *secrets) { wiped++; checkWiped(t, s) } })
	all := refusals(t)
	for name, c := range all {
		proof, err := c.s.prove(p)
		if !errors.Is(err, c.want) || proof != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if wiped != len(all) {
		t.Errorf("memory wiped %d times of %d", wiped, len(all))
	}
}

// TestSecretRange: identities cannot have a secret of l or more, and Prove
// would refuse it.
func TestSecretRange(t *testing.T) {
	l := lMinus1()
	one := fr.One()
	l.Add(&l, &one)
	modulus := fr.Modulus().FillBytes(make([]byte, 32))
	top := lMinus1()
	above := l
	above.Add(&above, &one)
	for _, c := range []struct {
		name   string
		scalar [32]byte
		want   error
	}{
		{"0", [32]byte{}, nil},
		{"l-1", top.Bytes(), nil},
		{"l", l.Bytes(), ErrSecret},
		{"l+1", above.Bytes(), ErrSecret},
		{"2^251", [32]byte{0: 8}, ErrSecret},
		{"r", [32]byte(modulus), ErrSecret},
		{"2^256-1", [32]byte(bytes.Repeat([]byte{0xff}, 32)), ErrSecret},
	} {
		var in inputs
		if err := in.setSecret(c.scalar[:]); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want != nil && !in.secret.IsZero() {
			t.Errorf("%s: kept", c.name)
		}
	}
}

// TestT26NoSecretInErrors hunts for 17-byte pieces of every spelling of the
// secret in every error.
func TestT26NoSecretInErrors(t *testing.T) {
	p := load(t, 20)
	failing := load(t, 20, WithRand(failingReader{}))
	for name, c := range refusals(t) {
		if c.s.id == nil {
			continue
		}
		_, err := c.s.prove(p)
		refuseSecrets(t, name, fmt.Sprintf("%v %+v %#v", err, err, err), c.s.id)
	}
	s := member(t, "a secret that must stay one", 4, 5)
	_, err := s.prove(failing)
	refuseSecrets(t, "no randomness", fmt.Sprintf("%v %#v", err, err), s.id)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = p.Prove(cancelled, s.id, s.path, s.message, s.scope)
	refuseSecrets(t, "cancelled", fmt.Sprintf("%v %#v", err, err), s.id)
}

func refuseSecrets(t *testing.T, name, text string, id *semaphore.Identity) {
	t.Helper()
	scalar := id.SecretScalar()
	e := element(scalar)
	for _, spelling := range []string{
		string(id.Key()), id.Export(), hex.EncodeToString(id.Key()),
		scalar.String(), hex.EncodeToString(scalar[:]), base64.RawURLEncoding.EncodeToString(scalar[:]),
		fmt.Sprint(scalar[:]), fmt.Sprint(e[:]), string(scalar[:]),
	} {
		const run = 17
		for i := 0; i+run <= len(spelling); i++ {
			if strings.Contains(text, spelling[i:i+run]) {
				t.Fatalf("%s: the error holds a piece of the secret", name)
			}
		}
	}
}

// TestCancel ends a proof at every stage.
func TestCancel(t *testing.T) {
	s := member(t, "a person", 4, 5)
	for _, at := range []string{"witness", "B", "A", "quotient", "C"} {
		ctx, cancel := context.WithCancel(context.Background())
		after := 0
		wiped := false
		p := load(t, 20, WithWorkers(1), WithProgress(func(stage string, done, total int) {
			if ctx.Err() != nil {
				after++
			}
			if stage == at {
				cancel()
			}
		}), func(o *options) { o.wiped = func(s *secrets) { wiped = true; checkWiped(t, s) } })
		proof, err := p.Prove(ctx, s.id, s.path, s.message, s.scope)
		if !errors.Is(err, context.Canceled) || proof != nil {
			t.Errorf("%s: %v", at, err)
		}
		if after > 1 {
			t.Errorf("%s: %d steps after the end of the context", at, after)
		}
		if !wiped {
			t.Errorf("%s: memory is not wiped", at)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := load(t, 20).Prove(ctx, s.id, s.path, s.message, s.scope); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

// checkWiped looks at all memory that a proof registered as secret.
func checkWiped(t *testing.T, s *secrets) {
	t.Helper()
	if !s.in.secret.IsZero() {
		t.Error("the secret is still there")
	}
	for i, v := range s.slices {
		for k := range v {
			if !v[k].IsZero() {
				t.Fatalf("memory %d of %d is not wiped at %d", i, len(s.slices), k)
			}
		}
	}
}

// TestWipe: after a proof nothing is left, and the check would notice: the
// witness it looks at is the one that held the secret.
func TestWipe(t *testing.T) {
	st := member(t, "a person", 1, 2)
	var memory *secrets
	held := false
	p := load(t, 20,
		func(o *options) {
			o.wiped = func(s *secrets) { memory = s; checkWiped(t, s) }
			o.witness = func(w []fr.Element) {
				want := element(st.id.SecretScalar())
				held = w[newLayout(20).first[bSecret]] == want && !want.IsZero()
			}
		})
	if _, err := st.prove(p); err != nil {
		t.Fatal(err)
	}
	if !held {
		t.Error("the witness does not hold the secret where we look")
	}
	// siblings, witness, blinding, and the scalars of three sums
	if memory == nil || len(memory.slices) != 6 || len(memory.slices[1]) != newLayout(20).wires() {
		t.Errorf("unexpected memory: %d slices", len(memory.slices))
	}

	// The groups of a sum clear their own.
	k, err := parseZKey(depth20.ZKey())
	if err != nil {
		t.Fatal(err)
	}
	m := made(multiexpG1(k.h), 3).(*multiexp[bn254.G1Affine, bn254.G1Jac])
	digits := make([]int16, m.windows*m.n)
	m.digits(digits, awkwardScalars(m.n))
	g := &group[bn254.G1Affine, bn254.G1Jac]{curve: m.group.curve(), ops: make([]op, 0, batch)}
	g.reset(m.tasks(1)[0])
	g.sort(digits[:m.levels*m.n])
	g.sumBuckets(m.points, 0, 0, g.buckets)
	g.weighSums()
	if zero(g.buf) || zero(g.refs) || zero(g.sums) || zero(g.starts) || zero(g.weighed) || zero(g.ops[:cap(g.ops)]) {
		t.Error("the check looks in the wrong place")
	}
	g.wipe()
	if !zero(g.buf) || !zero(g.refs) || !zero(g.sums) || !zero(g.starts) || !zero(g.weighed) || !zero(g.ops[:cap(g.ops)]) {
		t.Error("a sum leaves its memory")
	}
}

func zero[T comparable](v []T) bool {
	var z T
	for i := range v {
		if v[i] != z {
			return false
		}
	}
	return true
}
