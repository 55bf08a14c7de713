package scope

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The text of a policy, as commands and configuration files have it:
//
//	once
//	returning
//	K/day                 K times in each day, UTC
//	K/DURATION            K times in each period: 3/1h, 10/30m
//	snapshot:SEQ:POLICY   POLICY over the set frozen at SEQ
const (
	textOnce      = "once"
	textReturning = "returning"
	textDay       = "day"
	textSnapshot  = "snapshot:"
)

const day = 24 * 60 * 60

// String gives the text that ParsePolicy reads; for a policy that Validate
// refuses, something that ParsePolicy refuses too.
func (p Policy) String() string {
	if p.Validate() != nil {
		return fmt.Sprintf("%s (no policy)", p.Kind)
	}
	text := p.Kind.String()
	switch {
	case p.Kind == KindPerEpoch && p.Len == day:
		text = fmt.Sprintf("%d/%s", p.K, textDay)
	case p.Kind == KindPerEpoch:
		text = fmt.Sprintf("%d/%s", p.K, time.Duration(p.Len)*time.Second)
	}
	if p.Snapshot != 0 {
		text = fmt.Sprintf("%s%d:%s", textSnapshot, p.Snapshot, text)
	}
	return text
}

// ParsePolicy reads the text of a policy. What it gives is valid.
func ParsePolicy(text string) (Policy, error) {
	inner, frozen := strings.CutPrefix(text, textSnapshot)
	var seq uint64
	if frozen {
		number, rest, _ := strings.Cut(inner, ":")
		var err error
		if seq, err = strconv.ParseUint(number, 10, 64); err != nil || seq == 0 || strconv.FormatUint(seq, 10) != number {
			return Policy{}, fmt.Errorf("%w: %q: snapshot:SEQ:POLICY", ErrPolicy, text)
		}
		inner = rest
	}
	p, err := parseMoving(inner)
	if err != nil {
		return Policy{}, err
	}
	if frozen {
		p = Snapshot(seq, p)
	}
	if err := p.Validate(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

func parseMoving(text string) (Policy, error) {
	switch text {
	case textOnce:
		return Once(), nil
	case textReturning:
		return Returning(), nil
	}
	count, period, ok := strings.Cut(text, "/")
	k, err := strconv.Atoi(count)
	if !ok || err != nil || strconv.Itoa(k) != count {
		return Policy{}, fmt.Errorf("%w: %q: once, returning, K/day, K/DURATION or snapshot:SEQ:POLICY", ErrPolicy, text)
	}
	if period == textDay {
		return PerDay(k), nil
	}
	length, err := time.ParseDuration(period)
	if err != nil {
		return Policy{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return PerEpoch(length, k), nil
}
