package setlog

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxCheckpoint bounds a signed checkpoint: 100 signature lines fit.
const maxCheckpoint = 64 << 10

// Checkpoint is a signed tree head of the log (C2SP tlog-checkpoint): the note
// text is three lines, origin, size and base64 root hash. There are no extension
// lines: monitors could not audit them (setlog.md, "Checkpoint").
type Checkpoint struct {
	Origin string
	Size   int64
	Hash   tlog.Hash
}

// Tree gives the tree that the checkpoint signs.
func (c Checkpoint) Tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Hash} }

// Text gives the note text.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Hash)
}

// Sign gives the signed note. The first signer must bear the origin's name.
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	if _, err := parseCheckpointText(c.Text()); err != nil {
		return nil, err
	}
	return signText(c.Origin, c.Text(), signers)
}

// OpenCheckpoint checks the signature by v, whose name must be the origin, and
// reads the checkpoint. Signatures by other keys (witnesses) are ignored.
func OpenCheckpoint(signed []byte, v note.Verifier) (Checkpoint, error) {
	text, err := openText(signed, v, maxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpointText(text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("%w: origin %q, key %q", ErrSignature, c.Origin, v.Name())
	}
	return c, nil
}

// readCheckpoint reads a signed checkpoint without checking its signature.
func readCheckpoint(signed []byte) (Checkpoint, error) {
	text, err := openText(signed, nil, maxCheckpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	return parseCheckpointText(text)
}

func parseCheckpointText(text string) (Checkpoint, error) {
	l := lines{text}
	origin, _ := l.next()
	size, _ := l.next()
	hash, ok := l.next()
	if !ok || l.rest != "" {
		return Checkpoint{}, malformed("checkpoint: want three lines")
	}
	if err := ValidateName(origin); err != nil {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint origin: %w", ErrMalformed, err)
	}
	n, err := parseNumber(size, maxLog)
	if err != nil {
		return Checkpoint{}, err
	}
	h, err := parseHash(hash)
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{Origin: origin, Size: sizeOf(n), Hash: h}, nil
}

// signText signs a note text; the first signer must be named origin.
func signText(origin, text string, signers []note.Signer) ([]byte, error) {
	if len(signers) == 0 || signers[0].Name() != origin {
		return nil, fmt.Errorf("%w: first signer is not %q", ErrKey, origin)
	}
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return nil, fmt.Errorf("setlog: sign note: %w", err)
	}
	return signed, nil
}

// openText opens a note of at most max bytes signed by v and returns its text.
// With v nil it only checks the form. Beyond note.Open it wants signature lines
// in canonical base64 and at most one by v's key, so that a note has one
// encoding.
func openText(signed []byte, v note.Verifier, max int) (string, error) {
	if len(signed) > max {
		return "", malformed("note of %d bytes", len(signed))
	}
	known := note.VerifierList()
	if v != nil {
		known = note.VerifierList(v)
	}
	n, err := note.Open(signed, known)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified) && v == nil:
		n = unverified.Note
	case errors.As(err, &unverified), errors.As(err, &invalid):
		return "", fmt.Errorf("%w: %w", ErrSignature, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(string(signed[len(n.Text)+1:])) {
		line = strings.TrimSuffix(line, "\n")
		if seen[line] {
			return "", malformed("note: repeated signature line")
		}
		seen[line] = true
		if _, err := decode64(line[strings.LastIndexByte(line, ' ')+1:], maxCheckpoint); err != nil {
			return "", malformed("note: signature line")
		}
	}
	if len(seen) != len(n.Sigs)+len(n.UnverifiedSigs) {
		return "", malformed("note: two signatures by one key")
	}
	return n.Text, nil
}
