//go:build !wasm

package prove

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWasm runs the tests of what is different in WebAssembly there, under
// Node. The arithmetic itself is compared natively in TestMultiexp and
// TestQuotient.
func TestWasm(t *testing.T) {
	if !long() {
		t.Skip("PERHUMAN_LONG=1 builds the tests for js/wasm and runs them")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is not installed")
	}
	binary := filepath.Join(t.TempDir(), "prove.wasm")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command("node", "--stack-size=8192",
		filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec_node.js"), binary,
		"-test.v", "-test.run", "TestProofsVerify|TestProofsAreFresh|TestQuotient|TestWipe")
	out, err := run.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n--- PASS") != 4 {
		t.Fatalf("%v\n%s", err, out)
	}
}
