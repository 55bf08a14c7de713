package tally

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Code names what is wrong with a poll; the set only grows.
type Code string

// What a recount can find.
const (
	Malformed     Code = "malformed"      // an entry that is none
	LogAltered    Code = "log_altered"    // the entries are not those that the poll's key signed
	VoteDropped   Code = "vote_dropped"   // entries that were signed for are missing
	CountWrong    Code = "count_wrong"    // the closing entry states another number
	SetUnproven   Code = "set_unproven"   // the frozen set is not the issuer's
	NotInSet      Code = "not_in_set"     // a ballot by somebody outside the frozen set
	ScopeMismatch Code = "scope_mismatch" // a ballot made for something else
	ChoiceAltered Code = "choice_altered" // the voter proved another choice
	VotedTwice    Code = "voted_twice"    // one human, two ballots
	ProofInvalid  Code = "proof_invalid"  // nobody made this ballot
)

// Fault is one thing that is wrong; Entry is its place in the log, -1 for the
// log as a whole.
type Fault struct {
	Entry  int64  `json:"entry"`
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// Report is the outcome. Counts holds the ballots that are good, whatever else
// is wrong; they are the result if OK and Closed.
type Report struct {
	OK     bool           `json:"ok"`
	Closed bool           `json:"closed"`
	Poll   Poll           `json:"poll"`
	Size   int64          `json:"size"`   // entries
	Voters uint64         `json:"voters"` // live members of the frozen set
	Counts map[string]int `json:"counts"`
	Faults []Fault        `json:"faults"`
}

func (r *Report) fail(entry int64, c Code, format string, args ...any) {
	r.Faults = append(r.Faults, Fault{entry, c, fmt.Sprintf(format, args...)})
}

// Has reports whether a fault with the code was found.
func (r *Report) Has(c Code) bool {
	for _, f := range r.Faults {
		if f.Code == c {
			return true
		}
	}
	return false
}

// Config is what the one who counts brings along.
type Config struct {
	Issuer   string              // verifier key of the issuer to trust
	Log      string              // verifier key of the poll's log
	Verifier *semaphore.Verifier // shared by the caller: making one costs time
	Receipts [][]byte            // signed checkpoints that voters were given
}

// Recount counts a poll again from its entries alone: no network, no clock. All
// that is wrong is named, each ballot by its place.
func Recount(d Document, cfg Config) Report {
	r := Report{Counts: map[string]int{}, Faults: []Fault{}}
	records := make([][]byte, len(d.Entries))
	var hashes setlog.Hashes
	for i, text := range d.Entries {
		b, err := scope.DecodeToken(text)
		if err != nil || len(b) == 0 || len(b) > maxRecord {
			r.fail(int64(i), Malformed, "not an entry")
			return r
		}
		more, err := tlog.StoredHashes(int64(i), b, hashes)
		if err != nil {
			r.fail(int64(i), Malformed, "%v", err)
			return r
		}
		records[i], hashes = b, append(hashes, more...)
	}
	r.Size = int64(len(records))
	if len(records) == 0 {
		r.fail(-1, Malformed, "no entries")
		return r
	}
	r.signed(d, cfg, hashes)
	var err error
	if r.Poll, err = parsePoll(records[0]); err != nil {
		r.fail(0, Malformed, "%v", err)
		return r
	}
	root, ok := r.voters(cfg)
	r.ballots(records, cfg, root, ok)
	r.OK = len(r.Faults) == 0
	return r
}

// signed holds the entries against the checkpoints: the document's own, and
// those that voters kept.
func (r *Report) signed(d Document, cfg Config, hashes setlog.Hashes) {
	v, err := setlog.ParseVKey(cfg.Log)
	if err != nil {
		r.fail(-1, LogAltered, "the poll's key is not usable: %v", err)
		return
	}
	check := func(signed []byte, whole bool) {
		c, err := setlog.OpenCheckpoint(signed, v)
		switch {
		case err != nil:
			r.fail(-1, LogAltered, "a checkpoint is not signed by the poll's key: %v", err)
			return
		case c.Size > r.Size:
			r.fail(-1, VoteDropped, "%d entries were signed for, %d are here", c.Size, r.Size)
			return
		case c.Size < 1 || whole && c.Size != r.Size:
			r.fail(-1, LogAltered, "%d entries were signed for, %d are here", c.Size, r.Size)
			return
		}
		hash, err := tlog.TreeHash(c.Size, hashes)
		switch {
		case err == nil && hash == c.Hash:
		case whole:
			r.fail(-1, LogAltered, "the entries are not those that were signed")
		default:
			r.fail(c.Size-1, VoteDropped, "a voter holds a signed receipt for another log up to here")
		}
	}
	check([]byte(d.Checkpoint), true)
	for _, receipt := range cfg.Receipts {
		check(receipt, false)
	}
}

// voters checks the frozen set and gives its root.
func (r *Report) voters(cfg Config) (root semaphore.Element, ok bool) {
	v, err := setlog.ParseVKey(cfg.Issuer)
	if err != nil {
		r.fail(0, SetUnproven, "the issuer's key is not usable: %v", err)
		return root, false
	}
	p, err := setlog.ParseRootProof([]byte(r.Poll.RootProof))
	if err == nil {
		_, _, err = p.Verify(v)
	}
	switch {
	case err != nil:
		r.fail(0, SetUnproven, "%v", err)
	case p.Entry.Seq != r.Poll.Seq || p.Entry.Root.IsZero():
		r.fail(0, SetUnproven, "the proof is about another set")
	default:
		r.Voters = p.Entry.Live
		return p.Entry.Root, true
	}
	return root, false
}

// ballots judges every entry after the first.
func (r *Report) ballots(records [][]byte, cfg Config, root semaphore.Element, frozen bool) {
	want, err := scope.Compute(r.Poll.RP, r.Poll.Action, scope.Period{}, 0)
	if err != nil {
		r.fail(0, Malformed, "%v", err)
		return
	}
	first := map[semaphore.Element]int64{}
	var proofs []*semaphore.Proof // those left for the pairing
	var at []int64
	var choices []string
	for i, b := range records[1:] {
		n := int64(i) + 1
		if b[0] == recordClose {
			switch _, votes, err := parseClosing(b); {
			case err != nil || n != r.Size-1:
				r.fail(n, Malformed, "a closing entry that does not close")
			case int64(votes) != n-1:
				r.fail(n, CountWrong, "it closes over %d votes, %d are here", votes, n-1)
			default:
				r.Closed = true
			}
			continue
		}
		v, err := parseBallot(b)
		if err != nil {
			r.fail(n, Malformed, "%v", err)
			continue
		}
		var p semaphore.Proof
		if err := p.UnmarshalBinary(v.packed); err != nil {
			r.fail(n, ProofInvalid, "%v", err)
			continue
		}
		content, err := scope.Vote{RP: r.Poll.RP, Poll: r.Poll.ID, Choice: v.choice}.Digest()
		before, again := first[p.Nullifier]
		switch {
		case err != nil || !r.Poll.has(v.choice):
			r.fail(n, Malformed, "a vote for something that cannot be chosen")
		case p.Scope != want:
			r.fail(n, ScopeMismatch, "the proof was made for something else")
		case scope.Message(content, v.challenge) != p.Message:
			r.fail(n, ChoiceAltered, "the proof is not for %q", v.choice)
		case frozen && p.MerkleTreeRoot != root:
			r.fail(n, NotInSet, "the proof is about another set")
		case again:
			r.fail(n, VotedTwice, "the same human as entry %d", before)
		default:
			first[p.Nullifier] = n
			proofs, at, choices = append(proofs, &p), append(at, n), append(choices, v.choice)
		}
	}
	if cfg.Verifier == nil {
		r.fail(-1, ProofInvalid, "no verifier to check the proofs with")
		return
	}
	for i, err := range cfg.Verifier.VerifyBatch(proofs) {
		if err != nil {
			r.fail(at[i], ProofInvalid, "%v", err)
			continue
		}
		r.Counts[choices[i]]++
	}
}
