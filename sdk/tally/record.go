package tally

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

var (
	// ErrRecord: bytes that are no entry of a poll's log.
	ErrRecord = errors.New("tally: not an entry")
	// ErrPoll: a poll that makes no sense.
	ErrPoll = errors.New("tally: not a usable poll")
	// ErrClosed: the poll takes no more votes.
	ErrClosed = errors.New("tally: the poll is closed")
)

// The kinds of entries, the first byte of each.
const (
	recordPoll   = 1
	recordBallot = 2
	recordClose  = 3
)

// Bounds of a poll.
const (
	MaxChoices = 32
	maxText    = 500      // bytes of a question or a label
	maxRecord  = 64 << 10 // bytes of an entry
)

// Choice is one thing to vote for: its name, as votes carry it, and its words.
type Choice struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

// Poll is a question, and who may answer it.
type Poll struct {
	RP        string   `json:"rp"`
	ID        string   `json:"id"`
	Action    string   `json:"action"` // that voters prove for
	Question  string   `json:"question"`
	Choices   []Choice `json:"choices"`
	Seq       uint64   `json:"seq"`        // of the frozen set in the issuer's log
	Opened    uint64   `json:"opened"`     // unix seconds
	RootProof string   `json:"root_proof"` // setlog.RootProof of the frozen root, as text
}

// Validate refuses polls that nobody could vote in.
func (p Poll) Validate() error {
	if err := scope.ValidateAction(p.Action); err != nil {
		return fmt.Errorf("%w: %w", ErrPoll, err)
	}
	if len(p.Choices) < 2 || len(p.Choices) > MaxChoices || p.Seq == 0 || p.Seq > scope.MaxSeq || p.Opened > 1<<40 {
		return fmt.Errorf("%w: 2..%d choices, and a frozen set", ErrPoll, MaxChoices)
	}
	texts := []string{p.Question}
	seen := map[string]bool{}
	for _, c := range p.Choices {
		if _, err := (scope.Vote{RP: p.RP, Poll: p.ID, Choice: c.ID}).Digest(); err != nil {
			return fmt.Errorf("%w: %w", ErrPoll, err)
		}
		if seen[c.ID] {
			return fmt.Errorf("%w: %q twice", ErrPoll, c.ID)
		}
		seen[c.ID] = true
		texts = append(texts, c.Label)
	}
	for _, s := range texts {
		if s == "" || len(s) > maxText || !utf8.ValidString(s) {
			return fmt.Errorf("%w: questions and labels are 1..%d bytes of UTF-8", ErrPoll, maxText)
		}
	}
	return nil
}

// has reports whether a choice is one of the poll's.
func (p Poll) has(choice string) bool {
	for _, c := range p.Choices {
		if c.ID == choice {
			return true
		}
	}
	return false
}

// record is the first entry of a poll's log.
func (p Poll) record() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return append([]byte{recordPoll}, text...), nil
}

// parsePoll reads what record made, and nothing else.
func parsePoll(b []byte) (Poll, error) {
	var p Poll
	if len(b) < 2 || len(b) > maxRecord || b[0] != recordPoll {
		return p, fmt.Errorf("%w: the first one is the poll", ErrRecord)
	}
	if err := json.Unmarshal(b[1:], &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	again, err := p.record()
	if err != nil {
		return p, err
	}
	if !bytes.Equal(again, b) {
		return p, fmt.Errorf("%w: the poll is not in its one form", ErrRecord)
	}
	return p, nil
}

// Ballot makes the entry of a vote: 0x02 || lp(choice) || challenge digest ||
// packed proof, 257 bytes.
func Ballot(choice string, challenge scope.Digest, proof *semaphore.Proof) ([]byte, error) {
	if err := scope.ValidateAction(choice); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	packed, err := proof.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	b := binary.BigEndian.AppendUint16([]byte{recordBallot}, uint16(len(choice)))
	b = append(b, choice...)
	b = append(b, challenge[:]...)
	return append(b, packed...), nil
}

// ballot is a vote as it stands in the log.
type ballot struct {
	choice    string
	challenge scope.Digest
	packed    []byte
}

// parseBallot reads the frame of a vote; the proof in it is read later, so that
// a bad one can be named.
func parseBallot(b []byte) (ballot, error) {
	const packed = 257
	if len(b) < 3 || b[0] != recordBallot {
		return ballot{}, fmt.Errorf("%w: not a vote", ErrRecord)
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if len(b) != 3+n+32+packed {
		return ballot{}, fmt.Errorf("%w: a vote of another length", ErrRecord)
	}
	v := ballot{choice: string(b[3 : 3+n]), packed: b[3+n+32:]}
	copy(v.challenge[:], b[3+n:])
	return v, nil
}

// closing is the last entry: 0x03 || u64 unix seconds || u32 votes.
func closing(at uint64, votes uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64([]byte{recordClose}, at), votes)
}

func parseClosing(b []byte) (at uint64, votes uint32, err error) {
	if len(b) != 13 || b[0] != recordClose {
		return 0, 0, fmt.Errorf("%w: not a closing", ErrRecord)
	}
	return binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint32(b[9:]), nil
}
