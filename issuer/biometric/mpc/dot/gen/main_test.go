package main

import (
	"bytes"
	"os"
	"testing"
)

func TestCommittedAssemblyIsGenerated(t *testing.T) {
	committed, err := os.ReadFile("../kernel_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, assembly()) {
		t.Error("kernel_amd64.s differs: run go generate ./issuer/biometric/mpc/dot")
	}
}
