package tally

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Document is a whole poll in one file: what Recount reads. The keys in it say
// which ones to look for; a reader who trusts them for being there trusts
// whoever sent the file.
type Document struct {
	Log        string   `json:"log"`        // verifier key of the poll's log
	Issuer     string   `json:"issuer"`     // verifier key of the issuer of the frozen set
	Checkpoint string   `json:"checkpoint"` // signed note over all entries
	Entries    []string `json:"entries"`    // base64url
}

// ParseDocument reads the JSON form of a Document of up to 256 MiB.
func ParseDocument(b []byte) (Document, error) {
	var d Document
	if len(b) > 256<<20 {
		return d, fmt.Errorf("%w: too long", ErrRecord)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return d, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return d, nil
}

// Log is the log of one poll. The caller keeps its records, durably, before it
// gives a receipt out; Restore puts them back. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	signer  note.Signer
	poll    Poll
	records [][]byte
	hashes  setlog.Hashes
	closed  bool
}

// New opens a poll. signer is a note key as setlog.GenerateKey makes it, for
// this poll alone: its name is the log's origin.
func New(signer string, p Poll) (*Log, error) {
	first, err := p.record()
	if err != nil {
		return nil, err
	}
	return Restore(signer, [][]byte{first})
}

// Restore makes a Log of the records that one had.
func Restore(signer string, records [][]byte) (*Log, error) {
	s, err := note.NewSigner(signer)
	if err != nil {
		return nil, fmt.Errorf("tally: the poll's key: %w", err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: a log without a poll", ErrRecord)
	}
	p, err := parsePoll(records[0])
	if err != nil {
		return nil, err
	}
	l := &Log{signer: s, poll: p}
	for i, r := range records {
		if err := l.add(i == 0, r); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return l, nil
}

// add puts a record behind the others.
func (l *Log) add(first bool, record []byte) error {
	switch {
	case l.closed:
		return ErrClosed
	case first:
	case record[0] == recordClose:
		if _, votes, err := parseClosing(record); err != nil || int(votes) != len(l.records)-1 {
			return fmt.Errorf("%w: a closing of another log", ErrRecord)
		}
		l.closed = true
	default:
		if b, err := parseBallot(record); err != nil || !l.poll.has(b.choice) {
			return fmt.Errorf("%w: not a vote of this poll", ErrRecord)
		}
	}
	hashes, err := tlog.StoredHashes(int64(len(l.records)), record, l.hashes)
	if err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	l.hashes = append(l.hashes, hashes...)
	l.records = append(l.records, slices.Clone(record))
	return nil
}

// Append adds a ballot and gives the voter's receipt: a signed checkpoint of the
// log with the ballot as its last entry.
func (l *Log) Append(record []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(record) == 0 || record[0] != recordBallot {
		return nil, fmt.Errorf("%w: not a vote", ErrRecord)
	}
	if err := l.add(false, record); err != nil {
		return nil, err
	}
	return l.sign()
}

// Closing gives the record that would close the poll now.
func (l *Log) Closing(now time.Time) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return closing(uint64(max(now.Unix(), 0)), uint32(len(l.records)-1))
}

// Close adds a record that Closing made; after it the log takes no more.
func (l *Log) Close(record []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(record) == 0 || record[0] != recordClose {
		return fmt.Errorf("%w: not a closing", ErrRecord)
	}
	return l.add(false, record)
}

// Closed reports whether the poll is over.
func (l *Log) Closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Poll is what is voted on.
func (l *Log) Poll() Poll { return l.poll }

// First is the record that opens the log.
func (l *Log) First() []byte { return l.records[0] }

// Counts are the votes so far, by choice, unproven: Recount proves them.
func (l *Log) Counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	for _, r := range l.records[1:] {
		if b, err := parseBallot(r); err == nil {
			counts[b.choice]++
		}
	}
	return counts
}

// Checkpoint is the signed state of the log.
func (l *Log) Checkpoint() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sign()
}

func (l *Log) sign() ([]byte, error) {
	hash, err := tlog.TreeHash(int64(len(l.records)), l.hashes)
	if err != nil {
		return nil, fmt.Errorf("tally: %w", err)
	}
	return setlog.Checkpoint{Origin: l.signer.Name(), Size: int64(len(l.records)), Hash: hash}.Sign(l.signer)
}

// Document gives the poll as one file, with the keys that its readers look for.
func (l *Log) Document(vkey, issuer string) (Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	signed, err := l.sign()
	if err != nil {
		return Document{}, err
	}
	d := Document{Log: vkey, Issuer: issuer, Checkpoint: string(signed), Entries: make([]string, len(l.records))}
	for i, r := range l.records {
		d.Entries[i] = scope.EncodeToken(r)
	}
	return d, nil
}
