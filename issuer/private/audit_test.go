package private_test

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/private"
)

// members gives how many the parties have, and how many are pending.
func (d *desk) members() (members, pending int) {
	d.t.Helper()
	for i := range 3 {
		roll, err := d.room.Client(d.t, i).Roll(d.t.Context(), 0)
		if err != nil {
			d.t.Fatal(err)
		}
		m, p := 0, 0
		for _, e := range roll {
			switch e.State {
			case mpc.Member:
				m++
			case mpc.Pending:
				p++
			}
		}
		if i > 0 && (m != members || p != pending) {
			d.t.Errorf("party %d has %d members, %d pending", i, m, p)
		}
		members, pending = m, p
	}
	return members, pending
}

// damage adds something to one word of a place at a party that does not run, and the record's
// checksum with it.
func (d *desk) damage(i int, file string, place, word, by int) {
	d.t.Helper()
	m, err := d.room.Group.Modality()
	if err != nil {
		d.t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(d.room.Folder(i), file), os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	size := 2*m.Words() + 64
	at := int64(4096 + place*((size+63)/64*64))
	b := make([]byte, size)
	if _, err := f.ReadAt(b, at); err != nil {
		d.t.Fatal(err)
	}
	binary.LittleEndian.PutUint16(b[2*word:], binary.LittleEndian.Uint16(b[2*word:])+uint16(by)) // #nosec G115 -- modulo
	binary.LittleEndian.PutUint32(b[size-4:], crc32.Checksum(b[:size-4], crc32.MakeTable(crc32.Castagnoli)))
	if _, err := f.WriteAt(b, at); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) prepare(n, k uint64) (known bool, err error) {
	d.t.Helper()
	var nonce [32]byte
	_, _ = rand.Read(nonce[:])
	e, err := capture.Parse(d.room.Envelope(d.t, nonce, d.of(n, k)))
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := d.m.Prepare(d.t.Context(), e)
	if err != nil {
		return false, err
	}
	defer p.Wipe()
	return d.m.Match(p)
}

// Audits of a group that computes right pass, beside people, across restarts and
// refreshes, and plant nobody twice; nothing of an audit stays at the parties but
// the planted people.
func TestAudit(t *testing.T) {
	for _, compare := range []string{party.Face, party.Iris} {
		if testing.Short() && compare != party.Face { // under the race detector
			continue
		}
		t.Run(compare, func(t *testing.T) {
			d := newDeskOf(t, compare, 3, true)
			passed := d.m.State().Audits
			if passed != 2+2 { // two are new; one is known, one is not
				t.Errorf("%d audits before the first comparison", passed)
			}
			for n := range 2 {
				if err := d.m.Audit(t.Context()); err != nil {
					t.Fatal(err)
				}
				if now := d.m.State().Audits; now != passed+2 {
					t.Errorf("audit %d: %d passed", n, now-passed)
				}
				passed += 2
			}
			d.same("audited", 3)
			if _, err := d.m.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.m.Audit(t.Context()); err != nil {
				t.Errorf("after a refresh: %v", err)
			}
			if s := d.m.State(); s.Epoch != 1 || s.Stopped != nil || s.Name != string(d.mode()) {
				t.Errorf("%+v", s)
			}
			d.m.Close()
			d.open()
			d.same("after a start", 3)
			if s := d.m.State(); s.Audits != 2 {
				t.Errorf("after a start: %d audits", s.Audits)
			}
			if members, pending := d.members(); members != 3+2 || pending != 0 {
				t.Errorf("%d members, %d pending", members, pending)
			}
		})
	}
}

func (d *desk) mode() capture.Modality {
	if d.room.Group.Compare == party.Face {
		return capture.Face
	}
	return capture.Iris
}

// A party's shares of one person are wrong, in a file whose checksums are right:
// the next audit finds it, and nobody is enrolled or found any more, not after a
// start either. Without audits a stranger is told that he is known, and nobody
// notices.
func TestAuditFindsWrongShares(t *testing.T) {
	for _, audits := range []bool{true, false} {
		if testing.Short() { // irises take long under the race detector
			break
		}
		t.Run(fmt.Sprintf("audits=%t", audits), func(t *testing.T) {
			d := newDeskOf(t, party.Iris, 2, audits)
			roll, err := d.room.Client(t, 1).Roll(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			person := -1 // the last who was enrolled
			for place, e := range roll {
				if e.State == mpc.Member {
					person = place
				}
			}
			d.room.Running(1).Kill()
			d.damage(1, "shares.0", person, 5000, 0x4001)
			d.room.Spawn(t, 1)
			if !audits {
				if known, err := d.prepare(1000, 1); err != nil || !known {
					t.Errorf("the control: known %t, %v", known, err)
				}
				return
			}
			if err := d.m.Audit(t.Context()); !errors.Is(err, mpc.ErrAudit) || !errors.Is(err, private.ErrUnavailable) {
				t.Fatalf("the audit: %v", err)
			}
			if err := d.m.Stopped(); !errors.Is(err, mpc.ErrAudit) || !errors.Is(d.m.State().Stopped, mpc.ErrAudit) {
				t.Errorf("stopped: %v", err)
			}
			for range 2 {
				if _, err := d.prepare(1000, 1); !errors.Is(err, mpc.ErrAudit) {
					t.Errorf("enrolment goes on: %v", err)
				}
			}
			d.m.Close()
			d.open()
			if _, err := d.prepare(1000, 2); !errors.Is(err, mpc.ErrAudit) {
				t.Errorf("after a start: %v", err)
			}
			d.m.Close()
			// What was wrong is put right: the issuer is started, and goes on.
			d.room.Running(1).Kill()
			d.damage(1, "shares.0", person, 5000, -0x4001)
			d.room.Spawn(t, 1)
			d.open()
			d.same("repaired", 2)
		})
	}
}

// A device that the parties do not believe: nobody is enrolled without the audit
// that was asked for.
func TestAuditCannotBeDone(t *testing.T) {
	d := newDesk(t, 1)
	d.m.Close()
	stranger, err := capture.NewVirtualDevice(rand.Reader, d.room.Front, d.room.Now())
	if err != nil {
		t.Fatal(err)
	}
	d.audit = &private.Auditing{Device: stranger, Key: make([]byte, 16), People: 1, Consents: [][32]byte{{1}}, Now: d.room.Now}
	d.open()
	if _, err := d.prepare(1000, 1); !errors.Is(err, private.ErrUnavailable) || errors.Is(err, mpc.ErrAudit) {
		t.Errorf("without the audit: %v", err)
	}
	if err := d.m.Audit(t.Context()); !errors.Is(err, private.ErrUnavailable) {
		t.Error(err)
	}
	d.audit.Device = d.room.Device
	d.m.Close()
	d.open()
	d.same("with a device that they believe", 1)
	for _, bad := range []private.Auditing{{}, {Device: stranger, Key: make([]byte, 15), People: 1, Now: d.room.Now}, {Device: stranger, Key: make([]byte, 16), People: 17, Now: d.room.Now}} {
		if _, err := private.New(private.Config{Group: d.room.Group, Rand: rand.Reader, Timeout: 1, Parties: [3]private.Party{d.idle[0], d.idle[1], d.idle[2]}, Auditing: &bad}); err == nil {
			t.Errorf("accepted: %+v", bad)
		}
	}
}
