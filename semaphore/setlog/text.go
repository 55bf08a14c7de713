package setlog

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// maxLog bounds the size of a log. tlog's index arithmetic loops for ever on
// sizes above 2^62, so the bound also protects against hostile checkpoints.
const maxLog = 1 << 40

// maxUnix bounds times (about the year 36,800), so that no sum overflows.
const maxUnix = 1 << 40

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// lines reads a text line by line; every line must end in a newline.
type lines struct{ rest string }

func (l *lines) next() (string, bool) {
	line, rest, ok := strings.Cut(l.rest, "\n")
	if ok {
		l.rest = rest
	}
	return line, ok
}

// field reads a line "name value" and returns the value.
func (l *lines) field(name string) (string, error) {
	line, ok := l.next()
	if !ok {
		return "", malformed("no line %q", name)
	}
	value, ok := strings.CutPrefix(line, name+" ")
	if !ok {
		return "", malformed("expected line %q", name)
	}
	return value, nil
}

// number reads a line "name number".
func (l *lines) number(name string, max uint64) (uint64, error) {
	s, err := l.field(name)
	if err != nil {
		return 0, err
	}
	return parseNumber(s, max)
}

// parseNumber reads canonical decimal up to max.
func parseNumber(s string, max uint64) (uint64, error) {
	if s == "" || len(s) > 20 || (len(s) > 1 && s[0] == '0') {
		return 0, malformed("number")
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, malformed("number")
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > max {
		return 0, malformed("number out of range")
	}
	return n, nil
}

// decode64 reads standard base64 with padding, in its one canonical form.
func decode64(s string, max int) ([]byte, error) {
	if len(s) > base64.StdEncoding.EncodedLen(max) {
		return nil, malformed("base64 too long")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, malformed("base64")
	}
	return b, nil
}

func parseHash(s string) (tlog.Hash, error) {
	b, err := decode64(s, tlog.HashSize)
	if err != nil || len(b) != tlog.HashSize {
		return tlog.Hash{}, malformed("hash")
	}
	return tlog.Hash(b), nil
}

// sizeOf turns a bounded unsigned number into tlog's int64.
func sizeOf(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
