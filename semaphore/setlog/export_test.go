package setlog

import (
	"golang.org/x/mod/sumdb/tlog"
)

// ParseHeadText lets the fuzz target reach the parser behind the signature.
func ParseHeadText(text string) (Head, error) { return parseHeadText(text) }

// ParseCheckpointText likewise.
func ParseCheckpointText(text string) (Checkpoint, error) { return parseCheckpointText(text) }

// StateRoundTrip parses a follower state and marshals it again.
func StateRoundTrip(state []byte) ([]byte, error) {
	vkey, err := stateKey(state)
	if err != nil {
		return nil, err
	}
	v, err := ParseVKey(vkey)
	if err != nil {
		return nil, err
	}
	s, err := parseState(state, v)
	if err != nil {
		return nil, err
	}
	return s.marshal(vkey), nil
}

// FrontierHash hashes a log of these entries.
func FrontierHash(entries []Entry) tlog.Hash {
	var f frontier
	for _, e := range entries {
		f.add(e.Record())
	}
	return f.hash()
}
