package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxProof = 63 // lines, says the protocol
	// maxBody: a checkpoint with many signatures, the proof, and "old".
	maxBody = 64<<10 + maxProof*45 + 32
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// MarshalRequest writes the body of add-checkpoint: what a log sends.
func MarshalRequest(old int64, proof tlog.TreeProof, signed []byte) []byte {
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		b = append(b, h.String()+"\n"...)
	}
	return append(append(b, '\n'), signed...)
}

// ParseRequest reads what MarshalRequest writes, up to the checkpoint, which it
// leaves as it is. Errors are ErrMalformed.
func ParseRequest(body []byte) (old int64, proof tlog.TreeProof, signed []byte, err error) {
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok || len(body) > maxBody {
		return 0, nil, nil, malformed("no empty line before the checkpoint, or too long")
	}
	first, rest, more := strings.Cut(string(head), "\n")
	size, ok := strings.CutPrefix(first, "old ")
	old, err = strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || old < 0 || strconv.FormatInt(old, 10) != size {
		return 0, nil, nil, malformed("first line: want old and a size")
	}
	for more {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		raw, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize || base64.StdEncoding.EncodeToString(raw) != line || len(proof) == maxProof {
			return 0, nil, nil, malformed("consistency proof: line %d", len(proof)+1)
		}
		proof = append(proof, tlog.Hash(raw))
	}
	return old, proof, signed, nil
}

// originOf gives the first line of a note.
func originOf(signed []byte) (string, error) {
	line, _, ok := bytes.Cut(signed, []byte("\n"))
	if !ok || len(line) == 0 || len(line) > 1<<10 {
		return "", malformed("checkpoint: no origin")
	}
	return string(line), nil
}

// lastLine gives the last signature line of a note, with its newline.
func lastLine(signed []byte) []byte {
	at := bytes.LastIndexByte(signed[:len(signed)-1], '\n')
	return signed[at+1:]
}
