package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/docs"
)

// The bill of materials of the built program lists every module that
// docs/licences.txt freezes for it, each with its licence and checksum.
func TestVersionAndBillOfMaterials(t *testing.T) {
	binary, err := built.get()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, "version").Output() // #nosec G204 -- what was just built
	if err != nil || !strings.HasPrefix(string(out), "perhuman ") || !strings.Contains(string(out), "go1.") {
		t.Fatalf("version: %q, %v", out, err)
	}
	out, err = exec.Command(binary, "version", "-sbom").Output() // #nosec G204 -- what was just built
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(out, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Name != "github.com/perhuman/perhuman" || len(b.Components) < 10 {
		t.Fatalf("a bill of materials of %d parts for %q", len(b.Components), b.Metadata.Component.Name)
	}
	known := docs.Licences()
	for _, c := range b.Components {
		if known[c.Name+" "+c.Version] == "" || len(c.Licences) != 1 || len(c.Properties) != 1 {
			t.Errorf("%s %s: licence %q, %d licences and %d checksums listed", c.Name, c.Version, known[c.Name+" "+c.Version], len(c.Licences), len(c.Properties))
		}
	}
}

// Two folders, one program: nothing of where or when it was built is in it.
func TestReproducibleBuild(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") == "" {
		t.Skip("compiles SQLite twice from nothing; PERHUMAN_LONG=1 runs it")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	for _, name := range []string{"one", "a-second-folder"} {
		dir := filepath.Join(t.TempDir(), name)
		sums = append(sums, buildIn(t, root, dir))
	}
	if sums[0] != sums[1] {
		t.Fatalf("two builds differ: %v", sums)
	}
	t.Logf("sha256 %s", sums[0])
}

// buildIn copies what git tracks to dir, builds perhuman there with a cache of
// its own, and gives the SHA-256 of the program.
func buildIn(t *testing.T, root, dir string) string {
	t.Helper()
	script := `set -e
mkdir -p "$2/src"
git -C "$1" ls-files -z | tar -C "$1" --null -T - -c | tar -C "$2/src" -x
cd "$2/src"
GOCACHE="$2/cache" CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o "$2/perhuman" ./sdk/cmd/perhuman
rm -rf "$2/cache"
sha256sum < "$2/perhuman"`
	cmd := exec.Command("bash", "-c", script, "build", root, dir) // #nosec G204 -- a constant script
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
