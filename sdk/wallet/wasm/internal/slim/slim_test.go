package slim

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program prints what it prints by way of the garbage collector, growing
// stacks, a recovered fault and an inlined call, then panics.
const program = `package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

func deep(n int, s []string) int {
	var room [64]int
	room[n%64] = n
	if n == 0 {
		runtime.GC()
		return len(s)
	}
	return deep(n-1, append(s, strings.Repeat("x", n%7))) + room[n%64] - n
}

func fault(i int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("recovered: %v", r)
		}
	}()
	return errors.New([]string{"none"}[i])
}

func main() {
	fmt.Println(deep(3000, nil), fault(0), fault(5))
	fault := []int{}
	fmt.Println(fault[len(fault)])
}
`

func build(t testing.TB) (wasm []byte, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "main.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, filepath.Join(dir, "main.go"))
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm, dir
}

// TestWasm: the smaller program does what the program does, and says the same
// when it fails, but for places.
func TestWasm(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not installed, which is an error under CI=true")
		}
		t.Skip("node is not installed")
	}
	wasm, dir := build(t)
	small, err := Wasm(wasm)
	if err != nil {
		t.Fatal(err)
	}
	if len(small) > len(wasm)*98/100 {
		t.Errorf("%d bytes of %d", len(small), len(wasm))
	}
	again, err := Wasm(small)
	if err != nil || !bytes.Equal(again, small) {
		t.Errorf("a second pass changes the program: %v", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	run := func(wasm []byte) string {
		file := filepath.Join(dir, "run.wasm")
		if err := os.WriteFile(file, wasm, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("node", filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec_node.js"), file).CombinedOutput()
		if err == nil {
			t.Error("the program should have failed")
		}
		return string(out)
	}
	want, got := run(wasm), run(small)
	const printed = "3000 none recovered: runtime error: index out of range [5] with length 1\npanic: runtime error: index out of range [0] with length 0\n"
	if !strings.HasPrefix(want, printed) || !strings.HasPrefix(got, printed) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if !strings.Contains(got, "main.main(") || strings.Contains(got, ".go:") {
		t.Errorf("a trace has names and no places; got %s", got)
	}
}

// TestRefusals: what is not laid out as expected is refused, not damaged.
func TestRefusals(t *testing.T) {
	wasm, _ := build(t)
	table := bytes.Index(wasm, []byte(magic))
	if table < 0 {
		t.Fatal("no table of functions")
	}
	older := bytes.Clone(wasm)
	older[table] = 0xf0
	for name, b := range map[string][]byte{
		"empty": {}, "no section": []byte(header), "cut": wasm[:len(wasm)/2], "another version": older,
		"a long section": append([]byte(header), sectData, 0xff, 0xff, 0xff, 0x07),
	} {
		if out, err := Wasm(b); !errors.Is(err, ErrFormat) || out != nil {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
}

// FuzzData: any data section is refused or read, and then written so that it
// reads the same.
func FuzzData(f *testing.F) {
	f.Add([]byte{1, 0, opConst, 5, opEnd, 2, 7, 8})
	f.Add([]byte{2, 0, opConst, 0xc0, 0, opEnd, 1, 7, 0, opConst, 2, opEnd, 3, 1, 0, 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		image, first, err := readData(body)
		if err != nil {
			return
		}
		_ = clearTraces(bytes.Clone(image), first)
		image = bytes.TrimRight(image, "\x00")
		n := len(image)
		image = bytes.TrimLeft(image, "\x00")
		first += n - len(image)
		if len(image) == 0 {
			return
		}
		again, at, err := readData(writeData(image, first))
		if err != nil || at != first || !bytes.Equal(again, image) {
			t.Fatalf("at %d: %x, read again at %d: %x, %v", first, image, at, again, err)
		}
	})
}

// FuzzTable: a damaged table of functions is refused or cleared, with no panic.
func FuzzTable(f *testing.F) {
	f.Add([]byte(magic + "\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, image []byte) { _ = clearTraces(append([]byte(magic), image...), 4096) })
}
