package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/iden3/go-iden3-crypto/babyjub"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"
	"golang.org/x/sys/cpu"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
)

const wrongArithmetic = "do not run anything with this binary on this machine: its arithmetic is wrong; report it, with the processor's name"

// machine says which of the fast paths this processor takes.
func machine() finding {
	var fast []string
	for _, c := range []struct {
		has  bool
		name string
	}{
		{cpu.X86.HasAVX2, "AVX2"}, {cpu.X86.HasAVX512IFMA, "AVX-512 IFMA"}, {cpu.X86.HasAVX512VNNI, "VNNI"}, {cpu.X86.HasAVX512VPOPCNTDQ, "VPOPCNTDQ"},
	} {
		if c.has {
			fast = append(fast, c.name)
		}
	}
	what := fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if len(fast) > 0 {
		what += ", " + strings.Join(fast, ", ")
	}
	return good("machine", "%s", what)
}

// element draws a field element.
func element(rand io.Reader) (semaphore.Element, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[1:]); err != nil {
		return semaphore.Element{}, err
	}
	return semaphore.ElementFromBytes(b[:])
}

// hashes compares Poseidon with the second implementation.
func hashes(rand io.Reader) finding {
	const rounds = 64
	for range rounds {
		l, err := element(rand)
		if err != nil {
			return fault("Poseidon", "the system's randomness fails", err)
		}
		r, err := element(rand)
		if err != nil {
			return fault("Poseidon", "the system's randomness fails", err)
		}
		ours := semaphore.Hash2(l, r)
		theirs, err := iden3.Hash([]*big.Int{new(big.Int).SetBytes(l[:]), new(big.Int).SetBytes(r[:])})
		if err == nil && new(big.Int).SetBytes(ours[:]).Cmp(theirs) != 0 {
			err = errors.New("two implementations disagree")
		}
		if err != nil {
			return fault("Poseidon", wrongArithmetic, err)
		}
	}
	return good("Poseidon", "%d random pairs equal to go-iden3-crypto", rounds)
}

// curve has the second implementation check a signature of ours.
func curve(rand io.Reader) finding {
	id, err := semaphore.NewIdentity(rand)
	if err != nil {
		return fault("Baby Jubjub", "the system's randomness fails", err)
	}
	msg, err := element(rand)
	if err != nil {
		return fault("Baby Jubjub", "the system's randomness fails", err)
	}
	sig, key := id.Sign(msg), id.PublicKey()
	if err := key.Verify(msg, sig); err != nil {
		return fault("Baby Jubjub", wrongArithmetic, err)
	}
	packed, err := sig.MarshalBinary()
	if err != nil {
		return fault("Baby Jubjub", wrongArithmetic, err)
	}
	theirForm := babyjub.SignatureComp(packed)
	opened, err := theirForm.Decompress()
	if err != nil {
		return fault("Baby Jubjub", wrongArithmetic, err)
	}
	theirs := &babyjub.PublicKey{X: new(big.Int).SetBytes(key.X[:]), Y: new(big.Int).SetBytes(key.Y[:])}
	if !theirs.VerifyPoseidon(new(big.Int).SetBytes(msg[:]), opened) {
		return fault("Baby Jubjub", wrongArithmetic, errors.New("go-iden3-crypto refuses our signature"))
	}
	return good("Baby Jubjub", "go-iden3-crypto accepts our signature")
}

// proofs makes one with the official key and verifies it.
func proofs(ctx context.Context, rand io.Reader) []finding {
	const name = "proofs"
	p, err := prove.New(depth20.NewReader(), prove.WithRand(rand))
	if err != nil {
		return []finding{fault(name, "the binary is damaged: its proving key is not the official one", err)}
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		return []finding{fault(name, "the binary is damaged: its verifying keys are not the official ones", err)}
	}
	id, err := semaphore.NewIdentity(rand)
	if err != nil {
		return []finding{fault(name, "the system's randomness fails", err)}
	}
	other, err := semaphore.NewIdentity(rand)
	if err != nil {
		return []finding{fault(name, "the system's randomness fails", err)}
	}
	group, err := semaphore.NewGroup(other.Commitment(), id.Commitment())
	if err != nil {
		return []finding{fault(name, wrongArithmetic, err)}
	}
	path, err := group.Proof(1)
	if err != nil {
		return []finding{fault(name, wrongArithmetic, err)}
	}
	start := time.Now()
	made, err := p.Prove(ctx, id, path, semaphore.Uint256{1}, semaphore.Uint256{2})
	proving := time.Since(start)
	if err != nil {
		return []finding{fault(name, wrongArithmetic, err)}
	}
	start = time.Now()
	if err := v.Verify(made); err != nil {
		return []finding{fault(name, wrongArithmetic, err)}
	}
	return []finding{good(name, "depth %d with the official key: made in %d ms, verified in %.1f ms", p.Depth(), proving.Milliseconds(), float64(time.Since(start).Microseconds())/1000)}
}

// database looks at where a SQLite file lies, without opening it: a service may
// be running.
func database(path string) []finding {
	const name = "database"
	var out []finding
	dir := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		out = append(out, warning(name, "the first start makes it; afterwards a missing file means that spent nullifiers are lost", "%s does not exist", path))
	case err != nil:
		return []finding{fault(name, "make the file readable for the service's user", err)}
	case !info.Mode().IsRegular():
		return []finding{fault(name, "name the database file itself", fmt.Errorf("%s is no file", path))}
	case info.Mode().Perm()&0o077 != 0:
		out = append(out, warning(name, "chmod 600", "%s can be read by others (%v)", path, info.Mode().Perm()))
	default:
		out = append(out, good(name, "%s, %d bytes, for its owner alone", path, info.Size()))
	}
	out = append(out, fileSystem(dir)...)
	return append(out, durable(dir))
}

// durable tries whether a file in dir can be written and synced.
func durable(dir string) finding {
	f, err := os.CreateTemp(dir, ".perhuman-doctor-*")
	if err != nil {
		return fault("durability", "the service's user must be able to write to the folder: SQLite keeps its log there", err)
	}
	start := time.Now()
	_, err = f.WriteString("x")
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	if err != nil {
		return fault("durability", "see to the disk", err)
	}
	return good("durability", "%s can be written; a sync takes %.1f ms", dir, float64(time.Since(start).Microseconds())/1000)
}

func secretFile(path string) finding {
	if _, err := readSecret(path); err != nil {
		return fault("secret", "only the service's user may read it, and it holds one line", err)
	}
	return good("secret", "%s is for its owner alone", path)
}
