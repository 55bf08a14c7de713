package setlog

import (
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A follower's state is a text, for its own use only:
//
//	perhuman/follower/1 <vkey>
//	fork <base64 of the fork's text, or "-">
//	known <n>
//	<index> <superseded> <base64 of the entry>       (n lines, newest first)
//	<signed head>
//
// Without a head, n is 0 and nothing follows. The file is trusted as far as the
// disk is; head and fork are checked again under its key when it is read.

const (
	statePrefix = "perhuman/follower/1 "
	maxState    = MaxHead + 2*MaxWindow*256 + 8*maxCheckpoint
)

// State gives the state to hand to a later NewFollower.
func (f *Follower) State() []byte { return f.snap.Load().marshal(f.vkey) }

func (s *snapshot) marshal(vkey string) []byte {
	if s.prior != nil {
		vkey = s.prior.vkey // until it has vouched for the new one
	}
	var b strings.Builder
	fork := "-"
	if s.fork != nil {
		// The fork came out of checkpoints that were opened: it has a text.
		if text, err := s.fork.MarshalText(); err == nil {
			fork = base64.StdEncoding.EncodeToString(text)
		}
	}
	fmt.Fprintf(&b, "%s%s\nfork %s\nknown %d\n", statePrefix, vkey, fork, len(s.known))
	for _, k := range s.known {
		entry := base64.StdEncoding.EncodeToString(k.entry.append(nil))
		fmt.Fprintf(&b, "%d %d %s\n", k.index, k.superseded, entry)
	}
	b.Write(s.signed)
	return []byte(b.String())
}

// stateKey gives the verifier key that a state belongs to.
func stateKey(state []byte) (string, error) {
	if len(state) > maxState {
		return "", malformed("follower state of %d bytes", len(state))
	}
	first, _ := (&lines{string(state)}).next()
	key, ok := strings.CutPrefix(first, statePrefix)
	if !ok {
		return "", malformed("follower state: first line")
	}
	return key, nil
}

// parseState reads a state of which stateKey has given the key that v is of.
func parseState(state []byte, v note.Verifier) (*snapshot, error) {
	l := lines{string(state)}
	_, _ = l.next()
	s := &snapshot{}
	fork, err := l.field("fork")
	if err != nil {
		return nil, err
	}
	if fork != "-" {
		text, err := decode64(fork, 4*maxCheckpoint)
		if err != nil {
			return nil, err
		}
		if s.fork, err = ParseFork(text); err != nil {
			return nil, err
		}
		if err := s.fork.Verify(v); err != nil {
			return nil, err
		}
	}
	n, err := l.number("known", 2*MaxWindow)
	if err != nil {
		return nil, err
	}
	for range n {
		k, err := parseKnown(&l)
		if err != nil {
			return nil, err
		}
		if i := len(s.known); i > 0 && k.entry.Seq >= s.known[i-1].entry.Seq {
			return nil, malformed("follower state: order")
		}
		s.known = append(s.known, k)
	}
	if l.rest == "" && n == 0 {
		return s, nil
	}
	s.signed = []byte(l.rest)
	if s.head, err = OpenHead(s.signed, v); err != nil {
		return nil, fmt.Errorf("follower state: %w", err)
	}
	if n == 0 || s.known[0].entry != s.head.RootProof.Entry || s.known[0].index != s.head.RootProof.Index || s.known[0].superseded != 0 {
		return nil, malformed("follower state: first known root is not the head's")
	}
	proof := s.head.RootProof
	s.known[0].proof = &proof
	return s, nil
}

func parseKnown(l *lines) (k knownRoot, err error) {
	line, ok := l.next()
	f := strings.Split(line, " ")
	if !ok || len(f) != 3 {
		return k, malformed("follower state: known root")
	}
	index, err := parseNumber(f[0], maxLog)
	if err != nil {
		return k, err
	}
	k.index = sizeOf(index)
	if k.superseded, err = parseNumber(f[1], maxUnix); err != nil {
		return k, err
	}
	raw, err := decode64(f[2], EntrySize)
	if err != nil {
		return k, err
	}
	k.entry, err = ParseEntry(raw)
	return k, err
}
