package sqlite

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// lifeDelays are delays that a child walks through in a few minutes of its clock.
func lifeDelays(c *issuer.Config) {
	c.Window = 10 * time.Second
	c.Life = issuer.Life{RekeyPeriod: time.Minute, Cooldown: time.Minute, ReentryDelay: time.Minute, MaxStaleness: time.Second}
}

const (
	lifeSpan = 10_000 // seconds of the clock that one child and its check have
	secret   = 500_000_000
)

// childLife enrols people and then recovers or deletes them, step by step, until
// it is killed. A line is printed before each request and after each answer.
func childLife(t *testing.T, kind string) {
	say := func(parts ...any) { fmt.Println(parts...) }
	s, f := openFaulty(t, os.Getenv(pathEnv))
	w := testkit.NewWorld(t, 1)
	first := mustInt(t, os.Getenv(firstEnv))
	w.Clock.Move(time.Duration(first) * time.Second)
	cfg := w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		say("FAILED", err)
		return
	}
	must := func(err error) {
		if err != nil {
			say("FAILED", err)
			os.Exit(1)
		}
	}
	acts, which, where := 0, 0, ""
	if w, n, ok := strings.Cut(os.Getenv(pointEnv), ":"); ok {
		where, which = w, mustInt(t, n)
	}
	armed := func() {
		if acts++; acts == which {
			pointAt(f, where, say)
		}
	}
	for n := first; ; n++ {
		p := testkit.NewPerson(uint64(n))
		_, err := i.Enrol(t.Context(), w.Start(t, i, p))
		must(err)
		_, err = i.Anchor(t.Context())
		must(err)
		if kind == "deletion" {
			req := testkit.Deletion(t, i, p.ID)
			say("TRY", n, encode(req))
			armed()
			d, _, err := i.Delete(t.Context(), req)
			must(err)
			say("ACK", n, d.ID)
			w.Clock.Move(2 * time.Minute)
			armed()
			must(i.Release(t.Context()))
			say("DONE", n, d.ID)
			continue
		}
		req := w.Recovery(t, i, p.Again(uint64(n+secret)))
		say("TRY", n, encode(req))
		armed()
		r, _, err := i.Recover(t.Context(), req)
		must(err)
		say("ACK", n, r.ID)
		for r.Status != api.RecoveryCommitted {
			w.Clock.Move(time.Unix(int64(r.Due), 0).Sub(w.Clock.Now()))
			armed()
			_, err := i.Anchor(t.Context())
			must(err)
			r, err = i.RecoveryStatus(t.Context(), r.ID)
			must(err)
		}
		say("DONE", n, r.ID)
	}
}

func encode(v any) string {
	raw, _ := json.Marshal(v) // of strings only
	return base64.StdEncoding.EncodeToString(raw)
}

// pointAt makes the store announce the fault point and wait there for the kill:
// at its n-th writing statement ("s4"), before its n-th commit ("b2") or after it
// ("a2"), counted from now.
func pointAt(f *faults, where string, say func(...any)) {
	kind, n := where[:1], int(where[1]-'0')
	block := func() {
		say("POINT", where)
		select {}
	}
	statements, commits := 0, 0
	f.set(func(string) error {
		if statements++; kind == "s" && statements == n {
			block()
		}
		return nil
	}, func(real func() error) error {
		commits++
		if kind == "b" && commits == n {
			block()
		}
		err := real()
		if kind == "a" && commits == n {
			block()
		}
		return err
	})
}

// T01: a process that recovers and deletes people is killed at random times and
// between and inside the transactions of every step. What it began goes on after
// the restart; nobody is ever in the set twice, and no acknowledged step is lost.
func TestT01KillNineLife(t *testing.T) {
	for kind, points := range map[string][]string{
		// Acts of one person: the request (opening, record, announcement), the out,
		// the in; or the request (opening, record, removal) and the destruction.
		"recovery": {"b1:1", "a1:1", "b2:1", "a2:1", "b3:1", "a3:1", "s7:1", "b1:2", "s6:2", "a1:2", "b1:3", "s6:3", "a1:3"},
		"deletion": {"b1:1", "a1:1", "s4:1", "a2:1", "b3:1", "a3:1", "b1:2", "s2:2", "a1:2"},
	} {
		path := filepath.Join(t.TempDir(), "issuer.db")
		seed := mrand.New(mrand.NewPCG(1, uint64(time.Now().UnixNano())))
		first := 1
		finished := 0
		for _, point := range append(points, "", "", "") {
			tried, acked := runLife(t, kind, path, first, point, 3+seed.IntN(4), time.Duration(seed.IntN(10_000))*time.Microsecond)
			finished += checkLife(t, kind, path, first, tried, acked)
			if t.Failed() {
				t.Fatalf("%s: killed at %q", kind, point)
			}
			first += lifeSpan
		}
		if finished < len(points) {
			t.Errorf("%s: only %d people came to the end", kind, finished)
		}
		t.Logf("%s: %d people came to the end over %d kills", kind, finished, len(points)+3)
	}
}

// runLife runs one child until its point, or until it tried so many people and
// a while longer, and kills it.
func runLife(t *testing.T, kind, path string, first int, point string, tries int, rest time.Duration) (tried map[int][]byte, acked map[int]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+kind, pathEnv+"="+path, firstEnv+"="+strconv.Itoa(first), pointEnv+"="+point)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tried, acked = map[int][]byte{}, map[int]string{}
	reached := false
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 2 && f[0] == "POINT":
			reached = true
			_ = cmd.Process.Kill()
		case len(f) > 0 && f[0] == "FAILED":
			t.Fatalf("child: %s", lines.Text())
		case len(f) == 3 && f[0] == "TRY":
			raw, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			tried[mustInt(t, f[1])] = raw
			if tries--; tries == 0 && point == "" {
				time.AfterFunc(rest, func() { _ = cmd.Process.Kill() })
			}
		case len(f) == 3 && f[0] == "ACK":
			acked[mustInt(t, f[1])] = f[2]
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.String() != "signal: killed" {
		t.Fatalf("child ended by itself: %v", err)
	}
	if point != "" && !reached {
		t.Fatalf("the fault point %q was not reached", point)
	}
	return tried, acked
}

// checkLife opens the database as a new process would, sends every request
// again, lets the time pass, and wants every person at the end of the way.
func checkLife(t *testing.T, kind, path string, first int, tried map[int][]byte, acked map[int]string) (finished int) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	w := testkit.NewWorld(t, 1)
	// Soon after the child stopped: a session lives ten minutes.
	w.Clock.Move(time.Duration(first)*time.Second + time.Duration(len(tried))*6*time.Minute)
	cfg := w.Config(s, w.Matcher())
	lifeDelays(&cfg)
	i, err := issuer.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if c := count(t, s); c.Pending != c.Matched || c.Templates != c.Matched+c.Committed || c.Live != c.Committed {
		t.Errorf("half an act is stored: %+v", c)
	}
	ids := map[int]string{}
	for n, raw := range tried {
		id, err := again(t, i, kind, raw)
		switch {
		case api.CodeOf(err) == api.SessionExpired && err != nil && acked[n] == "":
			continue // nothing was taken in, and nothing was promised
		case err != nil:
			t.Errorf("person %d again: %v", n, err)
		case acked[n] != "" && acked[n] != id:
			t.Errorf("person %d got another answer", n)
		}
		ids[n] = id
	}
	for range 6 {
		w.Clock.Move(2 * time.Minute)
		if err := i.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for n, id := range ids {
		old, fresh := testkit.NewPerson(uint64(n)), testkit.NewPerson(uint64(n)).Again(uint64(n+secret))
		status, want, live := "", api.DeletionDestroyed, ""
		if kind == "recovery" {
			r, err := i.RecoveryStatus(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			status, want, live = r.Status, api.RecoveryCommitted, fresh.ID.Commitment().String()
		} else {
			d, err := i.DeletionStatus(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			status = d.Status
		}
		if status != want {
			t.Errorf("person %d is %s", n, status)
		}
		for _, p := range []*testkit.Person{old, fresh} {
			c := p.ID.Commitment()
			var in bool
			if err := s.r.QueryRow(`SELECT EXISTS (SELECT 1 FROM members WHERE commitment = ? AND removed_seq IS NULL)`, c[:]).Scan(&in); err != nil {
				t.Fatal(err)
			}
			if in != (c.String() == live) {
				t.Errorf("person %d: a leaf is in the set: %v", n, in)
			}
		}
		finished++
	}
	orderOfSteps(t, s)
	return finished
}

func again(t *testing.T, i *issuer.Issuer, kind string, raw []byte) (string, error) {
	t.Helper()
	if kind == "deletion" {
		var req api.DeletionRequest
		if err := json.Unmarshal(raw, &req); err != nil {
			t.Fatal(err)
		}
		d, _, err := i.Delete(t.Context(), req)
		return d.ID, err
	}
	var req api.RecoveryRequest
	if err := json.Unmarshal(raw, &req); err != nil {
		t.Fatal(err)
	}
	r, _, err := i.Recover(t.Context(), req)
	return r.ID, err
}

// orderOfSteps reads the log: an out follows its announcement, and there was
// never a new leaf more than old ones had gone in earlier batches.
func orderOfSteps(t *testing.T, s *Store) {
	t.Helper()
	rows, err := s.r.Query(`SELECT entry FROM changes ORDER BY change_no`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	announced, outs, ins := map[string]uint64{}, map[uint64]int{}, 0
	earlier := func(seq uint64) (n int) {
		for at, k := range outs {
			if at < seq {
				n += k
			}
		}
		return n
	}
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			t.Fatal(err)
		}
		e, err := setlog.ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Op {
		case setlog.OpRekeyAnnounced:
			announced[e.Commitment.String()] = e.Seq
		case setlog.OpRekeyOut:
			if at, ok := announced[e.Commitment.String()]; !ok || at >= e.Seq {
				t.Error("a leaf went that was not announced")
			}
			outs[e.Seq]++
		case setlog.OpRekeyIn:
			if ins++; ins > earlier(e.Seq) {
				t.Error("a new leaf before an old one had gone")
			}
		}
	}
}
