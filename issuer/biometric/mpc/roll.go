package mpc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

// Serial names a person's shares: 128 random bits with no relation to the leaf.
type Serial [16]byte

// Capture names the session in which a template was captured. One capture has one
// serial at a time: a retry is the same serial again, and so is never compared
// with itself.
type Capture [32]byte

// State is what became of a serial.
type State uint8

// A serial is Pending, then a Member or Gone; a member may become Gone. The place
// of one that is Gone, aborted or removed, stays.
const (
	Pending State = iota + 1
	Member
	Gone
)

type entry struct {
	serial  Serial
	capture Capture
	state   State
}

// Roll is one party's list of everybody whose shares it has or had, in the order
// in which they became pending: place k belongs to entry k for ever. Each change
// is on the disk before the call returns. Since a new person is compared with all
// places below its own that are not gone, pending ones included, two captures of
// one person cannot both pass: the later one meets the earlier one.
//
// The file begins with a line; each change is 64 bytes: u8 what || u32
// CRC-32C || 11 zero bytes || serial || capture (zero but for a new one); the
// checksum covers the rest and the number of the change. A record that is
// cut off at the end was never acknowledged and is dropped; any other damage
// stops the party. It is safe for concurrent use.
type Roll struct {
	mu     sync.Mutex
	file   *os.File
	places map[Serial]int
	live   map[Capture]int // places of those that are pending or members
	list   []entry
	count  uint64 // records
	broken error
}

const (
	rollHead   = "perhuman roll 1\n"
	recordSize = 64
)

// OpenRoll opens or creates the roll. Only one process may have it open.
func OpenRoll(path string) (*Roll, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("mpc: roll: %w", err)
	}
	r := &Roll{file: file, places: map[Serial]int{}, live: map[Capture]int{}}
	if err := r.load(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// ReadRoll reads a roll that nobody has open and leaves the file as it is: a roll
// to look at, which refuses changes. torn says that the file ends with something
// that was written in part; the next OpenRoll drops it.
func ReadRoll(path string) (r *Roll, torn bool, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false, fmt.Errorf("mpc: roll: %w", err)
	}
	r = &Roll{places: map[Serial]int{}, live: map[Capture]int{}}
	torn, err = r.parse(b)
	r.broken = fmt.Errorf("%w: open for reading", ErrRoll)
	return r, torn, err
}

func (r *Roll) load(path string) error {
	b, err := io.ReadAll(r.file)
	if err != nil {
		return fmt.Errorf("mpc: roll: %w", err)
	}
	if _, err := r.parse(b); err != nil {
		return err
	}
	if len(b) < len(rollHead) {
		if err := r.write(0, []byte(rollHead)); err != nil {
			return err
		}
		return syncFolder(path)
	}
	if err := r.file.Truncate(r.end()); err != nil {
		return fmt.Errorf("mpc: roll: %w", err)
	}
	return nil
}

// parse takes a file's changes in; torn says that its last one is not whole.
func (r *Roll) parse(b []byte) (torn bool, err error) {
	if len(b) < len(rollHead) && bytes.HasPrefix([]byte(rollHead), b) {
		return true, nil
	}
	rest, ok := bytes.CutPrefix(b, []byte(rollHead))
	if !ok {
		return false, fmt.Errorf("%w: not such a file", ErrRoll)
	}
	for len(rest) >= recordSize {
		what, e, ok := parseRecord(rest[:recordSize], r.count)
		if !ok {
			if len(rest) < 2*recordSize {
				return true, nil // written in part: nobody was told
			}
			return false, fmt.Errorf("%w: change %d", ErrRoll, r.count)
		}
		if err := r.allowed(what, e); err != nil {
			return false, fmt.Errorf("%w: change %d: %w", ErrRoll, r.count, err)
		}
		r.apply(what, e)
		rest = rest[recordSize:]
	}
	return len(rest) > 0, nil
}

func (r *Roll) end() int64 { return int64(len(rollHead)) + int64(r.count)*recordSize } // #nosec G115 -- a file's length

func (r *Roll) write(at int64, b []byte) error {
	_, err := r.file.WriteAt(b, at)
	if err == nil {
		err = r.file.Sync()
	}
	if err != nil {
		// Whether it is on the disk is not known: nothing more is written.
		r.broken = fmt.Errorf("mpc: roll: %w", err)
	}
	return r.broken
}

func record(what State, e entry, number uint64) []byte {
	b := make([]byte, 16, recordSize+8)
	b[0] = byte(what)
	b = append(b, e.serial[:]...)
	b = append(b, e.capture[:]...)
	sum := crc32.Checksum(binary.LittleEndian.AppendUint64(b, number), crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(b[1:], sum)
	return b
}

func parseRecord(b []byte, number uint64) (what State, e entry, ok bool) {
	what, e = State(b[0]), entry{serial: Serial(b[16:]), capture: Capture(b[32:])}
	return what, e, bytes.Equal(record(what, e, number), b)
}

// allowed says why a change cannot be.
func (r *Roll) allowed(what State, e entry) error {
	place, known := r.places[e.serial]
	switch what {
	case Pending:
		if known {
			return fmt.Errorf("%w: %x is on the roll", ErrSerial, e.serial)
		}
		if other, live := r.live[e.capture]; live {
			return fmt.Errorf("%w: the capture of %x is that of %x", ErrSerial, e.serial, r.list[other].serial)
		}
		return nil
	case Member, Gone:
		if !known || r.list[place].state == Gone || what == Member && r.list[place].state != Pending {
			return fmt.Errorf("%w: %x", ErrSerial, e.serial)
		}
		return nil
	}
	return fmt.Errorf("%w: no such change", ErrRoll)
}

// apply makes a change that is allowed in memory.
func (r *Roll) apply(what State, e entry) {
	r.count++
	if what == Pending {
		e.state = Pending
		r.places[e.serial] = len(r.list)
		r.live[e.capture] = len(r.list)
		r.list = append(r.list, e)
		return
	}
	at := &r.list[r.places[e.serial]]
	at.state = what
	if what == Gone {
		delete(r.live, at.capture)
	}
}

// change writes first, then applies.
func (r *Roll) change(what State, e entry) error {
	if r.broken != nil {
		return r.broken
	}
	if err := r.allowed(what, e); err != nil {
		return err
	}
	if err := r.write(r.end(), record(what, e, r.count)); err != nil {
		return err
	}
	r.apply(what, e)
	return nil
}

// Begin makes a serial pending and gives its place. It may be called again with
// the same capture while the serial is pending or a member: a retry.
func (r *Roll) Begin(s Serial, c Capture) (place int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.places[s]; known {
		if e := r.list[at]; e.capture == c && e.state != Gone {
			return at, nil
		}
	}
	if err := r.change(Pending, entry{serial: s, capture: c}); err != nil {
		return 0, err
	}
	return len(r.list) - 1, nil
}

// Commit makes a pending serial a member. It may be called again.
func (r *Roll) Commit(s Serial) error { return r.settle(s, Member) }

// Free ends a serial, pending or member, for ever: its place is compared no
// more. It may be called again.
func (r *Roll) Free(s Serial) error { return r.settle(s, Gone) }

func (r *Roll) settle(s Serial, to State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.places[s]; known && r.list[at].state == to {
		return nil
	}
	return r.change(to, entry{serial: s})
}

// Pending gives the serials whose fate is open, in order: after a crash the
// sequencer commits or frees each.
func (r *Roll) Pending() (out []Serial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.list {
		if e.state == Pending {
			out = append(out, e.serial)
		}
	}
	return out
}

// May tells what Begin would do, and changes nothing: the place that the serial
// has or would get, and whether it has it already. Who keeps shares on the disk
// asks it first, writes those of a new place, and then begins.
func (r *Roll) May(s Serial, c Capture) (place int, there bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.places[s]; known {
		if e := r.list[at]; e.capture == c && e.state != Gone {
			return at, true, nil
		}
	}
	if r.broken != nil {
		return 0, false, r.broken
	}
	return len(r.list), false, r.allowed(Pending, entry{serial: s, capture: c})
}

// Lookup gives the place of a serial and what became of it.
func (r *Roll) Lookup(s Serial) (place int, state State, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place, known = r.places[s]
	if !known {
		return 0, 0, false
	}
	return place, r.list[place].state, true
}

// At gives whose a place is.
func (r *Roll) At(place int) (s Serial, state State, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place < 0 || place >= len(r.list) {
		return Serial{}, 0, false
	}
	return r.list[place].serial, r.list[place].state, true
}

// CaptureAt gives the capture of a place on the roll.
func (r *Roll) CaptureAt(place int) Capture {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place < 0 || place >= len(r.list) {
		return Capture{}
	}
	return r.list[place].capture
}

// Len gives the number of places.
func (r *Roll) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

// Digest is over the serials of all places and what became of them: parties whose
// rolls differ have different ones.
func (r *Roll) Digest() (places int, digest [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list), r.digest(nil, len(r.list))
}

func (r *Roll) digest(serials []Serial, places int) [32]byte {
	h := sha256.New()
	for _, s := range serials {
		h.Write(s[:])
	}
	for _, e := range r.list[:places] {
		h.Write(e.serial[:])
		h.Write([]byte{byte(e.state)})
	}
	return [32]byte(h.Sum(nil))
}

// against gives with whom each of the serials is compared: all places below its
// own that are not gone; where they are themselves; and a digest of the roll up to
// the last of them.
func (r *Roll) against(serials []Serial) (own []int, places int, against [][]uint64, digest [32]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own = make([]int, len(serials))
	for i, s := range serials {
		at, known := r.places[s]
		if !known || r.list[at].state != Pending {
			return nil, 0, nil, digest, fmt.Errorf("%w: %x is not pending", ErrSerial, s)
		}
		own[i] = at
		places = max(places, at)
	}
	for i := range serials {
		words := make([]uint64, (places+63)/64)
		for p := range own[i] {
			if r.list[p].state != Gone {
				words[p/64] |= 1 << (p % 64)
			}
		}
		against = append(against, words)
	}
	return own, places, against, r.digest(serials, places), nil
}

// Close closes the file.
func (r *Roll) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = errors.Join(ErrRoll, os.ErrClosed)
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
