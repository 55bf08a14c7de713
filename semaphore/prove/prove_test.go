package prove

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth32"
)

func load(t testing.TB, depth int, opts ...Option) *Prover {
	t.Helper()
	var key []byte
	switch depth {
	case 20:
		key = depth20.ZKey()
	case 32:
		key = depth32.ZKey()
	default:
		key = artifact(t, depth, "zkey")
	}
	p, err := New(bytes.NewReader(key), opts...)
	if err != nil {
		t.Fatal(err)
	}
	if p.Depth() != depth {
		t.Fatalf("key of depth %d says %d", depth, p.Depth())
	}
	return p
}

// statement is something true to prove.
type statement struct {
	id             *semaphore.Identity
	path           semaphore.MerkleProof
	message, scope semaphore.Uint256
}

// member puts an identity into a group of the given size.
func member(t testing.TB, seed string, position, size int) statement {
	t.Helper()
	id := semaphore.IdentityFromKey([]byte(seed))
	leaves := make([]semaphore.Element, size)
	for i := range leaves {
		leaves[i] = semaphore.Element{31: byte(i), 30: byte(i >> 8), 1: 1}
	}
	leaves[position] = id.Commitment()
	g, err := semaphore.NewGroup(leaves...)
	if err != nil {
		t.Fatal(err)
	}
	path, err := g.Proof(position)
	if err != nil {
		t.Fatal(err)
	}
	return statement{id, path, semaphore.Uint256{0: 0xff, 31: 7}, semaphore.Uint256{31: byte(size)}}
}

func (s statement) prove(p *Prover) (*semaphore.Proof, error) {
	return p.Prove(context.Background(), s.id, s.path, s.message, s.scope)
}

// TestProofsVerify: our verifier and gnark's accept, at group sizes whose
// paths have every shape.
func TestProofsVerify(t *testing.T) {
	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	for depth, groups := range map[int][][2]int{ // position, size
		1:  {{0, 2}, {1, 2}},
		10: {{4, 5}, {17, 33}},
		20: {{299, 300}},
		32: {{0, 2}},
	} {
		t.Run(strconv.Itoa(depth), func(t *testing.T) {
			p := load(t, depth)
			for _, g := range groups {
				s := member(t, "a person", g[0], g[1])
				proof, err := s.prove(p)
				if err != nil {
					t.Fatal(err)
				}
				if err := gnarkVerify(t, proof); err != nil {
					t.Errorf("leaf %d of %d: gnark: %v", g[0], g[1], err)
				}
				if err := v.Verify(proof); err != nil {
					t.Errorf("leaf %d of %d: %v", g[0], g[1], err)
				}
				if proof.Nullifier != s.id.Nullifier(s.scope) || proof.MerkleTreeRoot != s.path.Root ||
					proof.Message != s.message || proof.Scope != s.scope || proof.MerkleTreeDepth != depth {
					t.Errorf("proof says %+v", proof)
				}
				proof.Message[31] ^= 1
				if gnarkVerify(t, proof) == nil || v.Verify(proof) == nil {
					t.Error("verifies for another message")
				}
			}
		})
	}
}

// TestProofsAreFresh: two proofs of one statement share no point, unless the
// blinding is the same; and the number of workers changes nothing.
func TestProofsAreFresh(t *testing.T) {
	s := member(t, "a person", 1, 2)
	p := load(t, 20)
	first, err := s.prove(p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.prove(p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first.Points {
		if first.Points[i] == second.Points[i] {
			t.Errorf("number %d is the same in two proofs", i)
		}
	}
	var fixed []*semaphore.Proof
	for _, workers := range []int{0, 1, 2, 7} {
		proof, err := s.prove(load(t, 20, WithRand(ones{}), WithWorkers(workers)))
		if err != nil {
			t.Fatal(err)
		}
		if fixed = append(fixed, proof); *proof != *fixed[0] {
			t.Errorf("%d workers make another proof", workers)
		}
	}
	if _, err := s.prove(load(t, 20, WithRand(failingReader{}))); !errors.Is(err, errReader) {
		t.Errorf("no randomness: %v", err)
	}
	if _, err := s.prove(load(t, 20, WithRand(bytes.NewReader(bytes.Repeat([]byte{0xff}, 1<<16))))); err == nil {
		t.Error("a source that gives no field element makes a proof")
	}
}

// ones is a random source that is not random.
type ones struct{}

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

func TestConcurrentProofs(t *testing.T) {
	p := load(t, 20)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := member(t, "a person", 1, 2)
			proof, err := s.prove(p)
			if err != nil {
				t.Error(err)
			} else if err := gnarkVerify(t, proof); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestProgress: stages come in order, the count only grows, and it ends at the
// total.
func TestProgress(t *testing.T) {
	var stages []string
	last, end := -1, 0
	p := load(t, 20, WithProgress(func(stage string, done, total int) {
		if len(stages) == 0 || stages[len(stages)-1] != stage {
			stages = append(stages, stage)
		}
		if done < last || done > total {
			t.Errorf("%s: %d of %d after %d", stage, done, total, last)
		}
		last, end = done, total
	}))
	if _, err := member(t, "a person", 4, 5).prove(p); err != nil {
		t.Fatal(err)
	}
	if want := []string{"witness", "B", "A", "quotient", "C", "done"}; !slices.Equal(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	if last != end {
		t.Errorf("ends at %d of %d", last, end)
	}
}
