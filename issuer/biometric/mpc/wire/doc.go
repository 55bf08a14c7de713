// Package wire carries the messages of the three-party matcher between two
// parties: length-prefixed frames over one connection, mutual TLS 1.3 with
// pinned keys, deadlines, and no memory that the other side can ask for.
//
//	conn, err := wire.Client(ctx, tcp, key, wire.Pin(nextKey))     // or Server
//	link := wire.NewLink(conn, 30*time.Second)
//	err = link.Send(wire.Message{Kind: wire.Round, Number: 7, Round: 0, Tag: tag, Body: b})
//	err = link.Receive(wire.Message{Kind: wire.Round, Number: 7, Round: 0, Tag: tag, Body: into})
//
// A receiver always knows what comes next: it says which message it wants, and
// how long, and every frame must be a part of exactly that one. So a frame that
// is lost, repeated, delayed past another or of another query is an error that
// says so, never data, and a body is read into memory the receiver already has.
//
// # Bytes
//
// A frame is a header of 40 bytes, little-endian, and up to MaxFrame bytes:
//
//	"phm" || u8 version || u8 kind || 3 zero bytes || u64 number || u32 round ||
//	u32 offset || u32 size || u32 CRC-32C || u64 tag
//
// The checksum covers the header, with itself as zero, and the bytes after it.
// It finds faults of machines. What people on the network do is kept out by TLS:
// a connection without it is for one machine only, and for tests.
//
// # Who is there
//
// Each party has one Ed25519 key and knows the other two by their public keys.
// Names, dates and chains of certificates are not looked at, so no authority can
// put a party in place of another. Sessions are not resumed.
package wire
