// Package artifacts holds the verifying keys of the official Semaphore
// circuits for the tree depths 1 to 32, and the SHA-256 of every official
// artifact: bytes and pins, nothing else.
//
// Everything comes from the npm package @zk-kit/semaphore-artifacts 4.13.0.
// Artifacts of other generations verify other circuits: those of 4.0.0 could
// be forged. The keys are embedded as the 32 official JSON files in one
// compressed archive and checked against their pins when they are unpacked.
//
// The proving keys are large and sit in the packages depth20 and depth32, so
// that only provers carry them.
package artifacts

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Version is the version of @zk-kit/semaphore-artifacts that everything here
// comes from.
const Version = "4.13.0"

// MaxDepth is the greatest tree depth there are keys for; the least is 1.
const MaxDepth = 32

// ErrCorrupt: embedded bytes that do not have the pinned digest.
var ErrCorrupt = errors.New("artifacts: embedded key does not match its pin")

// sums lists the pins in the format of sha256sum, depth ascending, for each
// depth zkey, wasm, json.
//
//go:embed SHA256SUMS
var sums string

// archive is a raw DEFLATE stream of 32 big-endian 32-bit lengths and the
// files semaphore-1.json to semaphore-32.json.
//
//go:embed keys.flate
var archive []byte

// Pin gives the SHA-256 of an official artifact by file name, for example
// "semaphore-20.zkey".
func Pin(name string) (sum [32]byte, ok bool) {
	for line := range strings.Lines(sums) {
		digest, file, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !found || file != name {
			continue
		}
		n, err := hex.Decode(sum[:], []byte(digest))
		return sum, err == nil && n == len(sum)
	}
	return sum, false
}

// VerifyingKeyJSON gives the official verifying key of one depth, a JSON
// document of about 4 KB, or nil for a depth outside 1..32. It panics when the
// program's own embedded bytes are damaged; VerifyingKeys reports that as an
// error.
func VerifyingKeyJSON(depth int) []byte {
	if depth < 1 || depth > MaxDepth {
		return nil
	}
	keys, err := VerifyingKeys()
	if err != nil {
		panic(err)
	}
	return bytes.Clone(keys[depth-1])
}

// VerifyingKeys gives all 32 keys, that of depth d at index d-1, each checked
// against its pin. The result is shared: do not write to it.
func VerifyingKeys() ([][]byte, error) {
	unpacked.once.Do(func() { unpacked.keys, unpacked.err = unpack(archive) })
	return unpacked.keys, unpacked.err
}

// unpacked is a once of its own and not a sync.OnceValues: that would be made at
// start-up and so tie archive and decompressor to every program that only needs
// a pin, the wallet in the browser among them.
var unpacked struct {
	once sync.Once
	keys [][]byte
	err  error
}

func unpack(archive []byte) ([][]byte, error) {
	all, err := io.ReadAll(flate.NewReader(bytes.NewReader(archive)))
	if err != nil || len(all) < 4*MaxDepth {
		return nil, fmt.Errorf("%w: archive", ErrCorrupt)
	}
	lengths, rest := all[:4*MaxDepth], all[4*MaxDepth:]
	keys := make([][]byte, MaxDepth)
	for i := range keys {
		n := binary.BigEndian.Uint32(lengths[4*i:])
		if uint64(n) > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: archive", ErrCorrupt)
		}
		keys[i], rest = rest[:n:n], rest[n:]
		pin, ok := Pin(fmt.Sprintf("semaphore-%d.json", i+1))
		if !ok || sha256.Sum256(keys[i]) != pin {
			return nil, fmt.Errorf("%w: depth %d", ErrCorrupt, i+1)
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: archive", ErrCorrupt)
	}
	return keys, nil
}
