package docs

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/perhuman/perhuman"

// mayImport is the direction in which data flows: each package of ours, and
// which of ours it may import directly (tests apart). "x/..." is x and all
// below it. A package that is missing here fails the test: a new room is
// entered into the plan first.
var mayImport = map[string]string{
	"semaphore":                            "semaphore/artifacts semaphore/internal/...",
	"semaphore/internal/poseidon":          "",
	"semaphore/internal/poseidon/gen":      "",
	"semaphore/internal/babyjub":           "",
	"semaphore/internal/pairing8":          "",
	"semaphore/internal/pairing8/gen":      "",
	"semaphore/artifacts":                  "",
	"semaphore/artifacts/depth20":          "semaphore/artifacts",
	"semaphore/artifacts/depth32":          "semaphore/artifacts",
	"semaphore/prove":                      "semaphore semaphore/artifacts semaphore/internal/... semaphore/prove/internal/...",
	"semaphore/prove/internal/field29":     "",
	"semaphore/prove/internal/ifma":        "",
	"semaphore/scope":                      "semaphore",
	"semaphore/setlog":                     "semaphore",
	"semaphore/receipt":                    "semaphore semaphore/setlog semaphore/scope",
	"semaphore/circuit":                    "semaphore semaphore/internal/...",
	"semaphore/circuit/setup":              "",
	"semaphore/circuit/ptautest":           "",
	"issuer":                               "semaphore semaphore/setlog semaphore/scope semaphore/receipt issuer/biometric/capture issuer/biometric/share sdk/api",
	"issuer/biometric/capture":             "",
	"issuer/biometric/share":               "",
	"issuer/biometric/iris":                "issuer/biometric/...",
	"issuer/biometric/iris/gen":            "",
	"issuer/biometric/mpc":                 "issuer/biometric/iris issuer/biometric/face issuer/biometric/mpc/galois issuer/biometric/mpc/dot issuer/biometric/mpc/wire",
	"issuer/biometric/mpc/wire":            "",
	"issuer/biometric/mpc/party":           "issuer/biometric/capture issuer/biometric/iris issuer/biometric/match issuer/biometric/mpc issuer/biometric/mpc/dot issuer/biometric/mpc/wire issuer/biometric/share",
	"issuer/biometric/mpc/party/partytest": "issuer/biometric/capture issuer/biometric/match issuer/biometric/mpc/party issuer/biometric/mpc/wire issuer/biometric/share semaphore",
	"issuer/biometric/mpc/galois":          "",
	"issuer/biometric/mpc/dot":             "issuer/biometric/iris issuer/biometric/face issuer/biometric/mpc/galois",
	"issuer/biometric/mpc/dot/gen":         "",
	"issuer/biometric/report":              "issuer/biometric/...",
	"issuer/biometric/face":                "issuer/biometric/...",
	"issuer/biometric/synth":               "issuer/biometric/...",
	"issuer/biometric/match":               "issuer/biometric/...",
	"issuer/cosign":                        "issuer sdk/witness semaphore/setlog",
	"issuer/sqlite":                        "issuer issuer/backup semaphore semaphore/setlog sdk/api",
	"issuer/postgres":                      "issuer issuer/backup semaphore semaphore/setlog sdk/api",
	"issuer/backup":                        "issuer semaphore semaphore/receipt semaphore/setlog sdk/api",
	"issuer/storetest":                     "issuer issuer/backup issuer/biometric/capture issuer/internal/testkit semaphore semaphore/setlog sdk/api",
	"issuer/httpapi":                       "issuer issuer/biometric/capture issuer/httpapi/page semaphore semaphore/setlog semaphore/scope sdk/api sdk/serve",
	"issuer/httpapi/page":                  "issuer semaphore/setlog sdk/api",
	"issuer/httpapi/admin":                 "issuer issuer/cosign issuer/httpapi semaphore sdk/api sdk/serve",
	"verifier":                             "semaphore semaphore/setlog semaphore/scope sdk/api",
	"verifier/memory":                      "verifier semaphore semaphore/scope",
	"verifier/internal/batch":              "verifier",
	"verifier/sqlite":                      "verifier verifier/internal/batch semaphore semaphore/scope",
	"verifier/postgres":                    "verifier verifier/internal/batch semaphore semaphore/scope",
	"verifier/postgres/pgtest":             "",
	"verifier/storetest":                   "verifier semaphore semaphore/scope",
	"verifier/httpapi":                     "verifier verifier/httpapi/registry semaphore semaphore/setlog semaphore/scope sdk/api sdk/post sdk/serve",
	"verifier/httpapi/registry":            "verifier semaphore/scope sdk/serve",
	"verifier/httpapi/webhook":             "verifier verifier/httpapi/registry semaphore/scope sdk/api",
	"verifier/httpapi/admin":               "verifier verifier/httpapi/registry sdk/api sdk/serve semaphore",
	"sdk":                                  "verifier semaphore semaphore/setlog semaphore/scope sdk/api sdk/serve sdk/sethttp",
	"sdk/api":                              "",
	"sdk/serve":                            "sdk/api",
	"sdk/sethttp":                          "semaphore semaphore/setlog sdk/serve sdk/api",
	"sdk/post":                             "semaphore semaphore/setlog semaphore/scope sdk/api",
	"sdk/agent":                            "sdk sdk/api sdk/serve semaphore semaphore/scope",
	"sdk/agent/sqlite":                     "sdk/agent semaphore semaphore/scope",
	"sdk/relay":                            "sdk/api sdk/serve",
	"sdk/tally":                            "semaphore semaphore/setlog semaphore/scope",
	"sdk/witness":                          "semaphore/setlog",
	"sdk/ginhuman":                         "sdk semaphore/scope",
	"sdk/wallet":                           "semaphore semaphore/prove semaphore/setlog semaphore/scope semaphore/artifacts issuer/biometric/share",
	"sdk/wallet/wasm":                      "semaphore/... sdk/wallet sdk/wallet/wasm/internal/bridge",
	"sdk/web":                              "sdk/api sdk/serve sdk/wallet/backup semaphore/artifacts/depth20",
	"sdk/dev":                              "sdk sdk/api sdk/relay sdk/serve sdk/web sdk/wallet sdk/humantest/virtual semaphore/prove semaphore/scope semaphore/artifacts/depth20 verifier/httpapi verifier/memory",
	"sdk/loadtest":                         "sdk sdk/api sdk/serve sdk/humantest/virtual semaphore semaphore/prove semaphore/scope semaphore/artifacts/depth20 verifier/httpapi verifier/sqlite",
	"sdk/humantest":                        "sdk sdk/api sdk/wallet sdk/humantest/virtual semaphore semaphore/... verifier verifier/memory",
	"sdk/humantest/virtual":                "sdk/api sdk/wallet semaphore semaphore/setlog",
	"sdk/cmd/perhuman":                     "sdk/... semaphore/... issuer/... verifier/... docs",
	"docs":                                 "",
	"docs/benchtable":                      "",
	"docs/matcherchart":                    "",
	"docs/site":                            "docs sdk/web",
	"demo":                                 "...",
	"issuer/private":                       "issuer issuer/biometric/... sdk/api",
	"issuer/plain":                         "issuer issuer/biometric/... sdk/api",
	"issuer/internal/testkit":              "...",
	"sdk/wallet/internal/testset":          "...",
	"sdk/wallet/wasm/check":                "semaphore/... sdk/post sdk/tally sdk/wallet/wasm/internal/bridge",
	"sdk/wallet/wasm/internal/bridge":      "semaphore/...",
	"sdk/wallet/wasm/internal/slim":        "",
	"sdk/wallet/wasm/slim":                 "sdk/wallet/wasm/internal/slim",
	"sdk/web/face":                         "",
	"semaphore/setlog/setlogtest":          "semaphore semaphore/setlog",
	"verifier/verifiertest":                "...",
	"sdk/wallet/backup":                    "",
	"sdk/wallet/filestore":                 "sdk/wallet semaphore semaphore/scope",
	"sdk/wallet/httpsource":                "sdk/wallet sdk/sethttp sdk/api semaphore semaphore/scope semaphore/setlog",
	"demo/web":                             "sdk/web sdk/web/face sdk/serve",
}

// mustNotReach lists what a package must not link, with whatever lies between:
// "because" is for who meets it.
var mustNotReach = []struct{ from, not, because string }{
	{"semaphore", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/", "the protocol does no I/O; gnark and go-iden3-crypto are oracles"},
	{"semaphore/prove", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/ github.com/tetratelabs/", "the prover runs in browsers"},
	{"semaphore/scope", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/", "pure encodings"},
	{"semaphore/receipt", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/ " + module + "/issuer", "wallets check receipts in browsers"},
	{"semaphore/setlog", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/", "the log has no network"},
	{"semaphore/circuit", "net/http github.com/iden3/ github.com/gin-gonic/", "a statement and its set-up do no I/O of their own"},
	{"sdk", "github.com/gin-gonic/ database/sql github.com/mattn/ " + module + "/issuer " + module + "/semaphore/prove github.com/consensys/gnark/", "apps embed it"},
	{"verifier", "github.com/gin-gonic/ net/http github.com/mattn/ " + module + "/issuer " + module + "/semaphore/prove", "Check and Consume are the library's core"},
	{"sdk/api", "net/http golang.org/x/ " + module + "/semaphore " + module + "/verifier " + module + "/issuer", "a leaf that pages may load"},
	{"sdk/post", "net/http database/sql", "the offline check runs in browsers"},
	{"issuer", module + "/verifier github.com/gin-gonic/ github.com/mattn/", "issuer and verifier never meet"},
	{"verifier/httpapi", module + "/issuer", "issuer and verifier never meet"},
	{"issuer/httpapi", module + "/verifier", "issuer and verifier never meet"},
}

func goList(t *testing.T, env []string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func ours(path string) (string, bool) { return strings.CutPrefix(path, module+"/") }

func TestImportDirections(t *testing.T) {
	const format = `{{.ImportPath}} {{join .Imports " "}}`
	lines := goList(t, nil, "-f", format, "./...")
	lines = append(lines, goList(t, []string{"GOOS=js", "GOARCH=wasm"}, "-f", format, "./sdk/wallet/wasm/...")...)
	for _, line := range lines {
		words := strings.Fields(line)
		pkg, ok := ours(words[0])
		if !ok {
			continue
		}
		allowed, planned := mayImport[pkg]
		if !planned {
			t.Errorf("%s is not in the plan of this test", pkg)
			continue
		}
		for _, path := range words[1:] {
			imported, ok := ours(path)
			if ok && !slices.ContainsFunc(strings.Fields(allowed), func(pattern string) bool { return covers(pattern, imported) }) {
				t.Errorf("%s must not import %s", pkg, imported)
			}
		}
	}
}

func covers(pattern, pkg string) bool {
	if stem, ok := strings.CutSuffix(pattern, "..."); ok {
		stem = strings.TrimSuffix(stem, "/")
		return stem == "" || pkg == stem || strings.HasPrefix(pkg, stem+"/")
	}
	return pattern == pkg
}

func TestMustNotReach(t *testing.T) {
	for _, rule := range mustNotReach {
		checkReach(t, goList(t, nil, "-deps", "./"+rule.from), rule.from, rule.not, rule.because)
	}
}

// What the wallet's wasm links: each of these costs .5 to 1.8 MB of gzip.
func TestWasmStaysSmall(t *testing.T) {
	deps := goList(t, []string{"GOOS=js", "GOARCH=wasm"}, "-deps", "./sdk/wallet/wasm/...")
	checkReach(t, deps, "sdk/wallet/wasm", "net/http database/sql github.com/consensys/gnark/ github.com/iden3/ github.com/gin-gonic/ crypto/tls", "its size")
}

func checkReach(t *testing.T, deps []string, from, not, because string) {
	t.Helper()
	for _, dep := range deps {
		for _, forbidden := range strings.Fields(not) {
			if dep == strings.TrimSuffix(forbidden, "/") || strings.HasPrefix(dep, strings.TrimSuffix(forbidden, "/")+"/") {
				t.Errorf("%s reaches %s: %s", from, dep, because)
			}
		}
	}
}
