package issuer

import (
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/iden3/go-iden3-crypto/babyjub"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

func signed(t testing.TB, id *semaphore.Identity, nonce Nonce, name string) (x, y string, packed []byte) {
	t.Helper()
	k := id.PublicKey()
	packed, err := id.Sign(scope.EnrolMessage(nonce, name, id.Commitment())).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return k.X.String(), k.Y.String(), packed
}

func TestPossession(t *testing.T) {
	nonce := Nonce{1}
	for n := range byte(20) {
		id := semaphore.IdentityFromKey([]byte{n, 1})
		x, y, sig := signed(t, id, nonce, "issuer.test")
		c, err := possession(nonce, "issuer.test", x, y, sig)
		if err != nil || c != id.Commitment() {
			t.Fatalf("identity %d: %v", n, err)
		}
		for what, err := range map[string]error{
			"nonce": errorOf(possession(Nonce{2}, "issuer.test", x, y, sig)),
			"name":  errorOf(possession(nonce, "issuer.tesu", x, y, sig)),
		} {
			if api.CodeOf(err) != api.PossessionInvalid || errors.Is(err, errDisagree) {
				t.Errorf("other %s: %v", what, err)
			}
		}
		for i := range sig {
			sig[i] ^= 1 << (n % 8)
			if _, err := possession(nonce, "issuer.test", x, y, sig); api.CodeOf(err) != api.PossessionInvalid {
				t.Fatalf("identity %d, byte %d changed: %v", n, i, err)
			}
			sig[i] ^= 1 << (n % 8)
		}
	}
}

func possession(nonce Nonce, issuer, x, y string, packed []byte) (semaphore.Element, error) {
	return signedBy(x, y, packed, enrolMessage(nonce, issuer))
}

func errorOf(_ semaphore.Element, err error) error { return err }

// S and S + l sign alike for a lax verifier: refused.
func TestPossessionMalleable(t *testing.T) {
	nonce := Nonce{1}
	x, y, sig := signed(t, semaphore.IdentityFromKey([]byte("k")), nonce, "n")
	s := new(big.Int)
	for i := range 32 {
		s.Or(s, new(big.Int).Lsh(big.NewInt(int64(sig[32+i])), uint(8*i)))
	}
	s.Add(s, babyjub.SubOrder)
	for i := range 32 {
		sig[32+i] = byte(new(big.Int).Rsh(s, uint(8*i)).Uint64())
	}
	if _, err := possession(nonce, "n", x, y, sig); api.CodeOf(err) != api.PossessionInvalid {
		t.Error(err)
	}
}

// A valid key plus a point of small order is outside the subgroup: both
// implementations must say so.
func TestKeysOutsideTheSubgroup(t *testing.T) {
	order2 := babyjub.Point{X: big.NewInt(0), Y: new(big.Int).Sub(constantsQ(t), big.NewInt(1))}
	k := semaphore.IdentityFromKey([]byte("k")).PublicKey()
	p := babyjub.Point{X: new(big.Int).SetBytes(k.X[:]), Y: new(big.Int).SetBytes(k.Y[:])}
	shifted := p.Projective()
	shifted.Add(shifted, order2.Projective())
	a := shifted.Affine()
	var bad semaphore.PublicKey
	a.X.FillBytes(bad.X[:])
	a.Y.FillBytes(bad.Y[:])
	if !a.InCurve() || a.InSubGroup() {
		t.Fatal("the test's point is not what it should be")
	}
	if _, err := checkKey(bad); api.CodeOf(err) != api.CommitmentInvalid || errors.Is(err, errDisagree) {
		t.Error(err)
	}
}

// checkKey is what both say of a key alone.
func checkKey(key semaphore.PublicKey) (semaphore.Element, error) {
	any := func(c semaphore.Element) semaphore.Element { return c }
	return agreed(first(key, semaphore.Signature{}, semaphore.ErrSignature, any), second(key, nil, nil, any))
}

func constantsQ(t *testing.T) *big.Int {
	t.Helper()
	q, ok := new(big.Int).SetString("21888242871839275222246405745257275088548364400416034343698204186575808495617", 10)
	if !ok {
		t.Fatal("q")
	}
	return q
}

// The second opinion agrees with ours on the official signatures, and on the
// tampered ones it never accepts alone what ours refuses without a name for it.
func TestSecondOpinionOnVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "semaphore", "testdata", "semaphore-v4.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Identities []struct {
			PublicKey  [2]string `json:"publicKey"`
			Commitment string    `json:"commitment"`
		} `json:"identities"`
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range vectors.Identities {
		k, err := publicKey(v.PublicKey[0], v.PublicKey[1])
		if err != nil {
			t.Fatal(err)
		}
		c, err := checkKey(k)
		if v.Commitment == noSecret {
			if api.CodeOf(err) != api.CommitmentInvalid {
				t.Errorf("no secret: %v", err)
			}
			continue
		}
		if err != nil || c.String() != v.Commitment {
			t.Errorf("%s: %s, %v", v.Commitment, c, err)
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("only %d identities", checked)
	}
}

func BenchmarkPossession(b *testing.B) {
	nonce := Nonce{1}
	x, y, sig := signed(b, semaphore.IdentityFromKey([]byte("k")), nonce, "n")
	for b.Loop() {
		if _, err := possession(nonce, "n", x, y, sig); err != nil {
			b.Fatal(err)
		}
	}
}
