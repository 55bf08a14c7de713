// Package pgtest starts PostgreSQL clusters for tests: real ones, in a
// temporary folder, on a unix socket, with no TCP and no fixed port, gone when
// the test ends. Nothing but tests may use it.
//
//	var shared pgtest.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }
//
//	func TestX(t *testing.T) { dsn := shared.Schema(t) ... }
//
// The server refuses to run as root, so a root test runs it as the user
// postgres, or nobody. Where there is no PostgreSQL, tests are skipped and say
// so; under CI=true that is a failure.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// superuser owns every cluster of this package.
const superuser = "perhuman"

// Cluster is one running server.
type Cluster struct {
	dir  string // socket, data and log, nothing else
	bin  string
	stop sync.Once
	exit chan struct{} // closed when the server is gone
	pid  int
}

// Shared is one cluster for all tests of a package, started by the first that
// needs it.
type Shared struct {
	Settings []string // such as "fsync=off"

	once sync.Once
	c    *Cluster
	err  error
}

// Main runs the tests and stops the cluster.
func (s *Shared) Main(m *testing.M) int {
	defer func() {
		if s.c != nil {
			s.c.Stop()
		}
	}()
	return m.Run()
}

// Cluster gives the cluster.
func (s *Shared) Cluster(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(func() { s.c, s.err = start(s.Settings, nil) })
	need(t, s.err)
	return s.c
}

// Schema gives the DSN of a fresh schema in the cluster.
func (s *Shared) Schema(t testing.TB) string {
	t.Helper()
	return s.Cluster(t).Schema(t)
}

// Start starts a cluster of the test's own with settings such as "fsync=off".
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(settings, nil)
	need(t, err)
	t.Cleanup(c.Stop)
	return c
}

// Standby starts a streaming standby of c, under the application name standby.
func (c *Cluster) Standby(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	s, err := start(settings, c)
	need(t, err)
	t.Cleanup(s.Stop)
	return s
}

var errNone = errors.New("no PostgreSQL is installed here")

func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNone) && os.Getenv("CI") != "true" {
		t.Skip("SKIP: ", err)
	}
	if err != nil {
		t.Fatal("PostgreSQL: ", err)
	}
}

// tools finds the newest PostgreSQL: on the PATH, or where Debian puts it.
func tools() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err != nil { // a link may stand alone, without the other tools
			return "", err
		}
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNone
	}
	newest := slices.MaxFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b) // 9 before 10
		}
		return strings.Compare(a, b)
	})
	return filepath.Dir(newest), nil
}

func start(settings []string, primary *Cluster) (_ *Cluster, err error) {
	bin, err := tools()
	if err != nil {
		return nil, err
	}
	owner, err := notRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg") // short: the path of a unix socket has 107 bytes at most
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin, exit: make(chan struct{})}
	defer func() {
		if err != nil {
			c.Stop()
		}
	}()
	if err := owner.own(dir); err != nil {
		return nil, err
	}
	build := exec.Command(filepath.Join(bin, "initdb"), "-D", c.data(), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync") // #nosec G204 -- the server of a test
	if primary != nil {
		build = exec.Command(filepath.Join(bin, "pg_basebackup"), "-D", c.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync", // #nosec G204 -- the server of a test
			"-d", primary.DSN()+"&application_name=standby")
	}
	build.SysProcAttr, build.Dir = owner.attr(false), dir
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(build.Path), err, out)
	}
	if err := c.launch(owner, settings); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) launch(owner identity, settings []string) error {
	args := []string{"-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=64MB"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), args...) // #nosec G204 -- the server of a test
	cmd.SysProcAttr, cmd.Dir, cmd.Stdout, cmd.Stderr = owner.attr(true), c.dir, log, log
	started := make(chan error)
	go run(cmd, started, c.exit)
	if err := <-started; err != nil {
		return err
	}
	c.pid = cmd.Process.Pid
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		select {
		case <-c.exit:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server ended at its start:\n%s", text)
		default:
		}
		if conn, err := c.connect(c.DSN()); err == nil {
			err = c.isOurs(conn)
			return errors.Join(err, conn.Close(context.Background()))
		} else if time.Since(begin) > 30*time.Second {
			return err
		}
	}
}

func (c *Cluster) connect(dsn string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, dsn)
}

// isOurs makes sure that what answers is the server that was started here.
func (c *Cluster) isOurs(conn *pgx.Conn) error {
	var dir string
	if err := conn.QueryRow(context.Background(), "SHOW data_directory").Scan(&dir); err != nil {
		return err
	}
	if dir != c.data() {
		return fmt.Errorf("the server has its data in %s, not in %s", dir, c.data())
	}
	return nil
}

// DSN reaches the cluster as its superuser; parameters may be added with &.
func (c *Cluster) DSN() string {
	return "postgres:///postgres?" + url.Values{"host": {c.dir}, "user": {superuser}}.Encode()
}

// Schema makes a schema with a random name and gives the DSN of it. It goes
// with the cluster.
func (c *Cluster) Schema(t testing.TB) string {
	t.Helper()
	conn, err := c.connect(c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := c.isOurs(conn); err != nil { // before any DDL
		t.Fatal(err)
	}
	name := "t" + strings.ToLower(hex.EncodeToString(random(8)))
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+pgx.Identifier{name}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	return c.DSN() + "&search_path=" + name
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// Exec runs a statement as the superuser.
func (c *Cluster) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	conn, err := c.connect(c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// Ask runs a query with one text for an answer.
func (c *Cluster) Ask(t testing.TB, query string, args ...any) string {
	t.Helper()
	conn, err := c.connect(c.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// At gives the DSN for c that reaches there what dsn reaches in another cluster:
// in a standby, the schema of its primary.
func (c *Cluster) At(dsn string, other *Cluster) string {
	return c.DSN() + strings.TrimPrefix(dsn, other.DSN())
}

// Await asks until the answer is want, for 20 seconds at most.
func (c *Cluster) Await(t testing.TB, want, query string, args ...any) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		got := c.Ask(t, query, args...)
		if got == want {
			return
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%s: %q, want %q", query, got, want)
		}
	}
}

// Isolate cuts a standby off from its primary, as a broken network does.
func (c *Cluster) Isolate(t testing.TB) {
	t.Helper()
	c.Exec(t, "ALTER SYSTEM SET primary_conninfo = ''")
	c.Exec(t, "SELECT pg_reload_conf()")
	c.Await(t, "0", "SELECT count(*)::text FROM pg_stat_wal_receiver")
}

// Promote makes a standby a primary and waits until it is one.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	c.Exec(t, "SELECT pg_promote()")
}

// gone: a number of a process that ended may be another's by now.
func (c *Cluster) gone() bool {
	select {
	case <-c.exit:
		return true
	default:
		return c.pid == 0
	}
}

// Stop ends the server quickly but in order, and removes all it had.
func (c *Cluster) Stop() {
	c.stop.Do(func() {
		if !c.gone() {
			c.interrupt()
			select {
			case <-c.exit:
			case <-time.After(10 * time.Second):
				c.Kill()
			}
		}
		_ = os.RemoveAll(c.dir)
	})
}
