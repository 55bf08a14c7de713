package setlog

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1"
	// maxRootProof bounds the text: 40 hashes, an entry and a checkpoint.
	maxRootProof = maxCheckpoint + 4<<10
	maxProofPath = 63
)

// RootProof shows with no server that the log held an entry, and so its set
// root, under a signed checkpoint. Its text form is C2SP tlog-proof@v1; the
// "extra" line carries the 126 bytes of the entry, from which the record hash is
// computed:
//
//	c2sp.org/tlog-proof@v1
//	extra <base64 of the entry>
//	index <entry's index in the log>
//	<base64 hash>                      (as many as the path has, leaf's sibling first)
//
//	<signed checkpoint, as published>
type RootProof struct {
	Entry      Entry
	Index      int64
	Proof      tlog.RecordProof
	Checkpoint []byte // the signed note, with cosignatures if there are any
}

// ProveRoot makes the proof of the entry at index under a signed checkpoint,
// reading stored hashes from r.
func ProveRoot(entry Entry, index int64, signedCheckpoint []byte, r tlog.HashReader) (RootProof, error) {
	c, err := readCheckpoint(signedCheckpoint)
	if err != nil {
		return RootProof{}, err
	}
	path, err := tlog.ProveRecord(c.Size, index, r)
	if err != nil {
		return RootProof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	p := RootProof{Entry: entry, Index: index, Proof: path, Checkpoint: signedCheckpoint}
	if err := tlog.CheckRecord(path, c.Size, c.Hash, index, tlog.RecordHash(entry.Record())); err != nil {
		return RootProof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return p, nil
}

// Verify checks the checkpoint's signature by v and the entry's inclusion. It
// says nothing about age: a root can be proven and yet be too old (Follower), or
// be 0, which no verifier may accept.
func (p RootProof) Verify(v note.Verifier) (Checkpoint, Entry, error) {
	c, err := OpenCheckpoint(p.Checkpoint, v)
	if err != nil {
		return Checkpoint{}, Entry{}, err
	}
	if err := p.Entry.Validate(); err != nil {
		return Checkpoint{}, Entry{}, err
	}
	if err := tlog.CheckRecord(p.Proof, c.Size, c.Hash, p.Index, tlog.RecordHash(p.Entry.Record())); err != nil {
		return Checkpoint{}, Entry{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return c, p.Entry, nil
}

// UnverifiedCheckpoint reads the embedded checkpoint without checking its
// signature; it says which issuer the proof claims to come from.
func (p RootProof) UnverifiedCheckpoint() (Checkpoint, error) { return readCheckpoint(p.Checkpoint) }

// MarshalText gives the tlog-proof text.
func (p RootProof) MarshalText() ([]byte, error) {
	entry, err := p.Entry.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if p.Index < 0 || p.Index > maxLog || len(p.Proof) > maxProofPath {
		return nil, malformed("proof: index or path")
	}
	if _, err := readCheckpoint(p.Checkpoint); err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(entry), p.Index)
	for _, h := range p.Proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return []byte(b.String()), nil
}

// ParseRootProof reads the text form. It checks no signature: see Verify.
func ParseRootProof(text []byte) (RootProof, error) {
	if len(text) > maxRootProof {
		return RootProof{}, malformed("proof of %d bytes", len(text))
	}
	l := lines{string(text)}
	if header, ok := l.next(); !ok || header != proofHeader {
		return RootProof{}, malformed("proof: first line")
	}
	var p RootProof
	extra, err := l.field("extra")
	if err != nil {
		return RootProof{}, err
	}
	raw, err := decode64(extra, EntrySize)
	if err != nil {
		return RootProof{}, err
	}
	if p.Entry, err = ParseEntry(raw); err != nil {
		return RootProof{}, err
	}
	index, err := l.number("index", maxLog)
	if err != nil {
		return RootProof{}, err
	}
	p.Index = sizeOf(index)
	for {
		line, ok := l.next()
		if !ok {
			return RootProof{}, malformed("proof: no checkpoint")
		}
		if line == "" {
			break
		}
		h, err := parseHash(line)
		if err != nil {
			return RootProof{}, err
		}
		if p.Proof = append(p.Proof, h); len(p.Proof) > maxProofPath {
			return RootProof{}, malformed("proof: path too long")
		}
	}
	p.Checkpoint = []byte(l.rest)
	if _, err := readCheckpoint(p.Checkpoint); err != nil {
		return RootProof{}, err
	}
	return p, nil
}
