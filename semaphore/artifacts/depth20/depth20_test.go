package depth20

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestPin(t *testing.T) {
	sum := sha256.Sum256(ZKey())
	if got := hex.EncodeToString(sum[:]); got != SHA256 {
		t.Fatalf("embedded key has SHA-256 %s, pin is %s", got, SHA256)
	}
}

func TestZKeyIsACopy(t *testing.T) {
	ZKey()[0] ^= 0xff
	if ZKey()[0] != 'z' {
		t.Fatal("a caller can change the embedded key")
	}
}
