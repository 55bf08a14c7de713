package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// desk is what a service with one app is started with.
type desk struct {
	key     string // the app key itself
	environ map[string]string
	log     *verifiertest.Log
}

func newDesk(t *testing.T) desk {
	t.Helper()
	dir := t.TempDir()
	log := verifiertest.One().NewLog(t, "issuer.localhost/people", time.Now())
	log.Publish(t, time.Now())
	srv := httptest.NewServer(log)
	t.Cleanup(srv.Close)
	key, token := filepath.Join(dir, "key"), filepath.Join(dir, "token")
	for _, args := range [][]string{{key}, {"-admin", token}} {
		if code, _, errs := call(t, append([]string{"verifier", "keygen"}, args...)...); code != 0 {
			t.Fatal(errs)
		}
	}
	secret, err := readSecret(key)
	if err != nil {
		t.Fatal(err)
	}
	return desk{key: secret, log: log, environ: map[string]string{
		"PERHUMAN_RP": "forum.example", "PERHUMAN_ISSUER": log.VKey, "PERHUMAN_AT": srv.URL, "PERHUMAN_KEY": key, "PERHUMAN_ACTION": "vote=once visit=returning", "PERHUMAN_BOUND": "1",
		"PERHUMAN_ADDR": "127.0.0.1:0", "PERHUMAN_ADMIN": "127.0.0.1:0", "PERHUMAN_ADMIN_TOKEN": token,
	}}
}

// refused starts a service that is not to start, and gives what it says.
func (d desk) refused(t *testing.T, args ...string) string {
	t.Helper()
	var said strings.Builder
	code := run(t.Context(), append([]string{"verifier"}, args...), env{out: io.Discard, err: &said, getenv: func(name string) string { return d.environ[name] }})
	if code != 2 {
		t.Errorf("%v: exit %d, %s", args, code, said.String())
	}
	return said.String()
}

// vote has person 0 vote, and gives the code.
func (d desk) vote(t *testing.T, url string) string {
	t.Helper()
	ask := func(path, body string) (m map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+d.key)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", "https://forum.example")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if code, _, _ := call(t, "healthcheck", url); code == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it never gets ready")
		}
	}
	challenge, _ := ask("/v1/challenges", `{"action":"vote"}`)["challenge"].(string)
	token, err := scope.DecodeToken(challenge)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := scope.Compute("forum.example", "vote", scope.Period{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := json.Marshal(verifiertest.One().ProveNow(t, 0, scope.Message(scope.Digest{}, scope.ChallengeDigest(token)), sc))
	if err != nil {
		t.Fatal(err)
	}
	code, _ := ask("/v1/verify", fmt.Sprintf(`{"action":"vote","challenge":%q,"proof":%s}`, challenge, proof))["code"].(string)
	return code
}

// T07 at the service: frozen, it refuses what the restored file may have lost,
// also after a restart without the flag, until the freeze is lifted.
func TestVerifierFreezes(t *testing.T) {
	d := newDesk(t)
	db := filepath.Join(t.TempDir(), "db")
	d.environ["PERHUMAN_DB"] = db
	frozenBefore := func() time.Time {
		t.Helper()
		store, err := sqlite.Open(db)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		at, err := verifier.FrozenBefore(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	restored := time.Now().Truncate(time.Second)
	for _, step := range []struct {
		flag, code string
		at         time.Time
	}{
		{restored.UTC().Format(time.RFC3339), "store_unavailable", restored.Add(time.Second)},
		{"", "store_unavailable", restored.Add(time.Second)},
		{restored.Add(-time.Hour).Format(time.RFC3339), "store_unavailable", restored.Add(time.Second)}, // not moved back
		{"lift", "ok", time.Time{}},
		{"", "nullifier_already_used", time.Time{}},
	} {
		d.environ["PERHUMAN_FREEZE_BEFORE"] = step.flag
		public, _, stop := start(t, d.environ)
		if code := d.vote(t, public); code != step.code {
			t.Errorf("%q: %s, not %s", step.flag, code, step.code)
		}
		stop()
		if at := frozenBefore(); !at.Equal(step.at) {
			t.Errorf("%q: frozen before %v, not %v", step.flag, at, step.at)
		}
	}
	d.environ["PERHUMAN_FREEZE_BEFORE"] = ""
	for _, bad := range []string{"yesterday", "2026-11-22", "0001-01-01T00:00:00Z", time.Now().Add(time.Hour).Format(time.RFC3339)} {
		d.refused(t, "-freeze-before", bad)
	}
	if at := frozenBefore(); !at.IsZero() {
		t.Errorf("frozen by a slip: %v", at)
	}
}

// A service on a shard map spends in two databases; one with an older map is
// not started, and one that wants a standby writes to no server without one.
func TestVerifierWithShardMap(t *testing.T) {
	cluster := pgtest.Start(t, "fsync=on")
	d := newDesk(t)
	one, two := cluster.Schema(t), cluster.Schema(t)
	file := filepath.Join(t.TempDir(), "map.json")
	d.environ["PERHUMAN_POSTGRES"] = file
	document := func(epoch int) {
		t.Helper()
		text := fmt.Sprintf(`{"name": "forum.example", "epoch": %d, "databases": [{"dsn": %q, "shards": "0-31"}, {"dsn": %q, "shards": "32-63"}]}`, epoch, one, two)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	document(2)
	public, _, stop := start(t, d.environ)
	for _, want := range []string{"ok", "nullifier_already_used"} {
		if code := d.vote(t, public); code != want {
			t.Errorf("%s, not %s", code, want)
		}
	}
	stop()
	for dsn, shards := range map[string]string{one: "0-31", two: "32-63"} {
		_, schema, _ := strings.Cut(dsn, "search_path=")
		if got := cluster.Ask(t, "SELECT name || ' ' || epoch || ' ' || shards FROM "+schema+".deployment"); got != "forum.example 2 "+shards {
			t.Errorf("%s", got)
		}
	}
	if said := d.refused(t, "-require-standby"); !strings.Contains(said, "no synchronous standby") {
		t.Errorf("%s", said)
	}
	document(1)
	if said := d.refused(t); !strings.Contains(said, "shard map") && !strings.Contains(said, "epoch") {
		t.Errorf("%s", said)
	}
	for _, bad := range []string{`{"name": "x"}`, `{"name": "x", "epoch": 1, "databases": [{"dsn": "", "shards": "0-62"}]}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := d.refused(t); !strings.Contains(said, "shard map") {
			t.Errorf("%s", said)
		}
	}
	document(3)
	if err := os.Chmod(file, 0o640); err != nil { // #nosec G302 -- what is found fault with
		t.Fatal(err)
	}
	if said := d.refused(t); !strings.Contains(said, "can be read by others") {
		t.Errorf("%s", said)
	}
}

// What is printed of a shard map are hosts, names and shards.
func TestVerifierConfigPrintsTheMap(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "map.json")
	d.environ["PERHUMAN_POSTGRES"], d.environ["PERHUMAN_REQUIRE_STANDBY"], d.environ["PERHUMAN_FREEZE_BEFORE"] = file, "true", "2026-11-22T19:00:00Z"
	print := func(text string) (int, string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		code := run(t.Context(), []string{"verifier", "config", "print"}, env{out: &out, err: &out, getenv: func(name string) string { return d.environ[name] }})
		if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "somebody") {
			t.Errorf("a secret: %s", out.String())
		}
		return code, strings.Join(strings.Fields(out.String()), " ")
	}
	code, text := print(`{"name": "forum.example", "epoch": 4, "databases": [
		{"dsn": "host=db1,db1b user=somebody password=hunter2 target_session_attrs=read-write dbname=spend", "shards": "0-31"},
		{"dsn": "postgres://somebody:hunter2@db2/spend", "shards": "32-63"}]}`)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"require-standby true # PERHUMAN_REQUIRE_STANDBY", "freeze-before 2026-11-22T19:00:00Z # PERHUMAN_FREEZE_BEFORE", "# deployment forum.example, epoch 4",
		`# shards 0-31: database "spend" at db1, db1b`, `# shards 32-63: database "spend" at db2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if code, _ := print("somebody:hunter2"); code != 2 {
		t.Errorf("no DSN: exit %d", code)
	}
}
