package prove

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// TestNoSecretInMemory reads all writable memory of this process after proofs
// and hunts for the secret as the prover holds it, in Montgomery form: memory
// in use, given up and pooled alike. It finds what it hunts for while a proof
// runs.
func TestNoSecretInMemory(t *testing.T) {
	st := member(t, "hunted", 1, 2)
	// The pattern is made and kept inverted, so that the test never holds it:
	// r less the Montgomery form of minus the secret.
	scalar := st.id.SecretScalar()
	var minus fr.Element
	minus.SetBigInt(new(big.Int).Sub(fr.Modulus(), new(big.Int).SetBytes(scalar[:])))
	var hidden [fr.Bytes]byte
	var borrow uint64
	for i, w := range orderR {
		w, borrow = bits.Sub64(w, minus[i], borrow)
		binary.LittleEndian.PutUint64(hidden[8*i:], ^w)
	}
	during := 0
	hunting := false
	p := load(t, 20, func(o *options) {
		o.witness = func([]fr.Element) {
			if hunting {
				during = hunt(t, hidden[:])
			}
		}
	})
	for i := range 3 {
		hunting = i == 2
		if _, err := st.prove(p); err != nil {
			t.Fatal(err)
		}
	}
	if during == 0 {
		t.Error("the hunt does not find the secret where it is")
	}
	if after := hunt(t, hidden[:]); after != 0 {
		t.Errorf("the secret is in memory %d times after the proofs", after)
	}
}

// hunt counts the first 17 bytes of the pattern, given inverted, in writable
// private memory.
func hunt(t *testing.T, inverted []byte) (found int) {
	t.Helper()
	const run = 17
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to; at += uint64(len(buf)) - run {
			n, err := mem.ReadAt(buf[:min(uint64(len(buf)), to-at)], int64(at))
			if err != nil && n == 0 {
				break // not mapped after all
			}
			for rest := buf[:n]; ; {
				i := index(rest, inverted[:run])
				if i < 0 {
					break
				}
				found++
				rest = rest[i+1:]
			}
			clear(buf)
		}
	}
	runtime.KeepAlive(buf)
	return found
}

// index finds the complement of a pattern.
func index(b, inverted []byte) int {
	for base := 0; ; {
		i := bytes.IndexByte(b[base:], ^inverted[0])
		if i < 0 || base+i+len(inverted) > len(b) {
			return -1
		}
		base += i
		match := true
		for k, c := range inverted {
			if b[base+k] != ^c {
				match = false
				break
			}
		}
		if match {
			return base
		}
		base++
	}
}
