package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// program is this command, built once for the package.
type program struct {
	once      sync.Once
	dir, path string
	err       error
}

var built program

func (p *program) get() (string, error) {
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "perhuman-test-"); p.err != nil {
			return
		}
		p.path = filepath.Join(p.dir, "perhuman")
		out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", p.path, ".").CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	return p.path, p.err
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// process is a running service.
type process struct {
	cmd   *exec.Cmd
	lines map[string]string // "on" -> http://...
	errs  *bytes.Buffer
	mu    sync.Mutex
	t     *testing.T
}

// spawn starts the command and waits for the lines that it prints first.
func spawn(t *testing.T, want []string, args ...string) *process {
	t.Helper()
	path, err := built.get()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(t.Context(), path, args...), lines: map[string]string{}, errs: &bytes.Buffer{}, t: t}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for len(p.lines) < len(want) && lines.Scan() {
		for _, name := range want {
			if f := strings.Fields(lines.Text()); len(f) == 2 && f[0] == name {
				p.lines[name] = f[1]
			}
		}
	}
	if len(p.lines) < len(want) {
		t.Fatalf("%v did not start: %v %s", args, p.cmd.Wait(), p.said())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// Write takes what the process says on its standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

// stop asks the process to end, and wants it to end well.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("it ended with %v: %s", err, p.said())
	}
}

// office is where people enrol: an issuer's folder of files and keys.
type office struct {
	t       *testing.T
	dir     string
	sealTo  string
	vkey    string
	consent [32]byte
	root    ed25519.PrivateKey
	token   string
	next    uint64 // person
	people  uint64 // if not 0: after so many it is the first again
	group   string // of three parties that captures are split for
}

func newOffice(t *testing.T, settings ...string) *office {
	t.Helper()
	d := &office{t: t, dir: t.TempDir()}
	code, out, errs := call(t, "issuer", "keygen", "-dir", d.path("keys"), "issuer.localhost/people")
	if code != 0 {
		t.Fatal(errs)
	}
	lines := strings.Split(out, "\n")
	d.vkey, d.sealTo = lines[0], lines[1][strings.LastIndex(lines[1], " ")+1:]
	code, pub, errs := call(t, "capture", "keygen", d.path("root.key"))
	if code != 0 {
		t.Fatal(errs)
	}
	var err error
	if d.root, err = readRoot(d.path("root.key")); err != nil {
		t.Fatal(err)
	}
	if d.token, err = readSecret(d.path("keys/admin.token")); err != nil {
		t.Fatal(err)
	}
	const text = "We keep a template, sealed, until you ask us to delete it."
	write(t, d.dir, "consent.txt", []byte(text))
	if d.consent, err = capture.ConsentHash("en", text); err != nil {
		t.Fatal(err)
	}
	write(t, d.dir, "revoked", nil)
	write(t, d.dir, "issuer.conf", []byte(strings.Join(append([]string{
		"# an issuer of virtual people", "sealing " + d.path("keys/sealing.key"), "matcher-key " + d.path("keys/matcher.key"),
		"db " + d.path("issuer.db"), "device-root virtual=" + strings.TrimSpace(pub), "virtual", "consent de=" + write(t, d.dir, "consent.de.txt", []byte("Wir heben eine Vorlage auf.")), "consent " + d.path("consent.txt"),
		"admin-token " + d.path("keys/admin.token"), "admin 127.0.0.1:0", "addr 127.0.0.1:0", "revoked " + d.path("revoked"), "reload 1h",
	}, settings...), "\n")))
	return d
}

// person is whose capture comes next.
func (d *office) person() uint64 {
	if d.people == 0 {
		return d.next
	}
	return (d.next-1)%d.people + 1
}

func (d *office) path(name string) string { return filepath.Join(d.dir, name) }

func (d *office) serve(args ...string) *process {
	d.t.Helper()
	return spawn(d.t, []string{"on", "admin"}, append([]string{"issuer", "serve", "-config", d.path("issuer.conf")}, args...)...)
}

func (d *office) ask(method, url, body, bearer string, to any) int {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if text, ok := to.(*string); ok {
		*text = string(b)
	} else if to != nil {
		if err := json.Unmarshal(b, to); err != nil {
			d.t.Fatalf("%s: %s", url, b)
		}
	}
	return resp.StatusCode
}

// enrol brings the next person in, or tells why not.
func (d *office) enrol(at string) (api.Enrolment, *semaphore.Identity, api.Code) {
	d.t.Helper()
	var session api.Session
	if status := d.ask("POST", at+"/v1/sessions", "", "", &session); status != http.StatusCreated {
		return api.Enrolment{}, nil, api.Overloaded
	}
	d.next++
	id := semaphore.IdentityFromKey(bytes.Repeat([]byte{byte(d.next)}, 32))
	to := []string{"-to", d.sealTo}
	if d.group != "" {
		to = []string{"-parties", d.group, "-face"}
	}
	code, envelope, errs := call(d.t, append([]string{"capture", "virtual"}, append(to, "-root", d.path("root.key"), "-issuer", "issuer.localhost/people",
		"-nonce", session.Nonce, "-commitment", id.Commitment().String(), "-consent", scope.EncodeToken(d.consent[:]), "-person", strconv.FormatUint(d.person(), 10))...)...)
	if code != 0 {
		d.t.Fatal(errs)
	}
	raw, err := scope.DecodeToken(session.Nonce)
	if err != nil {
		d.t.Fatal(err)
	}
	sig, err := id.Sign(scope.EnrolMessage([32]byte(raw), session.Issuer, id.Commitment())).MarshalBinary()
	if err != nil {
		d.t.Fatal(err)
	}
	salt, err := scope.Salt(id.Key(), [32]byte(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	pub := id.PublicKey()
	body, err := json.Marshal(api.EnrolmentRequest{
		Session: session.Nonce, Envelope: strings.TrimSpace(envelope), PublicKey: [2]string{pub.X.String(), pub.Y.String()},
		Signature: scope.EncodeToken(sig), Salt: scope.EncodeToken(salt[:]),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	var answer string
	status := d.ask("POST", at+"/v1/enrolments", string(body), "", &answer)
	var e api.Enrolment
	var problem api.Problem
	if status >= 400 {
		err = json.Unmarshal([]byte(answer), &problem)
	} else {
		err = json.Unmarshal([]byte(answer), &e)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return e, id, problem.Code
}

// until waits for a state of an enrolment.
func (d *office) until(at, id, state string) {
	d.t.Helper()
	var e api.Enrolment
	for end := time.Now().Add(20 * time.Second); e.Status != state; time.Sleep(50 * time.Millisecond) {
		if d.ask("GET", at+"/v1/enrolments/"+id, "", "", &e); time.Now().After(end) {
			d.t.Fatalf("%q is not reached: %+v", state, e)
		}
	}
}

func (d *office) follow(at, vkey string, k int, witnesses ...string) error {
	d.t.Helper()
	cfg := sethttp.Config{VKey: vkey, At: at}
	if k > 0 {
		var err error
		if cfg.Witnesses, err = setlog.NewWitnesses(k, witnesses); err != nil {
			d.t.Fatal(err)
		}
	}
	s, err := sethttp.New(cfg)
	if err != nil {
		d.t.Fatal(err)
	}
	return s.Refresh(d.t.Context())
}

// An issuer and its witnesses as processes: two answer, one does not; two are
// wanted. Enrolment gets witnessed; the operator pauses, revokes, removes.
func TestIssuerService(t *testing.T) {
	d := newOffice(t, "anchor 300ms", "quorum 2")
	var witnesses, vkeys []string
	for _, name := range []string{"north.example", "south.example"} {
		code, vkey, errs := call(t, "witness", "keygen", "-out", d.path(name), name)
		if code != 0 {
			t.Fatal(errs)
		}
		vkey = strings.TrimSpace(vkey)
		w := spawn(t, []string{"on"}, "witness", "-addr", "127.0.0.1:0", "-key", d.path(name), "-state", d.path(name+".state"), "-log", d.vkey)
		vkeys = append(vkeys, vkey)
		witnesses = append(witnesses, "-witness", vkey+"@"+strings.TrimSuffix(w.lines["on"], "/add-checkpoint"))
	}
	_, down, _ := call(t, "witness", "keygen", "-out", d.path("west.example"), "west.example")
	vkeys = append(vkeys, strings.TrimSpace(down))
	witnesses = append(witnesses, "-witness", vkeys[2]+"@http://127.0.0.1:1")
	p := d.serve(append(witnesses, "-key", d.path("keys/signing.key"))...)
	at, operator := p.lines["on"], p.lines["admin"]

	e, id, code := d.enrol(at)
	if code != "" {
		t.Fatal(code, p.said())
	}
	d.until(at, e.ID, api.StateWitnessed)
	if err := d.follow(at, d.vkey, 2, vkeys...); err != nil {
		t.Error("2 of 3:", err)
	}
	if err := d.follow(at, d.vkey, 3, vkeys...); !errors.Is(err, setlog.ErrWitnesses) {
		t.Error("3 of 3:", err)
	}
	var health map[string]any
	if status := d.ask("GET", at+"/readyz", "", "", &health); status != 200 || health["ready"] != true || health["enrolment"] != "open" || health["witnesses"] != "2 of 3 have cosigned, 2 are wanted" {
		t.Errorf("%d %v", status, health)
	}
	if code, _, errs := call(t, "healthcheck", at); code != 0 {
		t.Error(errs)
	}

	// The operator's side wants its token, and is not on the public listener.
	for bearer, want := range map[string]int{"": 401, strings.Repeat("x", 40): 401, d.token: 200} {
		if status := d.ask("GET", operator+"/admin/state", "", bearer, nil); status != want {
			t.Errorf("token %q: %d", bearer, status)
		}
	}
	if status := d.ask("GET", at+"/admin/state", "", d.token, nil); status != 404 {
		t.Errorf("the admin surface is on the public listener: %d", status)
	}
	d.ask("POST", operator+"/admin/pause", "", d.token, nil)
	if _, _, code := d.enrol(at); code != api.Overloaded {
		t.Error("paused:", code)
	}
	if d.ask("GET", at+"/readyz", "", "", &health); health["enrolment"] != "paused" || health["ready"] != true {
		t.Error(health)
	}
	d.ask("POST", operator+"/admin/resume", "", d.token, nil)

	// SIGHUP reads the lists again: the key behind all devices is revoked.
	key := capture.VirtualRoot(d.root.Public().(ed25519.PublicKey)).Key.ID()
	write(t, d.dir, "revoked", []byte("# stolen\nkey "+hex.EncodeToString(key[:])+"\n"))
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var state struct {
		Revoked, Live int
		Seq           uint64
		MinValidSeq   uint64 `json:"min_valid_seq"`
		Witnesses     []struct{ Error string }
	}
	for end := time.Now().Add(10 * time.Second); state.Revoked != 1; time.Sleep(20 * time.Millisecond) {
		if d.ask("GET", operator+"/admin/state", "", d.token, &state); time.Now().After(end) {
			t.Fatal("the list was not read:", p.said())
		}
	}
	if _, _, code := d.enrol(at); code != api.DeviceRevoked {
		t.Error("revoked:", code)
	}
	write(t, d.dir, "revoked", []byte("nonsense\n"))
	if status := d.ask("POST", operator+"/admin/reload", "", d.token, nil); status != 400 {
		t.Error("a list that cannot be read:", status)
	}
	if _, _, code := d.enrol(at); code != api.DeviceRevoked {
		t.Error("a bad list replaced a good one:", code)
	}
	write(t, d.dir, "revoked", nil)
	if status := d.ask("POST", operator+"/admin/reload", "", d.token, nil); status != 200 {
		t.Error(status)
	}

	// Removal: by commitment, urgent, at once.
	second, other, code := d.enrol(at)
	if code != "" {
		t.Fatal(code)
	}
	d.until(at, second.ID, api.StateWitnessed)
	for body, want := range map[string]int{`{}`: 400, `{"commitment":"1","leaf":1}`: 400, `{"commitment":"01"}`: 400, `{"commitment":"12345"}`: 404, `{"leaf":99}`: 404} {
		if status := d.ask("POST", operator+"/admin/removals", body, d.token, nil); status != want {
			t.Errorf("%s: %d", body, status)
		}
	}
	if status := d.ask("POST", operator+"/admin/removals", `{"commitment":"`+id.Commitment().String()+`","urgent":true}`, d.token, nil); status != 200 {
		t.Error("urgent removal:", status)
	}
	if d.ask("GET", operator+"/admin/state", "", d.token, &state); state.Live != 1 || state.MinValidSeq != state.Seq || len(state.Witnesses) != 3 || state.Witnesses[2].Error == "" {
		t.Errorf("%+v", state)
	}
	if status := d.ask("POST", operator+"/admin/removals", `{"commitment":"`+other.Commitment().String()+`"}`, d.token, nil); status != 200 {
		t.Error("removal:", status)
	}
	d.ask("POST", operator+"/admin/anchor", "", d.token, nil)
	if d.ask("GET", operator+"/admin/state", "", d.token, &state); state.Live != 0 || state.MinValidSeq == state.Seq {
		t.Errorf("a normal removal voids no older root: %+v", state)
	}

	var checked map[string]float64
	if status := d.ask("POST", operator+"/admin/verify", "", d.token, &checked); status != 200 || checked["entries"] != 5 {
		t.Errorf("verify: %d %v", status, checked)
	}

	// Metrics count codes and nobody.
	var text string
	if status := d.ask("GET", operator+"/metrics", "", d.token, &text); status != 200 {
		t.Error(status)
	}
	for _, want := range []string{
		`perhuman_issuer_answers_total{code="device_revoked",route="/v1/enrolments"} 2`, "perhuman_issuer_set_live 0", "perhuman_issuer_witness_quorum 2",
		`perhuman_issuer_witness_failures{at="http://127.0.0.1:1",witness="west.example"}`, `perhuman_issuer_removals_total{urgent="yes"} 1`, "perhuman_issuer_anchor_overdue 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	p.stop()
	// An empty database in place of that one: the witnesses know better.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var said bytes.Buffer
	lost := append([]string{"issuer", "serve", "-config", d.path("issuer.conf"), "-key", d.path("keys/signing.key"), "-db", d.path("lost.db")}, witnesses...)
	if code := run(ctx, lost, env{out: io.Discard, err: &said, rand: rand.Reader}); code == 0 || !strings.Contains(said.String(), "older than what was published") {
		t.Errorf("a lost database: %d %s", code, said.String())
	}
	for _, of := range []*semaphore.Identity{id, other} {
		if c := of.Commitment().String(); strings.Contains(text, c) || strings.Contains(p.said(), c) {
			t.Error("a commitment stands in metrics or log lines")
		}
	}
}

// What waits when the service is told to end is anchored; one that is killed
// has lost nothing either. Then the key is changed: followers of the old one
// and of the new one go on through the overlap.
func TestIssuerStopAndRotate(t *testing.T) {
	d := newOffice(t, "anchor 1h")
	key := d.path("keys/signing.key")
	p := d.serve("-key", key)
	if err := d.follow(p.lines["on"], d.vkey, 0); err != nil {
		t.Error(err)
	}
	first, _, code := d.enrol(p.lines["on"])
	if code != "" || first.Status != api.StateMatched {
		t.Fatalf("%+v %s", first, code)
	}
	p.stop()
	p = d.serve("-key", key)
	d.until(p.lines["on"], first.ID, api.StateCommitted)
	second, _, code := d.enrol(p.lines["on"])
	if code != "" {
		t.Fatal(code)
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()

	next := d.path("keys/next.key")
	code2, out, errs := call(t, "issuer", "rotate", "-key", key, "-out", next)
	if code2 != 0 {
		t.Fatal(errs)
	}
	nextV, _, _ := strings.Cut(out, "\n")
	p = d.serve("-key", next, "-old-key", key)
	d.ask("POST", p.lines["admin"]+"/admin/anchor", "", d.token, nil)
	d.until(p.lines["on"], second.ID, api.StateCommitted)
	for _, vkey := range []string{d.vkey, nextV} {
		if err := d.follow(p.lines["on"], vkey, 0); err != nil {
			t.Error("overlap:", err)
		}
	}
	args := []string{"issuer", "doctor", "-config", d.path("issuer.conf"), "-key", next, "-old-key", key, "-at", p.lines["on"]}
	if code, out, errs := call(t, args...); code != 0 || !strings.Contains(out, `"ready":true`) || !strings.Contains(out, "old key") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	p.stop()
	p = d.serve("-key", next)
	if err := errors.Join(d.follow(p.lines["on"], nextV, 0)); err != nil {
		t.Error(err)
	}
	if err := d.follow(p.lines["on"], d.vkey, 0); !errors.Is(err, setlog.ErrSignature) {
		t.Error("after the overlap the old key still does:", err)
	}
	p.stop()
	if code, out, _ := call(t, args[:5:5]...); code != 2 || strings.Contains(out, "FAIL") { // no -key
		t.Error(code, out)
	}
	fsck := []string{"issuer", "fsck", "-config", d.path("issuer.conf"), "-key", next}
	if code, out, errs := call(t, fsck...); code != 0 || !strings.Contains(out, "2 live") || !strings.Contains(out, "2 templates") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	corrupt(t, d.path("issuer.db"), `UPDATE intakes SET received = received + 1 WHERE idx = 0`)
	if code, out, errs := call(t, fsck...); code != 1 || !strings.Contains(out, "its receipt is for something else") {
		t.Errorf("a damaged intake: %d %s %s", code, out, errs)
	}
	corrupt(t, d.path("issuer.db"), `UPDATE changes SET entry = zeroblob(length(entry)) WHERE change_no = 1`)
	if code, out, errs := call(t, fsck...); code != 1 || !strings.Contains(errs, "do not agree") {
		t.Errorf("a damaged entry: %d %s %s", code, out, errs)
	}
	if err := os.Chmod(next, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := call(t, "issuer", "doctor", "-config", d.path("issuer.conf"), "-key", next); code != 1 || !strings.Contains(out, "chmod 600") {
		t.Errorf("a key that others can read: %d %s", code, out)
	}
}

// Flags win over the environment, the environment over the file, and what they
// come to can be seen; secrets are named and not shown.
func TestIssuerConfigPrint(t *testing.T) {
	d := newOffice(t, "anchor 5m", "window 2h")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"issuer", "config", "print", "-config", d.path("issuer.conf"), "-window", "3h", "-key", d.path("keys/signing.key")},
		env{out: &out, err: &errs, getenv: func(name string) string {
			return map[string]string{"PERHUMAN_WINDOW": "4h", "PERHUMAN_DEPTH": "32", "PERHUMAN_WITNESS": "w.example+00+AA==@https://user:hunter2@w.example/x"}[name]
		}})
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"anchor 5m0s # " + d.path("issuer.conf"), "window 3h0m0s # flag", "depth 32 # PERHUMAN_DEPTH", "session 10m0s # default"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if code != 0 || strings.Contains(text, "hunter2") || strings.Contains(text, d.token) || strings.Contains(text, "PRIVATE+KEY") {
		t.Errorf("%d %s %s", code, out.String(), errs.String())
	}
	for name, line := range map[string]string{"unknown": "colour blue", "nested": "config x", "bad value": "depth many"} {
		path := write(t, t.TempDir(), "conf", []byte(line))
		if code, _, _ := call(t, "issuer", "serve", "-config", path); code != 2 {
			t.Errorf("%s: %d", name, code)
		}
	}
	for _, args := range [][]string{{}, {"-key", "k"}, {"-admin", "x"}, {"-quorum", "1"}, {"-log", "loud"}, {"-witness", "x"}, {"-device-root", "orb=AAAA"}, {"-device-root", "virtual=" + strings.Repeat("A", 43)}} {
		base := []string{"issuer", "serve", "-key", d.path("keys/signing.key"), "-sealing", d.path("keys/sealing.key"), "-matcher-key", d.path("keys/matcher.key"), "-db", d.path("x.db"), "-consent", d.path("consent.txt")}
		if code, _, _ := call(t, append(base, args...)...); code != 2 {
			t.Errorf("%v: %d", args, code)
		}
	}
}

// corrupt changes a database behind the store's back.
func corrupt(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
}
