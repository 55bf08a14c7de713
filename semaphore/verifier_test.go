package semaphore

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestT20EveryBit flips each bit of a packed proof: never accepted, never an
// untyped error, never a panic.
func TestT20EveryBit(t *testing.T) {
	p, _ := goodProof(t)
	good, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t)
	reached := 0
	for bit := range 8 * len(good) {
		if bit >= 8*65 && bit < 8*129 && bit%8 != 3 {
			continue // message and scope are hashed: one bit a byte will do
		}
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		q := new(Proof)
		err := q.UnmarshalBinary(b)
		if err == nil {
			reached++
			err = v.Verify(q)
		}
		if err == nil {
			t.Fatalf("bit %d flipped and accepted", bit)
		}
		if !typedProofError(err) {
			t.Fatalf("bit %d: untyped error %v", bit, err)
		}
	}
	if reached < 100 {
		t.Errorf("only %d changes reached the pairing", reached)
	}
}

func TestVerifyRefusesHandMadeProofs(t *testing.T) {
	v := verifier(t)
	p, _ := goodProof(t)
	for name, c := range map[string]struct {
		edit func(p *Proof)
		want error
	}{
		"depth 0":         {func(p *Proof) { p.MerkleTreeDepth = 0 }, ErrDepth},
		"depth 33":        {func(p *Proof) { p.MerkleTreeDepth = 33 }, ErrDepth},
		"depth -1":        {func(p *Proof) { p.MerkleTreeDepth = -1 }, ErrDepth},
		"root 0":          {func(p *Proof) { p.MerkleTreeRoot = Element{} }, ErrZeroRoot},
		"root + r":        {func(p *Proof) { p.MerkleTreeRoot[0] |= 0xc0 }, ErrRange},
		"nullifier + r":   {func(p *Proof) { p.Nullifier[0] |= 0xc0 }, ErrRange},
		"coordinate + q":  {func(p *Proof) { p.Points[3][0] |= 0xc0 }, ErrRange},
		"off the curve":   {func(p *Proof) { p.Points[0][31] ^= 1 }, ErrPoint},
		"A infinity":      {func(p *Proof) { p.Points[0], p.Points[1] = Uint256{}, Uint256{} }, ErrPoint},
		"B infinity":      {func(p *Proof) { clear(p.Points[2:6]) }, ErrPoint},
		"C infinity":      {func(p *Proof) { clear(p.Points[6:8]) }, ErrPoint},
		"all infinity":    {func(p *Proof) { clear(p.Points[:]) }, ErrPoint},
		"other nullifier": {func(p *Proof) { p.Nullifier[31] ^= 1 }, ErrInvalidProof},
		"other message":   {func(p *Proof) { p.Message[31] ^= 1 }, ErrInvalidProof},
		"other scope":     {func(p *Proof) { p.Scope[31] ^= 1 }, ErrInvalidProof},
		"swapped":         {func(p *Proof) { p.Message, p.Scope = p.Scope, p.Message }, ErrInvalidProof},
		"key of depth +1": {func(p *Proof) { p.MerkleTreeDepth++ }, ErrInvalidProof},
	} {
		q := *p
		c.edit(&q)
		if err := v.Verify(&q); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := v.Verify(nil); !errors.Is(err, ErrProofSyntax) {
		t.Errorf("nil proof: %v", err)
	}
}

// TestVerifyAllocatesNothing once a depth has its tables, whatever the verdict.
func TestVerifyAllocatesNothing(t *testing.T) {
	v := verifier(t)
	good, _ := goodProof(t)
	bad := *good
	bad.Nullifier[31] ^= 1
	for name, p := range map[string]*Proof{"good": good, "bad": &bad} {
		if n := testing.AllocsPerRun(10, func() { _ = v.Verify(p) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestT15SharedVerifier uses one new verifier from many goroutines, so that
// tables are made and read at the same time (run with -race).
func TestT15SharedVerifier(t *testing.T) {
	v, err := NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	ps := crowd(t, 18)
	bad := *ps[0]
	bad.Nullifier[31] ^= 1
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 6 {
				p := ps[(worker*7+i*5)%len(ps)]
				if err := v.Verify(p); err != nil {
					t.Errorf("good proof: %v", err)
				}
				if err := v.Verify(&bad); !errors.Is(err, ErrInvalidProof) {
					t.Errorf("bad proof: %v", err)
				}
			}
			for i, err := range v.VerifyBatch([]*Proof{ps[worker], &bad, ps[worker+1], ps[worker+2]}) {
				if (err != nil) != (i == 1) {
					t.Errorf("batch, proof %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestT26NoSecretInTextOrErrors hunts for runs of the secret, in every usual
// spelling, in whatever this package prints.
func TestT26NoSecretInTextOrErrors(t *testing.T) {
	key := []byte("correct horse battery staple, and 32 more")
	id := IdentityFromKey(key)
	type holder struct {
		ID *Identity
		in Identity
		at *Identity
	}
	held := holder{ID: id, in: *id, at: id}
	var said []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		said = append(said, fmt.Sprintf(verb, id), fmt.Sprintf(verb, *id), fmt.Sprintf(verb, held), fmt.Sprintf(verb, &held), fmt.Sprintf(verb, []*Identity{id}))
	}
	if data, err := json.Marshal(held); err != nil {
		t.Fatal(err)
	} else {
		said = append(said, string(data))
	}
	export := id.Export()
	for _, broken := range []string{export + "=", export[1:], "\n" + export, strings.TrimRight(export, "="), export + export, export + "!"} {
		if _, err := ParseIdentity(broken); err != nil {
			said = append(said, err.Error())
		}
	}
	secret := id.SecretScalar()
	pruned := id.secrets().pruned.Bytes()
	for what, s := range map[string]string{
		"key":            string(key),
		"key, hex":       hex.EncodeToString(key),
		"key, base64":    export,
		"key, base64url": base64.RawURLEncoding.EncodeToString(key),
		"key, list":      strings.Trim(fmt.Sprint(key), "[]"),
		"secret scalar":  secret.String(),
		"scalar, hex":    hex.EncodeToString(secret[:]),
		"scalar, list":   strings.Trim(fmt.Sprint(secret[:]), "[]"),
		"pruned, hex":    hex.EncodeToString(pruned[:]),
		"words":          strings.Trim(fmt.Sprint([4]uint64(id.secrets().pruned)), "[]"),
		"prefix, hex":    hex.EncodeToString(id.secrets().prefix[:]),
	} {
		const run = 17
		for i := 0; i+run <= len(s); i++ {
			for _, text := range said {
				if strings.Contains(strings.ToLower(text), strings.ToLower(s[i:i+run])) {
					t.Fatalf("%s shows in %q", what, text)
				}
			}
		}
	}
}
