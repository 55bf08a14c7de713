package match

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Serial names an enrolled template: 128 random bits that the issuer chooses,
// with no relation to the person's leaf.
type Serial [16]byte

// String gives lower-case hex.
func (s Serial) String() string { return hex.EncodeToString(s[:]) }

// DefaultColumns is the shape of iris codes that New accepts.
const DefaultColumns = 200

// Matcher is the plain matcher. Templates are compared in memory, in the clear.
// It is safe for concurrent use: readers compare against the set as it stood
// when they began and never wait for one another.
type Matcher struct {
	columns int

	mu      sync.RWMutex
	known   map[Serial]place
	shelves []*shelf // of irises
	room    []place  // shelves that are not full and that nobody is filling
	faces   []faceEntry
	removed uint64 // how many entries have been removed so far
}

// place is the index of a shelf, or aFace.
type place int32

const aFace place = -1

// set is what a comparison runs over, as it stood at one moment.
type set struct {
	irises []run
	faces  []faceEntry // only ever appended to, or replaced as a whole
}

// after gives what was added to s since then, when nothing was removed.
func (s set) after(then set) set {
	s.faces = s.faces[len(then.faces):]
	for i, r := range then.irises {
		s.irises[i].serials = s.irises[i].serials[len(r.serials):]
		s.irises[i].from += len(r.serials)
	}
	return s
}

type faceEntry struct {
	serial Serial
	vector face.Vector
}

// New gives an empty matcher for iris codes of DefaultColumns, and faces.
func New() *Matcher { return NewColumns(DefaultColumns) }

// NewColumns gives an empty matcher for iris codes of 200 or 256 columns. Codes
// of different shapes cannot be compared, so one matcher takes one shape.
func NewColumns(columns int) *Matcher {
	return &Matcher{columns: columns, known: map[Serial]place{}}
}

// Len gives the number of enrolled templates, of all modalities.
func (m *Matcher) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.known)
}

func (m *Matcher) check(t Template) error {
	if err := t.Check(); err != nil {
		return err
	}
	if t.modality == capture.Iris && t.pair.Left.Columns() != m.columns {
		return fmt.Errorf("%w: %w", ErrQuality, iris.ErrColumns)
	}
	return nil
}

// Add enrols t under serial without comparing it: for templates that were
// compared before. The matcher keeps a copy.
func (m *Matcher) Add(serial Serial, t Template) error {
	if err := m.check(t); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(serial, t)
}

func (m *Matcher) add(serial Serial, t Template) error {
	if _, ok := m.known[serial]; ok {
		return ErrSerial
	}
	if t.modality == capture.Face {
		m.known[serial] = aFace
		m.faces = append(m.faces, faceEntry{serial, t.vector})
		return nil
	}
	at, s := m.take()
	if err := s.next(m.columns).copyFrom(t.pair); err != nil {
		m.giveBack(at)
		return err
	}
	m.put(serial, at, s)
	return nil
}

// Restore is Add for what MarshalBinary gave. It reads an iris straight into
// its place, so that a large set, restored by many callers side by side, costs
// no memory but its own. kept is neither changed nor kept.
func (m *Matcher) Restore(serial Serial, kept []byte) error {
	eye := 2 + 12*m.columns
	if len(kept) != 2+2*eye || Kept(kept) != capture.Iris {
		t, err := Parse(kept)
		if err != nil {
			return err
		}
		return m.Add(serial, t)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		at, s := m.take()
		p := s.next(m.columns)
		m.mu.Unlock()
		err := p.read(kept[2:2+eye], kept[2+eye:])
		m.mu.Lock()
		if err != nil {
			p.Wipe()
			m.giveBack(at)
			return err
		}
		if _, ok := m.known[serial]; ok {
			p.Wipe()
			m.giveBack(at)
			return ErrSerial
		}
		if m.shelves[at] == s {
			m.put(serial, at, s)
			return nil
		}
		m.giveBack(at) // somebody left from this shelf, and it was replaced
	}
}

// Remove forgets a serial and reports whether it was there. A comparison that
// began before may still name it; the memory is wiped when the last of them has
// ended.
func (m *Matcher) Remove(serial Serial) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.known[serial]
	if !ok {
		return false
	}
	delete(m.known, serial)
	m.removed++
	// Something new in each case: readers may still be walking the old.
	if at == aFace {
		n := slices.IndexFunc(m.faces, func(e faceEntry) bool { return e.serial == serial })
		m.faces = slices.Concat(m.faces[:n:n], m.faces[n+1:])
		return true
	}
	old := m.shelves[at]
	m.shelves[at] = old.without(serial, m.columns)
	if old.full() {
		m.giveBack(at)
	}
	return true
}

// Match compares t with every enrolled template of its modality, except those
// under the serials in except (a retry never matches itself). On a hit it names
// the nearest; of equally near ones, the lowest serial.
func (m *Matcher) Match(t Template, except ...Serial) (hit bool, serial Serial, err error) {
	if err := m.check(t); err != nil {
		return false, Serial{}, err
	}
	now, _ := m.snapshot()
	best := m.nearest(t, now, except)
	return best.hit, best.serial, nil
}

func (m *Matcher) snapshot() (set, uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.now(), m.removed
}

// now is the set for a holder of mu.
func (m *Matcher) now() set {
	s := set{irises: make([]run, len(m.shelves)), faces: m.faces}
	for i, shelf := range m.shelves {
		s.irises[i] = run{shelf: shelf, serials: shelf.serials}
	}
	return s
}

// MatchOrAdd compares t like Match and, when it belongs to nobody, enrols it
// under serial, as one step: of two captures of one person at the same time,
// exactly one gets in. An entry already under serial is not compared, and then
// nothing is added: a retry gives the first answer.
func (m *Matcher) MatchOrAdd(serial Serial, t Template) (hit bool, other Serial, err error) {
	if err := m.check(t); err != nil {
		return false, Serial{}, err
	}
	// The long part runs outside the lock, over the set as it was; what came in
	// meanwhile is compared inside. After a removal all of it is compared again.
	then, removed := m.snapshot()
	best := m.nearest(t, then, []Serial{serial})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed == removed {
		best = best.or(m.nearest(t, m.now().after(then), []Serial{serial}))
	} else {
		best = m.nearest(t, m.now(), []Serial{serial})
	}
	if best.hit {
		return true, best.serial, nil
	}
	if _, ok := m.known[serial]; ok {
		return false, Serial{}, nil
	}
	return false, Serial{}, m.add(serial, t)
}

// candidate is the nearest hit so far.
type candidate struct {
	hit    bool
	serial Serial
	// The lesser of the two eyes' distances, or the squared distance of faces
	// over 1.
	distance iris.Distance
}

// or gives the nearer hit, and of equally near ones the lower serial.
func (a candidate) or(b candidate) candidate {
	switch {
	case !b.hit:
		return a
	case !a.hit, b.distance.Less(a.distance):
		return b
	case a.distance.Less(b.distance):
		return a
	case bytes.Compare(b.serial[:], a.serial[:]) < 0:
		return b
	}
	return a
}

// nearest compares t with every entry of its modality in s.
func (m *Matcher) nearest(t Template, s set, except []Serial) candidate {
	var best candidate
	switch t.modality {
	case capture.Iris:
		if len(s.irises) == 0 {
			break
		}
		q := iris.NewPairQuery(t.pair)
		for _, r := range s.irises {
			r.walk(m.columns, q, func(serial Serial, upright, mirrored iris.Score) {
				for _, score := range [...]iris.Score{upright, mirrored} {
					if score.Match() && !slices.Contains(except, serial) {
						best = best.or(candidate{true, serial, score.Least()})
					}
				}
			})
		}
	case capture.Face:
		for _, e := range s.faces {
			if t.vector.Same(e.vector) && !slices.Contains(except, e.serial) {
				best = best.or(candidate{true, e.serial, iris.Distance{Diff: t.vector.Squared(e.vector), Bits: 1}})
			}
		}
	}
	return best
}
