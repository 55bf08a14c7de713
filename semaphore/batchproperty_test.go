package semaphore

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
)

// judged is a proof with the verdict of Verify.
type judged struct {
	proof   *Proof
	verdict error
	how     string
}

// pool is every proof of the vectors, and proofs made from them in all the ways
// that this package's tests know, with what Verify says of each.
func pool(t testing.TB) (out []judged) {
	t.Helper()
	v := verifier(t)
	add := func(how string, p *Proof) { out = append(out, judged{p, v.Verify(p), how}) }
	vectors := official(t)
	for _, c := range vectors.Proofs {
		p, err := ParseProof(c.Proof)
		if err != nil {
			t.Fatal(err)
		}
		add("official", p)
	}
	for _, list := range [][]tamperedVector{vectors.Tampered, vectors.ForgedRootZero} {
		for _, c := range list {
			if p, err := decodeProof(c.Proof); err == nil { // as a Proof by hand
				add(c.Note, p)
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	base := crowd(t, len(vectors.Proofs))
	for i := range 150 {
		p := *base[i%len(base)]
		how := mutateProof(t, r, &p, base[r.IntN(len(base))])
		add(how, &p)
	}
	for i := range 12 {
		q, _ := spoil(t, base[i], i)
		add("spoilt", q)
	}
	good := 0
	for _, j := range out {
		if j.verdict == nil {
			good++
		}
	}
	if good < 40 || good > len(out)*2/3 {
		t.Fatalf("%d of %d are good", good, len(out))
	}
	return out
}

// sameVerdict: a batch gives the very errors that Verify does.
func sameVerdict(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	for _, known := range []error{ErrProofSyntax, ErrDepth, ErrPoint, ErrZeroRoot, ErrInvalidProof, ErrRange} {
		if errors.Is(a, known) != errors.Is(b, known) {
			return false
		}
	}
	return true
}

// TestBatchEqualsVerify: every vector and everything made from them in one
// batch, and in batches of all shapes: mixed depths, all good, all bad, one bad,
// one good, the same proof again and again, and what chance brings.
func TestBatchEqualsVerify(t *testing.T) {
	all := pool(t)
	var good, bad []judged
	for _, j := range all {
		if j.verdict == nil {
			good = append(good, j)
		} else {
			bad = append(bad, j)
		}
	}
	rounds := 20
	if os.Getenv("PERHUMAN_LONG") == "1" {
		rounds = 3000
	}
	bothWays(t, func(t *testing.T, v *Verifier) {
		r := rand.New(rand.NewPCG(55, 5))
		pick := func(from []judged) judged { return from[r.IntN(len(from))] }
		check := func(shape string, batch []judged) {
			t.Helper()
			ps := make([]*Proof, len(batch))
			for i, j := range batch {
				ps[i] = j.proof
			}
			for i, err := range v.VerifyBatch(ps) {
				if !sameVerdict(err, batch[i].verdict) {
					t.Errorf("%s, %d of %d, %s: %v, singly %v", shape, i, len(ps), batch[i].how, err, batch[i].verdict)
				}
			}
		}
		check("everything", all)
		for round := range rounds {
			n := 1 + r.IntN(24)
			if round%8 == 7 {
				n = 64
			}
			batch := make([]judged, n)
			shape := []string{"good", "bad", "one bad", "one good", "the same", "two of each", "a few bad", "chance"}[r.IntN(8)]
			for i := range batch {
				switch shape {
				case "good", "one bad":
					batch[i] = pick(good)
				case "bad", "one good":
					batch[i] = pick(bad)
				case "the same":
					batch[i] = all[round%len(all)]
				case "two of each":
					batch[i] = pick(all)
					if i%2 == 1 {
						batch[i] = batch[i-1]
					}
				case "a few bad":
					batch[i] = pick(good)
					if r.IntN(12) == 0 {
						batch[i] = pick(bad)
					}
				case "chance":
					batch[i] = pick(all)
				}
			}
			switch at := r.IntN(n); shape {
			case "one bad":
				batch[at] = pick(bad)
			case "one good":
				batch[at] = pick(good)
			}
			check(shape, batch)
		}
	})
}

// TestBatchDrawsItsWeights: what VerifyBatch checks hangs on the numbers it
// draws, all of them from the source that it is given. Two false proofs whose
// errors cancel pass if their weights are equal.
func TestBatchDrawsItsWeights(t *testing.T) {
	ps := crowd(t, 16)
	ps[3], ps[9] = cancelling(t, ps[0])
	bothWays(t, func(t *testing.T, v *Verifier) {
		settle := func(random func([]byte)) (bad int) {
			items := make([]*batchItem, len(ps))
			for i, p := range ps {
				s, err := newStatement(p)
				if err != nil {
					t.Fatal(err)
				}
				items[i] = &batchItem{statement: s, verdict: new(error)}
			}
			v.settle(items, random)
			for _, it := range items {
				if *it.verdict != nil {
					bad++
				}
			}
			return bad
		}
		if n := settle(random); n != 2 {
			t.Errorf("%d bad, want 2", n)
		}
		r := rand.NewChaCha8([32]byte{1})
		if n := settle(func(b []byte) { r.Read(b) }); n != 2 {
			t.Errorf("%d bad with a seed, want 2", n)
		}
		if n := settle(func(b []byte) { clear(b) }); n != 0 {
			t.Errorf("%d bad with equal weights, by which they cancel", n)
		}
	})
}
