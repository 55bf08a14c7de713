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
	known   map[Serial]capture.Modality
	set     set
	removed uint64 // how many entries have been removed so far
}

// set is what a comparison runs over. Its slices are only ever appended to, or
// replaced as a whole, so a copy of the headers is a snapshot.
type set struct {
	irises []irisEntry
	faces  []faceEntry
}

// after gives what was appended to s since then.
func (s set) after(then set) set {
	return set{s.irises[len(then.irises):], s.faces[len(then.faces):]}
}

type irisEntry struct {
	serial Serial
	pair   iris.Pair
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
	return &Matcher{columns: columns, known: map[Serial]capture.Modality{}}
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
// compared before, such as those loaded at start. The matcher keeps t.
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
	m.known[serial] = t.modality
	if t.modality == capture.Iris {
		m.set.irises = append(m.set.irises, irisEntry{serial, t.pair})
	} else {
		m.set.faces = append(m.set.faces, faceEntry{serial, t.vector})
	}
	return nil
}

// Remove forgets a serial and reports whether it was there. A comparison that
// began before may still name it.
func (m *Matcher) Remove(serial Serial) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	modality, ok := m.known[serial]
	if ok {
		delete(m.known, serial)
		m.removed++
	}
	switch modality {
	case capture.Iris:
		// A new slice: readers may still be walking the old one.
		at := slices.IndexFunc(m.set.irises, func(e irisEntry) bool { return e.serial == serial })
		m.set.irises = slices.Concat(m.set.irises[:at:at], m.set.irises[at+1:])
	case capture.Face:
		at := slices.IndexFunc(m.set.faces, func(e faceEntry) bool { return e.serial == serial })
		m.set.faces = slices.Concat(m.set.faces[:at:at], m.set.faces[at+1:])
	}
	return ok
}

// Match compares t with every enrolled template of its modality, except those
// under the serials in except (a retry never matches itself). On a hit it names
// the nearest; of equally near ones, the lowest serial.
func (m *Matcher) Match(t Template, except ...Serial) (hit bool, serial Serial, err error) {
	if err := m.check(t); err != nil {
		return false, Serial{}, err
	}
	now, _ := m.snapshot()
	best := nearest(t, now, except)
	return best.hit, best.serial, nil
}

func (m *Matcher) snapshot() (set, uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.set, m.removed
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
	best := nearest(t, then, []Serial{serial})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed == removed {
		best = best.or(nearest(t, m.set.after(then), []Serial{serial}))
	} else {
		best = nearest(t, m.set, []Serial{serial})
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
func nearest(t Template, s set, except []Serial) candidate {
	var best candidate
	switch t.modality {
	case capture.Iris:
		if len(s.irises) == 0 {
			break
		}
		q := iris.NewPairQuery(t.pair)
		q.Walk(len(s.irises), func(i int) iris.Pair { return s.irises[i].pair }, func(i int, upright, mirrored iris.Score) {
			for _, score := range [...]iris.Score{upright, mirrored} {
				if serial := s.irises[i].serial; score.Match() && !slices.Contains(except, serial) {
					best = best.or(candidate{true, serial, score.Least()})
				}
			}
		})
	case capture.Face:
		for _, e := range s.faces {
			if t.vector.Same(e.vector) && !slices.Contains(except, e.serial) {
				best = best.or(candidate{true, e.serial, iris.Distance{Diff: t.vector.Squared(e.vector), Bits: 1}})
			}
		}
	}
	return best
}
