package party

import (
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// The control messages: POST /v1/<name> with one JSON object, answered by one.
// Bytes are base64. The header Perhuman-Group has the group's digest.
const (
	groupHeader = "Perhuman-Group"
	maxControl  = 1 << 20
	maxEntries  = 4096 // of the roll in one answer
)

// Status is how a party is.
type Status struct {
	Party    int    `json:"party"`
	Modality string `json:"modality"`
	Epoch    uint64 `json:"epoch"`
	Name     []byte `json:"name"`            // of the epoch, 16 bytes
	Kept     []byte `json:"kept,omitempty"`  // name of the next epoch, whose shares it has kept
	Older    []byte `json:"older,omitempty"` // name of the epoch before, whose shares it still has
	// Refreshing: it is making the shares of the next epoch.
	Refreshing bool   `json:"refreshing,omitempty"`
	Places     int    `json:"places"`
	Digest     []byte `json:"digest"` // of the roll
	Next       uint64 `json:"next"`   // number that was not used
	Pending    int    `json:"pending"`
}

// Entry is one place of a roll.
type Entry struct {
	Serial  mpc.Serial
	Capture mpc.Capture
	State   mpc.State
}

type request struct {
	Session  []byte   `json:"session,omitempty"`
	Number   uint64   `json:"number,omitempty"`
	Serial   []byte   `json:"serial,omitempty"`
	Serials  [][]byte `json:"serials,omitempty"`
	Capture  []byte   `json:"capture,omitempty"`
	Place    int      `json:"place,omitempty"`
	Envelope []byte   `json:"envelope,omitempty"`
	Epoch    *epoch   `json:"epoch,omitempty"`
}

type epoch struct {
	Number uint64 `json:"number"`
	Name   []byte `json:"name"`
}

func epochMessage(e mpc.Epoch) *epoch { return &epoch{Number: e.Number, Name: e.Name[:]} }

func (e *epoch) read() (out mpc.Epoch, err error) {
	if e == nil || len(e.Name) != len(out.Name) {
		return out, fmt.Errorf("%w: name of an epoch", mpc.ErrConfig)
	}
	return mpc.Epoch{Number: e.Number, Name: [16]byte(e.Name)}, nil
}

// in says where a party is.
func (s *Status) in(e epochs) {
	s.Epoch, s.Name, s.Refreshing = e.now.Number, e.now.Name[:], e.cancel != nil
	if e.kept != nil {
		s.Kept = e.kept.Name[:]
	}
	if e.older != nil {
		s.Older = e.older.Name[:]
	}
}

type answer struct {
	Status  *Status `json:"status,omitempty"`
	First   uint64  `json:"first,omitempty"`
	Bits    []bool  `json:"bits,omitempty"`
	Place   int     `json:"place,omitempty"`
	Known   bool    `json:"known,omitempty"`
	Receipt []byte  `json:"receipt,omitempty"`
	Entries []entry `json:"entries,omitempty"`
	Epoch   *epoch  `json:"epoch,omitempty"`
	Code    string  `json:"code,omitempty"` // of a refusal
	Error   string  `json:"error,omitempty"`
}

type entry struct {
	Serial  []byte    `json:"serial"`
	Capture []byte    `json:"capture"`
	State   mpc.State `json:"state"`
}

func serialOf(b []byte) (s mpc.Serial, err error) {
	if len(b) != len(s) {
		return s, fmt.Errorf("%w: a serial has %d bytes", mpc.ErrConfig, len(s))
	}
	return mpc.Serial(b), nil
}

func serialsOf(all [][]byte) (out []mpc.Serial, err error) {
	if len(all) == 0 || len(all) > 64 {
		return nil, fmt.Errorf("%w: 1 to 64 serials", mpc.ErrConfig)
	}
	for _, b := range all {
		s, err := serialOf(b)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func captureOf(b []byte) (c mpc.Capture, err error) {
	if len(b) != len(c) {
		return c, fmt.Errorf("%w: a capture has %d bytes", mpc.ErrConfig, len(c))
	}
	return mpc.Capture(b), nil
}
