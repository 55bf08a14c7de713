package private

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// Device signs captures that the parties believe; *capture.VirtualDevice is one.
type Device interface {
	Capture(q capture.CaptureRequest) ([]byte, error)
}

// Auditing has a Matcher audit its parties: it plants people who do not exist,
// whose templates it knows, and asks about them beside people (mpc.Audit).
//
// To the parties a planted person's shares are noise like everybody's, and each
// step is one that an enrolment has. What they can tell is what is on the envelope:
// the device, if it captures nobody else; and, once they look at the public set,
// that the identity commitment never comes to be in it.
type Auditing struct {
	// Device signs the captures, under a root that the group file names.
	Device Device
	// Key is a secret of 16 bytes or more from which planted people and their
	// serials follow. It stays the same as long as the group: with another one the
	// planted people of before are never told from people again.
	Key []byte
	// People is how many are planted, 1 to 16.
	People int
	// Consents are what enrolments have there: an audit bears one of them by
	// chance, so that it looks like anybody's.
	Consents [][32]byte
	Now      func() time.Time
}

const (
	maxPlanted = 16
	// plantings is how many serials there are for planted people: one that a crash
	// ended before it was planted is never used again.
	plantings = 1024
	auditRoom = maxPlanted + 2
)

// auditor is an Auditing at work, for whose turn it is.
type auditor struct {
	Auditing
	group  party.Group
	rand   io.Reader
	seal   capture.SealFunc
	face   bool
	crowd  *synth.Population
	number map[mpc.Serial]uint64 // of every serial that a planted person may have
	due    bool
	judge  mpc.Audit
}

func newAuditor(a Auditing, g party.Group, rand io.Reader) (*auditor, error) {
	if a.Device == nil || a.Now == nil || len(a.Key) < 16 || a.People < 1 || a.People > maxPlanted || len(a.Consents) == 0 {
		return nil, errors.New("private: an audit needs Device, Now, Consents, a Key of 16 bytes and 1 to 16 People")
	}
	seals, err := g.Seals()
	if err != nil {
		return nil, err
	}
	out := &auditor{Auditing: a, group: g, rand: rand, seal: share.To(rand, seals[:]...), face: g.Compare == party.Face, number: map[mpc.Serial]uint64{}, due: true}
	seed := out.derive("people", 0)
	out.crowd = synth.New(binary.BigEndian.Uint64(seed[:]))
	for n := range uint64(plantings) {
		out.number[out.serial(n)] = n
	}
	return out, nil
}

func (a *auditor) derive(purpose string, n uint64) [32]byte {
	h := hmac.New(sha256.New, a.Key)
	h.Write([]byte("perhuman/private/audit/1 " + purpose))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	return [32]byte(h.Sum(nil))
}

func (a *auditor) serial(n uint64) mpc.Serial {
	d := a.derive("serial", n)
	return mpc.Serial(d[:16])
}

// template is capture k of planted person n.
func (a *auditor) template(n, k uint64) match.Template {
	if a.face {
		return match.FromFace(a.crowd.Person(n).SampleFace(k))
	}
	return match.FromIris(a.crowd.Person(n).Sample(k))
}

func (a *auditor) random() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(a.rand, b[:]); err != nil {
		return 0, fmt.Errorf("private: randomness: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]) >> 1, nil
}

// ask captures a template as an enrolment does. What the answer has to be is kept
// until it is judged.
func (a *auditor) ask(s mpc.Serial, of match.Template, known bool) (*ask, error) {
	q := capture.CaptureRequest{Audience: a.group.Issuer, Now: a.Now(), Seal: a.seal, Quality: capture.Quality{Sharpness: 900}}
	n, err := a.random()
	if err != nil {
		return nil, err
	}
	q.ConsentHash = a.Consents[n%uint64(len(a.Consents))]
	for _, b := range [][]byte{q.Nonce[:], q.IdentityCommitment[1:]} { // below the field's order
		if _, err := io.ReadFull(a.rand, b); err != nil {
			return nil, fmt.Errorf("private: randomness: %w", err)
		}
	}
	if err := a.group.Fill(a.rand, of, &q); err != nil {
		return nil, err
	}
	raw, err := a.Device.Capture(q)
	if err != nil {
		return nil, fmt.Errorf("private: a capture for an audit: %w", err)
	}
	a.judge.Expect(s, known)
	return &ask{serial: s, capture: q.Nonce, envelope: raw}, nil
}

// missing captures the people who are to be planted yet, and tells who is there.
func (a *auditor) missing(roll []party.Entry) (plant []*ask, there []uint64, err error) {
	used := map[uint64]bool{}
	for _, e := range roll {
		if n, planted := a.number[e.Serial]; planted {
			used[n] = true
			if e.State == mpc.Member {
				there = append(there, n)
			}
		}
	}
	for n := uint64(0); len(there)+len(plant) < a.People; n++ {
		if n == plantings {
			return nil, nil, errors.New("private: no more people can be planted under this key")
		}
		if used[n] {
			continue
		}
		one, err := a.ask(a.serial(n), a.template(n, 0), false)
		if err != nil {
			return nil, nil, err
		}
		plant = append(plant, one)
	}
	return plant, there, nil
}

// questions captures one of the planted, who must be known, and somebody who is
// nobody, who must not.
func (a *auditor) questions(there []uint64) (out []*ask, err error) {
	plain := match.New()
	pick, err := a.random()
	if err != nil {
		return nil, err
	}
	n := there[pick%uint64(len(there))]
	if err := plain.Add(match.Serial{}, a.template(n, 0)); err != nil {
		return nil, err
	}
	for _, known := range []bool{true, false} {
		for {
			who, capture := n, uint64(0)
			if capture, err = a.random(); err != nil {
				return nil, err
			}
			if !known {
				if who, err = a.random(); err != nil {
					return nil, err
				}
			}
			of := a.template(who, capture)
			same, _, err := plain.Match(of)
			if err != nil {
				return nil, err
			}
			if same != known || who < plantings && !known {
				continue // a poor capture; the plain matcher says the same of it
			}
			s := mpc.Serial{}
			if _, err := io.ReadFull(a.rand, s[:]); err != nil {
				return nil, fmt.Errorf("private: randomness: %w", err)
			}
			one, err := a.ask(s, of, known)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
			break
		}
	}
	return out, nil
}

// audited is compare with an audit beside the people if one is due: then nobody of
// them gets an answer unless the audit passed. After one that failed nobody does
// any more.
func (t *trio) audited(ctx context.Context, all []*ask) error {
	err := t.stopped()
	switch {
	case err != nil:
	case t.audit == nil || !t.audit.due:
		t.compare(ctx, all)
	default:
		err = t.questioned(ctx, all)
	}
	if err != nil {
		t.synced = false // who is pending is freed before the next
		for _, a := range all {
			a.err = err
		}
	}
	return err
}

// questioned is compare with the questions of an audit among the people.
func (t *trio) questioned(ctx context.Context, all []*ask) error {
	there, err := t.plant(ctx)
	if err != nil {
		return err
	}
	questions, err := t.audit.questions(there)
	if err != nil {
		return unavailable(err)
	}
	mixed, err := t.audit.mix(all, questions)
	if err != nil {
		return unavailable(err)
	}
	if err := t.judged(ctx, mixed, questions, false); err != nil {
		return err
	}
	t.audit.due = false
	return nil
}

// plant makes the people that are missing members, and gives the numbers of all
// who are.
func (t *trio) plant(ctx context.Context) ([]uint64, error) {
	if err := t.ready(ctx); err != nil {
		return nil, err
	}
	plant, there, err := t.audit.missing(t.roll)
	if err != nil || len(plant) == 0 {
		return there, unavailable(err)
	}
	if err := t.judged(ctx, plant, plant, true); err != nil {
		return nil, err
	}
	for _, a := range plant {
		there = append(there, t.audit.number[a.serial])
	}
	return there, nil
}

// mix puts them in an order that says nothing.
func (a *auditor) mix(lists ...[]*ask) (out []*ask, err error) {
	for _, l := range lists {
		out = append(out, l...)
	}
	for i := len(out) - 1; i > 0; i-- {
		k, err := a.random()
		if err != nil {
			return nil, err
		}
		j := k % uint64(i+1) // #nosec G115 -- small
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// judged compares all and looks at the answers to those that are planted. They are
// kept or freed then, like people.
func (t *trio) judged(ctx context.Context, all, planted []*ask, keep bool) error {
	t.open(planted, true)
	defer t.open(planted, false)
	t.compare(ctx, all)
	var serials []mpc.Serial
	var known []bool
	for _, a := range planted {
		switch {
		case errors.Is(a.err, ErrInputs):
			return t.stop(fmt.Errorf("%w: shares of a planted person are said to be of no template", mpc.ErrAudit))
		case a.err != nil:
			return unavailable(fmt.Errorf("private: an audit could not be done: %w", a.err))
		}
		serials, known = append(serials, a.serial), append(known, a.known)
	}
	if err := t.audit.judge.Judge(serials, known); err != nil {
		return t.stop(err)
	}
	for _, a := range planted {
		var err error
		if keep {
			err = t.keep(ctx, a.serial)
		} else {
			_, err = t.end(ctx, a.serial)
		}
		if err != nil {
			t.logf("private: %v", err) // the next sync does it
		}
	}
	return nil
}

// planted says whether a serial is one that a planted person has.
func (t *trio) planted(s mpc.Serial) bool {
	if t.audit == nil {
		return false
	}
	_, is := t.audit.number[s]
	return is
}

// open keeps planted people from being freed while they are compared.
func (m *Matcher) open(planted []*ask, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range planted {
		if open {
			m.live[a.serial] = true
		} else {
			m.decide(a.serial)
		}
	}
}

// stop says that nobody is compared any more.
func (t *trio) stop(err error) error {
	err = unavailable(err)
	t.mu.Lock()
	t.halt = err
	t.mu.Unlock()
	t.logf("private: enrolment stops: a party computes wrong, or its shares are damaged: %v", err)
	return err
}

// stopped gives the reason for which nobody is compared any more.
func (t *trio) stopped() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.halt
}

// Audit asks the parties now what it knows the answers to. A wrong answer is
// mpc.ErrAudit: from then on nobody is compared, here and in Prepare, until a new
// Matcher is made, whose first comparison is audited again. Without
// Config.Auditing there is none, and no error. It blocks as long as a comparison
// of one person does, and while others are compared.
func (m *Matcher) Audit(ctx context.Context) error {
	t := m.trio
	if t.audit == nil {
		return nil
	}
	if err := t.take(ctx); err != nil {
		return err
	}
	defer t.give()
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	t.audit.due = true
	return t.audited(ctx, nil)
}

// State is how a group of parties is.
type State struct {
	Name    string // what is compared
	Epoch   uint64 // of the shares, as it was last seen
	Audits  int    // planted questions that were answered right since the start
	Stopped error  // mpc.ErrAudit after one that was not
}

// State tells how the parties are, without asking them.
func (m *Matcher) State() State {
	s := State{Name: string(m.modality), Stopped: m.trio.stopped()}
	m.trio.mu.Lock()
	s.Epoch = m.trio.seen
	m.trio.mu.Unlock()
	if m.trio.audit != nil {
		s.Audits = m.trio.audit.judge.Passed()
	}
	return s
}

// States is State alone, as Joined has several.
func (m *Matcher) States() []State { return []State{m.State()} }

// Stopped gives the reason for which nobody is compared any more, nil if none is.
func (m *Matcher) Stopped() error { return m.trio.stopped() }

// Audit audits all groups.
func (j *Joined) Audit(ctx context.Context) error {
	var all []error
	for _, m := range j.of {
		all = append(all, m.Audit(ctx))
	}
	return errors.Join(all...)
}

// States tells how the parties of all groups are.
func (j *Joined) States() (out []State) {
	for _, m := range j.of {
		out = append(out, m.State())
	}
	return out
}

// Stopped gives the reason for which a group compares nobody any more.
func (j *Joined) Stopped() error {
	var all []error
	for _, m := range j.of {
		all = append(all, m.Stopped())
	}
	return errors.Join(all...)
}
