package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Refusals of this package.
var (
	// ErrFrame: bytes that are not a frame, or changed on the way.
	ErrFrame = errors.New("wire: malformed frame")
	// ErrVersion: the other side speaks another version.
	ErrVersion = errors.New("wire: version of the other party")
	// ErrOrder: a frame, but not the one that comes next: one was lost,
	// repeated or belongs to another query.
	ErrOrder = errors.New("wire: not the frame that comes next")
	// ErrPlan: the other party is about to compute something else.
	ErrPlan = errors.New("wire: parties do not agree on what is computed")
	// ErrLink: the connection failed, was closed or took too long.
	ErrLink = errors.New("wire: connection")
	// ErrPeer: the other side did not prove the pinned key.
	ErrPeer = errors.New("wire: not the pinned party")
)

// Version is that of the frames and of the protocol they carry.
const Version = 1

const (
	headerSize = 40
	// MaxFrame is the most bytes that follow a header.
	MaxFrame = 256 << 10
	// MaxBody is the most bytes of one message.
	MaxBody = 1 << 30
)

// Kind says what a message is.
type Kind uint8

// The kinds of messages.
const (
	Hello Kind = 1 // once each way, when a connection is new
	Round Kind = 2 // one round of a computation
)

// Header is what stands before the bytes of a frame.
type Header struct {
	Kind   Kind
	Number uint64 // of the query; never used twice
	Round  uint32 // counts messages within a query
	Offset uint32 // of these bytes in their message
	Size   uint32 // bytes that follow
	Tag    uint64 // digest of what the parties agreed to compute
}

// check covers everything but itself.
func check(head, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the table is made once in the library
	sum := crc32.Update(0, table, head[:28])
	sum = crc32.Update(sum, table, head[32:headerSize])
	return crc32.Update(sum, table, body)
}

// Append writes the header for body, whose length is its size.
func (h Header) Append(dst, body []byte) []byte {
	at := len(dst)
	dst = append(dst, 'p', 'h', 'm', Version, byte(h.Kind), 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, h.Number)
	dst = binary.LittleEndian.AppendUint32(dst, h.Round)
	dst = binary.LittleEndian.AppendUint32(dst, h.Offset)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body))) // #nosec G115 -- at most MaxFrame
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, h.Tag)
	binary.LittleEndian.PutUint32(dst[at+28:], check(dst[at:], body))
	return dst
}

// ParseHeader reads the 40 bytes before a body. The checksum is verified when
// the body is there.
func ParseHeader(b []byte) (h Header, err error) {
	if len(b) != headerSize || string(b[:3]) != "phm" || b[5]|b[6]|b[7] != 0 {
		return h, ErrFrame
	}
	if b[3] != Version {
		return h, fmt.Errorf("%w: %d, ours is %d", ErrVersion, b[3], Version)
	}
	h = Header{
		Kind:   Kind(b[4]),
		Number: binary.LittleEndian.Uint64(b[8:]),
		Round:  binary.LittleEndian.Uint32(b[16:]),
		Offset: binary.LittleEndian.Uint32(b[20:]),
		Size:   binary.LittleEndian.Uint32(b[24:]),
		Tag:    binary.LittleEndian.Uint64(b[32:]),
	}
	if h.Kind != Hello && h.Kind != Round || h.Size > MaxFrame || h.Offset > MaxBody {
		return Header{}, ErrFrame
	}
	return h, nil
}
