package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
)

// Lists are what changes while an issuer runs: who is revoked, and which
// firmware is allowed. A Policy that has Lists demands what they say besides
// its own maps. The zero value demands nothing. Safe for concurrent use.
type Lists struct{ now atomic.Pointer[listed] }

type listed struct {
	keys     map[KeyID]bool
	devices  map[string]bool
	firmware map[[32]byte]bool // nil: any
}

// Set replaces both lists at once, or none if one cannot be read.
//
// revoked holds lines "device <id>" and "key <64 hex digits of KeyID>"; firmware
// lines of 64 hex digits, a SHA-256 each. Empty lines and lines that start with
// # are passed over. nil firmware allows any, an empty list none.
func (l *Lists) Set(revoked, firmware []byte) error {
	next := &listed{keys: map[KeyID]bool{}, devices: map[string]bool{}}
	err := eachLine(revoked, func(line string) error {
		kind, what, _ := strings.Cut(line, " ")
		switch what = strings.TrimSpace(what); {
		case kind == "device" && what != "":
			next.devices[what] = true
			return nil
		case kind == "key":
			id, err := hash32(what)
			next.keys[KeyID(id)] = true
			return err
		}
		return fmt.Errorf("%w: want \"device ID\" or \"key HASH\"", ErrMalformed)
	})
	if err != nil {
		return fmt.Errorf("revocation list: %w", err)
	}
	if firmware != nil {
		next.firmware = map[[32]byte]bool{}
		err := eachLine(firmware, func(line string) error {
			h, err := hash32(line)
			next.firmware[h] = true
			return err
		})
		if err != nil {
			return fmt.Errorf("firmware list: %w", err)
		}
	}
	l.now.Store(next)
	return nil
}

// Len gives the numbers of revoked keys and devices, and of allowed firmwares;
// -1 if any is allowed.
func (l *Lists) Len() (revoked, firmware int) {
	n := l.now.Load()
	if n == nil || n.firmware == nil {
		firmware = -1
	} else {
		firmware = len(n.firmware)
	}
	if n != nil {
		revoked = len(n.keys) + len(n.devices)
	}
	return revoked, firmware
}

// verify refuses what the lists of this moment do not allow.
func (l *Lists) verify(e *Envelope) error {
	if l == nil {
		return nil
	}
	n := l.now.Load()
	if n == nil {
		return nil
	}
	if n.devices[e.DeviceID] {
		return fmt.Errorf("%w: device", ErrRevoked)
	}
	for i := range e.Chain {
		if n.keys[e.Chain[i].Subject.ID()] || n.keys[e.Chain[i].Issuer.ID()] {
			return fmt.Errorf("%w: key", ErrRevoked)
		}
	}
	if n.firmware != nil && !n.firmware[e.Firmware] {
		return fmt.Errorf("%w: firmware not allowed", ErrUntrusted)
	}
	return nil
}

func eachLine(text []byte, f func(string) error) error {
	s := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

func hash32(text string) (h [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		return h, fmt.Errorf("%w: want 64 hex digits", ErrMalformed)
	}
	return [32]byte(b), nil
}
