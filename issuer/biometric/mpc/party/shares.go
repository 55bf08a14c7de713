package party

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

const (
	sharesHead = "perhuman shares 1\n"
	headSize   = 4096
	trailer    = 64
	// chunkRoom is how much of the file is mapped at a time, at least one person.
	chunkRoom = 64 << 20
)

// Shares is one party's share file of one epoch: a header, then a record for each
// place of the roll, in its order. It is only appended to, but for people who were
// deleted, whose words are overwritten. The file grows by a chunk at a time and is
// mapped: words that Words gives are the file's own pages, so a gallery needs no
// memory of its own and may be larger than the machine's.
//
// The header of 4,096 bytes is the line "perhuman shares 1", u8 party, u64 number
// and 16 bytes of name of the epoch, u32 words of a person, the modality's name,
// zeros, and a CRC-32C. A record is the words, each little-endian, then 64 bytes:
// u64 place, u64 unix time of the deletion or 0, 44 zero bytes, and a CRC-32C of
// all before it. It fills up to a multiple of 64; a chunk is a whole number of
// records and fills up to a multiple of 4,096. Numbers are little-endian.
//
// A record beyond the roll's end was never acknowledged and is overwritten by the
// next. It is for one goroutine at a time; Words may be read meanwhile.
type Shares struct {
	file     *os.File
	path     string
	words    int
	record   int // bytes
	perChunk int // records
	chunk    int // bytes
	chunks   [][]byte
}

func layout(words int) (record, perChunk, chunk int) {
	record = (2*words + trailer + 63) / 64 * 64
	perChunk = max(1, chunkRoom/record)
	return record, perChunk, (perChunk*record + headSize - 1) / headSize * headSize
}

// CreateShares makes the file of an epoch, which must not exist. It is there whole
// or not at all.
func CreateShares(path string, party int, m mpc.Modality, epoch mpc.Epoch) (*Shares, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is there already", ErrShares, path)
	}
	file, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShares, err)
	}
	_, err = file.WriteAt(header(party, m, epoch), 0)
	if err = errors.Join(err, file.Sync()); err == nil {
		err = errors.Join(os.Rename(path+".new", path), syncFolder(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrShares, err), file.Close())
	}
	return newShares(file, path, m.Words()), nil
}

// OpenShares opens a file and gives the epoch it is of. Records are checked by
// Check.
func OpenShares(path string, party int, m mpc.Modality) (*Shares, mpc.Epoch, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, mpc.Epoch{}, fmt.Errorf("%w: %w", ErrShares, err)
	}
	head := make([]byte, headSize)
	if _, err := file.ReadAt(head, 0); err != nil {
		return nil, mpc.Epoch{}, errors.Join(fmt.Errorf("%w: %w", ErrShares, err), file.Close())
	}
	epoch, err := parseHeader(head, party, m)
	if err != nil {
		return nil, mpc.Epoch{}, errors.Join(err, file.Close())
	}
	return newShares(file, path, m.Words()), epoch, nil
}

func newShares(file *os.File, path string, words int) *Shares {
	s := &Shares{file: file, path: path, words: words}
	s.record, s.perChunk, s.chunk = layout(words)
	return s
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func header(party int, m mpc.Modality, e mpc.Epoch) []byte {
	b := make([]byte, 0, headSize)
	b = append(b, sharesHead...)
	b = append(b, byte(party)) // #nosec G115 -- 0, 1 or 2
	b = binary.LittleEndian.AppendUint64(b, e.Number)
	b = append(b, e.Name[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.Words())) // #nosec G115 -- thousands
	b = append(b, m.Name()...)
	b = b[:headSize]
	binary.LittleEndian.PutUint32(b[headSize-4:], checksum(b[:headSize-4]))
	return b
}

// parseHeader reads the epoch, and refuses a file that is not this party's.
func parseHeader(b []byte, party int, m mpc.Modality) (e mpc.Epoch, err error) {
	at := len(sharesHead) + 1
	if len(b) != headSize || string(b[:len(sharesHead)]) != sharesHead {
		return e, fmt.Errorf("%w: not such a file", ErrShares)
	}
	if checksum(b[:headSize-4]) != binary.LittleEndian.Uint32(b[headSize-4:]) {
		return e, fmt.Errorf("%w: checksum of the header", ErrShares)
	}
	e.Number = binary.LittleEndian.Uint64(b[at:])
	copy(e.Name[:], b[at+8:])
	if !bytes.Equal(b, header(party, m, e)) {
		return mpc.Epoch{}, fmt.Errorf("%w: of another party or of something else than %s", ErrShares, m.Name())
	}
	return e, nil
}

// at gives a place's record in the mapping, which is made longer if need be.
func (s *Shares) at(place int) ([]byte, error) {
	c := place / s.perChunk
	for len(s.chunks) <= c {
		from := int64(headSize) + int64(len(s.chunks))*int64(s.chunk)
		info, err := s.file.Stat()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrShares, err)
		}
		// A file that ends within a mapping is a fault for who reads there.
		if end := from + int64(s.chunk); info.Size() < end {
			if err := s.file.Truncate(end); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrShares, err)
			}
		}
		b, err := mapped(s.file, from, s.chunk)
		if err != nil {
			return nil, fmt.Errorf("%w: map: %w", ErrShares, err)
		}
		s.chunks = append(s.chunks, b)
	}
	return s.chunks[c][place%s.perChunk*s.record:][:s.record], nil
}

func (s *Shares) offset(place int) int64 {
	return headSize + int64(place/s.perChunk)*int64(s.chunk) + int64(place%s.perChunk)*int64(s.record)
}

// Words gives the words of a place as they lie in the file.
func (s *Shares) Words(place int) ([]uint16, error) {
	b, err := s.at(place)
	if err != nil {
		return nil, err
	}
	if little := uint16(1); *(*byte)(unsafe.Pointer(&little)) == 1 { // #nosec G103 -- the machine's byte order
		return unsafe.Slice((*uint16)(unsafe.Pointer(&b[0])), s.words), nil // #nosec G103 -- records begin at multiples of 64
	}
	out := make([]uint16, s.words)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return out, nil
}

// Write puts a person at a place. It returns when the disk has it, unless lazy:
// then Sync says so for all that was written.
func (s *Shares) Write(place int, words []uint16, lazy bool) error {
	if len(words) != s.words {
		return fmt.Errorf("%w: %d words, not %d", ErrShares, len(words), s.words)
	}
	return s.put(place, words, 0, lazy)
}

// Erase overwrites a place with zeros and the time. It returns when the disk has
// it, and gives the time of the first erasure if there was one.
func (s *Shares) Erase(place int, unix uint64) (first uint64, err error) {
	if gone, err := s.Erased(place); err != nil || gone != 0 {
		return gone, err
	}
	return unix, s.put(place, make([]uint16, s.words), unix, false)
}

func (s *Shares) put(place int, words []uint16, gone uint64, lazy bool) error {
	if _, err := s.at(place); err != nil { // so that the file is long enough
		return err
	}
	if err := s.write(place, words, gone); err != nil || lazy {
		return err
	}
	return s.Sync()
}

// write puts a record into the file, which it makes no longer than that.
func (s *Shares) write(place int, words []uint16, gone uint64) error {
	b := make([]byte, 0, s.record)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(place)) // #nosec G115 -- not negative
	b = binary.LittleEndian.AppendUint64(b, gone)
	b = b[:2*s.words+trailer-4]
	b = binary.LittleEndian.AppendUint32(b, checksum(b))
	defer clear(b)
	if _, err := s.file.WriteAt(b, s.offset(place)); err != nil {
		return fmt.Errorf("%w: place %d: %w", ErrShares, place, err)
	}
	return nil
}

// Sync returns when the disk has what was written.
func (s *Shares) Sync() error {
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrShares, err)
	}
	return nil
}

// Check says whether the record of a place is whole.
func (s *Shares) Check(place int) error {
	b, err := s.at(place)
	if err != nil {
		return err
	}
	return checkRecord(b, s.words, place)
}

func checkRecord(b []byte, words, place int) error {
	end := 2*words + trailer
	if checksum(b[:end-4]) != binary.LittleEndian.Uint32(b[end-4:]) || binary.LittleEndian.Uint64(b[2*words:]) != uint64(place) { // #nosec G115 -- not negative
		return fmt.Errorf("%w: place %d", ErrShares, place)
	}
	return nil
}

// Erased gives the time at which a place was overwritten, 0 if it was not.
func (s *Shares) Erased(place int) (unix uint64, err error) {
	if err := s.Check(place); err != nil {
		return 0, nil // cut off while it was written or overwritten
	}
	b, err := s.at(place)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[2*s.words+8:]), nil
}

// Close unmaps and closes the file: nobody may look at words any more.
func (s *Shares) Close() error {
	var err error
	for _, b := range s.chunks {
		err = errors.Join(err, unmap(b))
	}
	s.chunks = nil
	return errors.Join(err, s.file.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
