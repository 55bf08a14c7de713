package humantest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// tools are the prover and verifier that all kits of a process share; the
// prover is loaded when the first proof is not in the cache.
var tools = struct {
	prover   func() (*prove.Prover, error)
	verifier func() (*semaphore.Verifier, error)
}{
	sync.OnceValues(func() (*prove.Prover, error) { return prove.New(depth20.NewReader()) }),
	sync.OnceValues(semaphore.NewVerifier),
}

// proofs makes proofs, or finds those of an earlier run.
type proofs struct {
	dir      string // "" if nothing can be kept
	verifier *semaphore.Verifier
}

func newProofs(t testing.TB, dir string) *proofs {
	t.Helper()
	if dir == "" {
		if user, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(user, "perhuman", "humantest")
		}
	}
	if dir != "" && os.MkdirAll(dir, 0o700) != nil {
		dir = ""
	}
	v, err := tools.verifier()
	if err != nil {
		t.Fatal(err)
	}
	return &proofs{dir: dir, verifier: v}
}

// prover is what the people's wallets prove with.
func (p *proofs) prover() *wallet.Prover { return &wallet.Prover{Depth: 20, Prove: p.prove} }

// prove finds or makes a proof. What identifies one is what it states: the
// public inputs determine the member, as far as a kit's people go.
func (p *proofs) prove(ctx context.Context, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (*semaphore.Proof, error) {
	nullifier := id.Nullifier(scope)
	h := sha256.New()
	for _, part := range [][]byte{path.Root[:], nullifier[:], message[:], scope[:]} {
		h.Write(part)
	}
	file := filepath.Join(p.dir, hex.EncodeToString(h.Sum(nil)))
	if p.dir != "" {
		if found := p.load(file); found != nil && found.MerkleTreeRoot == path.Root && found.Nullifier == nullifier &&
			found.Message == message && found.Scope == scope {
			return found, nil
		}
	}
	prover, err := tools.prover()
	if err != nil {
		return nil, err
	}
	made, err := prover.Prove(ctx, id, path, message, scope)
	if err != nil {
		return nil, err
	}
	if p.dir != "" {
		p.keep(file, made)
	}
	return made, nil
}

func (p *proofs) load(file string) *semaphore.Proof {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	found := new(semaphore.Proof)
	if found.UnmarshalBinary(b) != nil || p.verifier.Verify(found) != nil {
		return nil
	}
	return found
}

// keep writes a proof for the next run. Without it that run only takes longer.
func (p *proofs) keep(file string, made *semaphore.Proof) {
	b, err := made.MarshalBinary()
	if err != nil {
		return
	}
	f, err := os.CreateTemp(p.dir, "proof-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), file) != nil {
		_ = os.Remove(f.Name())
	}
}
