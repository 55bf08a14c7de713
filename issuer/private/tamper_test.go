package private_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// meddler stands before a party, whom the issuer and the party before reach
// through it. It passes TLS records on, and does something to one that comes in,
// or to every one from there on.
type meddler struct {
	to string

	mu    sync.Mutex
	in    int // records that came in since arm
	at    int // which of them is the first to be meddled with; 0: none
	every bool
	do    meddling
	fired int
}

// meddling gives what is passed on in place of a record.
type meddling func(record []byte) [][]byte

func newMeddler(t testing.TB, to string) (m *meddler, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m = &meddler{to: to}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", m.to)
			if err != nil {
				_ = from.Close()
				continue
			}
			go m.pass(to, from, m.meddle)
			go m.pass(from, to, func(b []byte) [][]byte { return [][]byte{b} })
		}
	}()
	return m, l.Addr().String()
}

func (m *meddler) arm(at int, every bool, do meddling) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in, m.at, m.every, m.do, m.fired = 0, at, every, do, 0
}

// disarm passes everything on again, and tells how many records came in and how
// many were meddled with.
func (m *meddler) disarm() (in, fired int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = 0
	return m.in, m.fired
}

func (m *meddler) meddle(b []byte) [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in++
	if m.at == 0 || m.in < m.at || m.in > m.at && !m.every {
		return [][]byte{b}
	}
	m.fired++
	return m.do(b)
}

func (m *meddler) pass(to, from net.Conn, change meddling) {
	defer func() { _, _ = from.Close(), to.Close() }()
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		b := make([]byte, 5+int(binary.BigEndian.Uint16(head[3:])))
		copy(b, head)
		if _, err := io.ReadFull(from, b[5:]); err != nil {
			return
		}
		for _, record := range change(b) {
			if _, err := to.Write(record); err != nil {
				return
			}
		}
	}
}

// meddlings are what TLS notices at once. A record that is gone it notices at the
// next one: see TestLostAndLate.
func meddlings() map[string]meddling {
	return map[string]meddling{
		"tampered":   func(b []byte) [][]byte { b[len(b)-1] ^= 1; return [][]byte{b} },
		"duplicated": func(b []byte) [][]byte { return [][]byte{b, b} },
		"cut short": func(b []byte) [][]byte {
			binary.BigEndian.PutUint16(b[3:], uint16(len(b)-6)) // #nosec G115 -- a record's length
			return [][]byte{b[:len(b)-1]}
		},
		"made up": func(b []byte) [][]byte { _, _ = rand.Read(b[5:]); return [][]byte{b} },
	}
}

// processes is an issuer over three processes, each behind a meddler.
func processes(t *testing.T) (*house, *[3]*meddler) {
	t.Helper()
	_, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var between [3]*meddler
	room := partytest.Through(t, party.Face, testkit.Name, root, func(i int, address string) (at string) {
		between[i], at = newMeddler(t, address)
		return at
	})
	h := &house{World: testkit.NewWorld(t, 9), t: t, db: filepath.Join(t.TempDir(), "issuer.db"), room: room, root: root}
	h.Clock.Move(time.Since(h.Clock.Now())) // that of the processes
	h.policy()
	for i := range h.parties {
		room.Spawn(t, i)
		h.parties[i] = room.Client(t, i)
	}
	h.open()
	t.Cleanup(h.close)
	return h, &between
}

// meddled is an enrolment while something is done to records: of somebody known,
// and of somebody new. Whatever is answered is true, or that there is no answer.
type meddled struct {
	*house
	known, strangers uint64
	members          int
	answered, none   int
}

func (m *meddled) once(t *testing.T, what string) {
	t.Helper()
	m.known++
	switch err := m.enrol(testkit.NewPerson(1).Again(10_000 + m.known)); {
	case err == nil:
		t.Fatalf("%s: somebody known was let in", what)
	case api.CodeOf(err) == api.AlreadyEnrolled:
		m.answered++
	default:
		m.none++
		wantCode(t, err, api.MatcherUnavailable)
	}
}

func (m *meddled) stranger(t *testing.T, what string) {
	t.Helper()
	m.strangers++
	switch err := m.enrol(testkit.NewPerson(100 + m.strangers)); {
	case err == nil:
		m.members++
		m.answered++
	case api.CodeOf(err) == api.MatcherUnavailable:
		m.none++
	default:
		t.Errorf("%s: somebody new: %v", what, err)
	}
}

// Between three processes and their issuer somebody changes, repeats, cuts and
// makes up what is sent: one record, wherever it is, or all from there on. TLS ends
// the connection; who is known is never taken for new, who is new is in at all
// three or nowhere, and without the meddler everything works as before.
func TestMeddlers(t *testing.T) {
	h, between := processes(t)
	m := &meddled{house: h}
	if err := h.enrol(testkit.NewPerson(1)); err != nil {
		t.Fatal(err)
	}
	m.members++
	step := 31
	if os.Getenv("PERHUMAN_LONG") == "1" {
		step = 2
	}
	fired := 0
	for name, do := range meddlings() {
		for i, by := range between {
			for at := 1 + 7*i; ; at += step {
				what := fmt.Sprintf("%s, record %d to party %d", name, at, i)
				by.arm(at, false, do)
				m.once(t, what)
				in, hit := by.disarm()
				if hit == 0 {
					if in < 20 {
						t.Fatalf("%s: only %d records came", what, in)
					}
					break
				}
				by.arm(at, false, do)
				m.stranger(t, what)
				_, also := by.disarm()
				fired += hit + also
			}
		}
	}
	t.Logf("%d records were meddled with, one at a time: %d answers, %d times none", fired, m.answered, m.none)
	if fired < 24 || m.answered == 0 {
		t.Errorf("%d records were meddled with, %d answers", fired, m.answered)
	}
	// All of them: then nobody is answered.
	for name, do := range meddlings() {
		if name == "cut short" { // a handshake then waits for the rest, ten seconds each
			continue
		}
		for i, by := range between {
			m.answered, m.none = 0, 0
			by.arm(3, true, do)
			m.once(t, name)
			m.stranger(t, name)
			if _, hit := by.disarm(); hit == 0 || m.answered != 0 || m.none != 2 {
				t.Errorf("every record to party %d %s: %d of them, %d answers", i, name, hit, m.answered)
			}
		}
	}
	m.quiet(t)
}

// quiet: with the meddlers gone, who is known is known and the parties agree.
func (m *meddled) quiet(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := m.enrol(testkit.NewPerson(uint64(900_000 + m.members)))
		if err == nil {
			m.members++
			break
		}
		wantCode(t, err, api.MatcherUnavailable)
		if time.Now().After(deadline) {
			t.Fatal("the parties do not come together again")
		}
	}
	m.known++
	wantCode(t, m.enrol(testkit.NewPerson(1).Again(10_000+m.known)), api.AlreadyEnrolled)
	m.settled(m.members)
}

// Records get lost while their connection stands: nobody is answered, and the
// issuer gives up after its time. Records that are late only take longer.
func TestLostAndLate(t *testing.T) {
	h, between := processes(t)
	m := &meddled{house: h}
	if err := h.enrol(testkit.NewPerson(1)); err != nil {
		t.Fatal(err)
	}
	m.members++
	for i, by := range between { // a party that is slow in everything
		by.arm(1, true, func(b []byte) [][]byte { time.Sleep(time.Millisecond); return [][]byte{b} })
		before := m.answered
		m.once(t, "late")
		m.stranger(t, "late")
		if _, hit := by.disarm(); hit < 20 || m.answered != before+2 {
			t.Errorf("party %d was slow: %d records, %d answers", i, hit, m.answered-before)
		}
	}
	h.close()
	h.timeout = time.Second
	h.open()
	for i, by := range between {
		before := m.answered
		by.arm(20+i, true, func([]byte) [][]byte { return nil })
		m.once(t, "lost")
		m.stranger(t, "lost")
		if _, hit := by.disarm(); hit == 0 || m.answered != before {
			t.Errorf("records to party %d were lost: %d, and %d answers", i, hit, m.answered-before)
		}
	}
	h.close()
	h.timeout = 0
	h.open()
	m.quiet(t)
}
