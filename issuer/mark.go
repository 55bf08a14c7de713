package issuer

import (
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
)

// leaver is somebody who was deleted and whose template is still match-only:
// not before until it may be destroyed, for deletion id.
type leaver struct {
	until uint64 // unix seconds
	id    ID
}

// A mark stands beside every template and has the same length for everybody, so
// that the table does not show who is leaving:
//
//	u64 until || deletion id, both zero for a member; aad serial
const markSize = 8 + len(ID{})

func (s *sealer) sealMark(serial Serial, l leaver) ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), l.until)
	return s.seal(s.mark, append(b, l.id[:]...), serial[:])
}

// openMark reads a mark; the zero leaver is a member's, and that of a row from
// before there were marks.
func (s *sealer) openMark(t Template) (leaver, error) {
	if len(t.Mark) == 0 {
		return leaver{}, nil
	}
	b, err := open(s.mark, t.Mark, t.Serial[:])
	if err != nil {
		return leaver{}, err
	}
	if len(b) != markSize {
		return leaver{}, fmt.Errorf("%w: mark of a template", ErrCorrupt)
	}
	return leaver{binary.BigEndian.Uint64(b), ID(b[8:])}, nil
}

// openSerialLink reads the link beside a member.
func (s *sealer) openSerialLink(sealed []byte, c semaphore.Element) (serial Serial, device string, err error) {
	b, err := open(s.serial, sealed, c[:])
	if err != nil {
		return serial, "", err
	}
	if len(b) < len(serial) {
		return serial, "", fmt.Errorf("%w: link of a member", ErrCorrupt)
	}
	return Serial(b[:len(serial)]), string(b[len(serial):]), nil
}
