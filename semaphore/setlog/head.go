package setlog

import (
	"fmt"
	"math/bits"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
)

const (
	headPrefix = "perhuman/head/1 "
	// MaxHead bounds a signed head in bytes.
	MaxHead = 1 << 20
	// MaxWindow bounds the superseded roots that a head may list.
	MaxWindow = 7200
)

// WindowRoot is a root that is no longer the newest, and since when.
type WindowRoot struct {
	Seq        uint64
	Root       semaphore.Element
	Superseded uint64 // unix seconds
}

// Head is what verifiers poll: the newest root of the set with the proof that
// the log holds it, and the roots that were superseded recently. It is a signed
// note with exactly these lines, numbers and roots in canonical decimal:
//
//	perhuman/head/1 <origin>
//	seq <sequence number of the newest batch>
//	size <leaves of the set, removed ones included>
//	live <members that are not removed>
//	depth <depth of the LeanIMT: ceil(log2(size))>
//	root <root>
//	issued <unix seconds>
//	min_valid_seq <roots below this are not good, however young>
//	window <n>
//	<seq> <root> <superseded, unix seconds>     (n lines, newest first)
//	<RootProof of the log's last entry: tlog-proof text with the checkpoint>
//
// followed by the blank line and the signature lines of a note. The embedded
// proof's entry carries the head's seq, root and live, and is the last one under
// the embedded checkpoint.
//
// Size counts the leaves of the set (what a wallet needs to find its path); the
// size of the log is in the checkpoint: see LogSize.
type Head struct {
	Origin          string
	Seq, Size, Live uint64
	Depth           int
	Root            semaphore.Element
	Issued          uint64
	MinValidSeq     uint64
	Window          []WindowRoot
	RootProof       RootProof
}

// Checkpoint reads the embedded checkpoint without checking its signature,
// which OpenHead did.
func (h Head) Checkpoint() (Checkpoint, error) { return readCheckpoint(h.RootProof.Checkpoint) }

// LogSize is the number of entries in the log.
func (h Head) LogSize() int64 { return h.RootProof.Index + 1 }

// DepthOf is the depth of a LeanIMT with so many leaves.
func DepthOf(size uint64) int {
	if size < 2 {
		return 0
	}
	return bits.Len64(size - 1)
}

// Text gives the note text.
func (h Head) Text() (string, error) {
	if err := h.validate(); err != nil {
		return "", err
	}
	proof, err := h.RootProof.MarshalText()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\nseq %d\nsize %d\nlive %d\ndepth %d\nroot %s\nissued %d\nmin_valid_seq %d\nwindow %d\n",
		headPrefix, h.Origin, h.Seq, h.Size, h.Live, h.Depth, h.Root, h.Issued, h.MinValidSeq, len(h.Window))
	for _, w := range h.Window {
		fmt.Fprintf(&b, "%d %s %d\n", w.Seq, w.Root, w.Superseded)
	}
	b.Write(proof)
	return b.String(), nil
}

// Sign gives the signed note. The first signer must bear the origin's name; while
// an issuer changes its key, the old one and the new one sign.
func (h Head) Sign(signers ...note.Signer) ([]byte, error) {
	text, err := h.Text()
	if err != nil {
		return nil, err
	}
	signed, err := signText(h.Origin, text, signers)
	if err != nil {
		return nil, err
	}
	if len(signed) > MaxHead {
		return nil, malformed("head of %d bytes", len(signed))
	}
	return signed, nil
}

// OpenHead checks everything about a head that needs no memory: v's signature
// over it and over the embedded checkpoint, the inclusion of the last entry, and
// that head and entry agree.
func OpenHead(signed []byte, v note.Verifier) (Head, error) {
	text, err := openText(signed, v, MaxHead)
	if err != nil {
		return Head{}, err
	}
	h, err := parseHeadText(text)
	if err != nil {
		return Head{}, err
	}
	if h.Origin != v.Name() {
		return Head{}, fmt.Errorf("%w: origin %q, key %q", ErrSignature, h.Origin, v.Name())
	}
	if _, _, err := h.RootProof.Verify(v); err != nil {
		return Head{}, err
	}
	return h, nil
}

func parseHeadText(text string) (Head, error) {
	var h Head
	l := lines{text}
	first, _ := l.next()
	origin, ok := strings.CutPrefix(first, headPrefix)
	if !ok {
		return Head{}, malformed("head: first line")
	}
	h.Origin = origin
	var depth, window uint64
	for _, f := range []struct {
		name string
		to   *uint64
		max  uint64
	}{
		{"seq", &h.Seq, maxLog}, {"size", &h.Size, maxSet}, {"live", &h.Live, maxSet}, {"depth", &depth, 32}, {"root", nil, 0},
		{"issued", &h.Issued, maxUnix}, {"min_valid_seq", &h.MinValidSeq, maxLog}, {"window", &window, MaxWindow},
	} {
		s, err := l.field(f.name)
		if err == nil && f.to != nil {
			*f.to, err = parseNumber(s, f.max)
		} else if err == nil {
			h.Root, err = parseRoot(s)
		}
		if err != nil {
			return Head{}, fmt.Errorf("head %s: %w", f.name, err)
		}
	}
	h.Depth = int(depth)
	for range window {
		w, err := parseWindowLine(&l)
		if err != nil {
			return Head{}, err
		}
		h.Window = append(h.Window, w)
	}
	var err error
	if h.RootProof, err = ParseRootProof([]byte(l.rest)); err != nil {
		return Head{}, err
	}
	if err := h.validate(); err != nil {
		return Head{}, err
	}
	return h, nil
}

func parseRoot(s string) (semaphore.Element, error) {
	root, err := semaphore.ParseElement(s)
	if err != nil {
		return root, fmt.Errorf("%w: root: %w", ErrMalformed, err)
	}
	return root, nil
}

func parseWindowLine(l *lines) (w WindowRoot, err error) {
	line, ok := l.next()
	f := strings.Split(line, " ")
	if !ok || len(f) != 3 {
		return w, malformed("head: window line")
	}
	if w.Seq, err = parseNumber(f[0], maxLog); err != nil {
		return w, err
	}
	if w.Root, err = parseRoot(f[1]); err != nil {
		return w, err
	}
	w.Superseded, err = parseNumber(f[2], maxUnix)
	return w, err
}

// validate refuses a head that contradicts itself.
func (h Head) validate() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrHead, what) }
	if err := ValidateName(h.Origin); err != nil {
		return fmt.Errorf("%w: head origin: %w", ErrMalformed, err)
	}
	c, err := h.Checkpoint()
	if err != nil {
		return err
	}
	e := h.RootProof.Entry
	switch {
	case h.Size > maxSet || h.Live > h.Size || h.Depth != DepthOf(h.Size):
		return bad("size, live and depth do not fit")
	case h.Size == 0 && !h.Root.IsZero():
		return bad("an empty set has root 0")
	case h.MinValidSeq > h.Seq:
		return bad("min_valid_seq above seq")
	case h.Issued > maxUnix:
		return bad("issued")
	case c.Origin != h.Origin:
		return bad("checkpoint of another origin")
	case h.RootProof.Index+1 != c.Size:
		return bad("proof is not of the log's last entry")
	case e.Seq != h.Seq || e.Root != h.Root || e.Live != h.Live:
		return bad("last entry has another seq, root or live")
	case len(h.Window) > MaxWindow:
		return bad("window too long")
	}
	seq, at := h.Seq, h.Issued
	for _, w := range h.Window {
		if w.Seq >= seq || w.Seq == 0 || w.Superseded > at {
			return bad("window out of order")
		}
		seq, at = w.Seq, w.Superseded
	}
	return nil
}
