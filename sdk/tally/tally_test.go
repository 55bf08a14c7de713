package tally_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const (
	t0     = 1_790_000_000
	rp     = "agora.localhost:8080"
	action = "poll/1"
)

// election is a poll with three voters of a frozen set of twenty.
type election struct {
	t        *testing.T
	is       *setlogtest.Issuer
	people   []*semaphore.Identity
	prover   *prove.Prover
	verifier *semaphore.Verifier
	signer   string
	vkey     string
	poll     tally.Poll
	records  [][]byte // entry 0 is the poll; 1..3 are soup, bread, soup
	receipts [][]byte
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newElection(t *testing.T) *election {
	e := &election{t: t, is: setlogtest.New(t, "issuer.example/people")}
	e.prover = must(prove.New(depth20.NewReader()))(t)
	e.verifier = must(semaphore.NewVerifier())(t)
	var members []semaphore.Element
	for i := range 20 {
		e.people = append(e.people, semaphore.IdentityFromKey(fmt.Appendf(nil, "voter %d", i)))
		members = append(members, e.people[i].Commitment())
	}
	e.is.AnchorMembers(t0-100, members)
	var err error
	if e.signer, e.vkey, err = setlog.GenerateKey(setlogtest.Seed("poll"), rp+"/poll/1"); err != nil {
		t.Fatal(err)
	}
	frozen := e.is.Proof(3)
	e.poll = tally.Poll{
		RP: rp, ID: "1", Action: action, Question: "What is for lunch?", Opened: t0, Seq: frozen.Entry.Seq,
		Choices: []tally.Choice{{ID: "soup", Label: "Soup"}, {ID: "bread", Label: "Bread & cheese"}}, RootProof: string(must(frozen.MarshalText())(t)),
	}
	log := must(tally.New(e.signer, e.poll))(t)
	e.records = [][]byte{log.First()}
	for i, choice := range []string{"soup", "bread", "soup"} {
		b := e.ballot(i, choice, choice)
		e.receipts = append(e.receipts, must(log.Append(b))(t))
		e.records = append(e.records, b)
	}
	e.records = append(e.records, log.Closing(time.Unix(t0+600, 0)))
	return e
}

// ballot is for one choice, with a proof for another.
func (e *election) ballot(who int, choice, proven string) []byte {
	e.t.Helper()
	return must(tally.Ballot(choice, scope.Digest{byte(who + 1)}, e.proof(e.is.Group, e.people[who], who, proven, action)))(e.t)
}

func (e *election) proof(set *semaphore.Group, id *semaphore.Identity, who int, proven, action string) *semaphore.Proof {
	e.t.Helper()
	content := must(scope.Vote{RP: rp, Poll: e.poll.ID, Choice: proven}.Digest())(e.t)
	sc := must(scope.Compute(rp, action, scope.Period{}, 0))(e.t)
	path := must(set.Proof(set.IndexOf(id.Commitment())))(e.t)
	return must(e.prover.Prove(e.t.Context(), id, path, scope.Message(content, scope.Digest{byte(who + 1)}), sc))(e.t)
}

// signed is what an operator publishes who writes any entries into the log.
func (e *election) signed(records [][]byte) tally.Document {
	e.t.Helper()
	d := tally.Document{Log: e.vkey, Issuer: e.is.VKey}
	hashes := setlog.Hashes{}
	for i, r := range records {
		d.Entries = append(d.Entries, scope.EncodeToken(r))
		hashes = append(hashes, must(storedHashes(int64(i), r, hashes))(e.t)...)
	}
	d.Checkpoint = string(sign(e.t, e.signer, int64(len(records)), hashes))
	return d
}

func (e *election) recount(d tally.Document, receipts ...[]byte) tally.Report {
	return tally.Recount(d, tally.Config{Issuer: e.is.VKey, Log: e.vkey, Verifier: e.verifier, Receipts: receipts})
}

// Anyone gets the same numbers; every way to cheat has its name and its place.
func TestRecount(t *testing.T) {
	e := newElection(t)
	log := must(tally.Restore(e.signer, e.records))(t)
	honest := must(log.Document(e.vkey, e.is.VKey))(t)
	text := must(json.Marshal(honest))(t)
	d := must(tally.ParseDocument(text))(t)
	r := e.recount(d, e.receipts...)
	if !r.OK || !r.Closed || r.Counts["soup"] != 2 || r.Counts["bread"] != 1 || r.Voters != 20 || r.Poll.Question != e.poll.Question {
		t.Fatalf("%+v", r)
	}
	if !log.Closed() {
		t.Error("a restored log is not closed")
	}
	if _, err := log.Append(e.records[1]); err == nil {
		t.Error("a closed log took a vote")
	}

	outsider := semaphore.IdentityFromKey([]byte("outsider"))
	own := must(semaphore.NewGroup(outsider.Commitment(), e.people[9].Commitment()))(t)
	stuffed := must(tally.Ballot("bread", scope.Digest{9}, e.proof(own, outsider, 8, "bread", action)))(t)
	elsewhere := must(tally.Ballot("bread", scope.Digest{5}, e.proof(e.is.Group, e.people[4], 4, "bread", "poll/2")))(t)
	made := slices.Clone(e.records[3]) // one bit of the nullifier: a human who never was
	made[3+4+32+1+32+31] ^= 1
	changed := slices.Concat([]byte{2, 0, 5}, []byte("bread"), e.records[3][3+4:])
	end := func(n byte) []byte { c := slices.Clone(e.records[4]); c[12] = n; return c }
	for _, c := range []struct {
		name    string
		records [][]byte
		kept    [][]byte
		code    tally.Code
		entry   int64
	}{
		{"a stuffed ballot", [][]byte{e.records[0], e.records[1], e.records[2], e.records[3], stuffed, end(4)}, nil, tally.NotInSet, 4},
		{"a made-up human", [][]byte{e.records[0], e.records[1], e.records[2], e.records[3], made, end(4)}, nil, tally.ProofInvalid, 4},
		{"a vote of another poll", [][]byte{e.records[0], e.records[1], elsewhere, end(2)}, nil, tally.ScopeMismatch, 2},
		{"a changed choice", [][]byte{e.records[0], e.records[1], e.records[2], changed, end(3)}, nil, tally.ChoiceAltered, 3},
		{"a double nullifier", [][]byte{e.records[0], e.records[1], e.records[2], e.records[3], e.ballot(1, "soup", "soup"), end(4)}, nil, tally.VotedTwice, 4},
		{"a dropped vote, against a receipt", [][]byte{e.records[0], e.records[1], e.records[3], end(2)}, e.receipts, tally.VoteDropped, 2},
		{"a shorter log, against a receipt", [][]byte{e.records[0], e.records[1], end(1)}, e.receipts[2:], tally.VoteDropped, -1},
		{"a wrong number at the end", [][]byte{e.records[0], e.records[1], e.records[2], e.records[3], end(7)}, nil, tally.CountWrong, 4},
		{"votes after the end", [][]byte{e.records[0], e.records[1], end(1), e.records[2]}, nil, tally.Malformed, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := e.recount(e.signed(c.records), c.kept...)
			if r.OK || !slices.ContainsFunc(r.Faults, func(f tally.Fault) bool { return f.Code == c.code && f.Entry == c.entry }) {
				t.Errorf("%+v", r.Faults)
			}
		})
	}

	// Somebody on the way changes the file; the key is not theirs.
	for name, c := range map[string]struct {
		edit func(*tally.Document)
		code tally.Code
	}{
		"a dropped vote":    {func(d *tally.Document) { d.Entries = slices.Delete(slices.Clone(d.Entries), 2, 3) }, tally.VoteDropped},
		"votes swapped":     {func(d *tally.Document) { d.Entries[1], d.Entries[2] = d.Entries[2], d.Entries[1] }, tally.LogAltered},
		"an entry added":    {func(d *tally.Document) { d.Entries = append(d.Entries, d.Entries[1]) }, tally.LogAltered},
		"another signature": {func(d *tally.Document) { d.Checkpoint = d.Checkpoint[:len(d.Checkpoint)-6] + "AAAA=\n" }, tally.LogAltered},
	} {
		d := honest
		d.Entries = slices.Clone(honest.Entries)
		c.edit(&d)
		if r := e.recount(d); r.OK || !r.Has(c.code) {
			t.Errorf("%s: %+v", name, r.Faults)
		}
	}

	other := tally.Recount(honest, tally.Config{Issuer: e.vkey, Log: e.vkey, Verifier: e.verifier})
	if other.OK || !other.Has(tally.SetUnproven) {
		t.Errorf("a set of nobody's: %+v", other.Faults)
	}
}

func TestPolls(t *testing.T) {
	good := tally.Poll{RP: rp, ID: "1", Action: action, Question: "?", Choices: []tally.Choice{{"a", "A"}, {"b", "B"}}, Seq: 1, Opened: t0}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*tally.Poll){
		"no site": func(p *tally.Poll) { p.RP = "" }, "no question": func(p *tally.Poll) { p.Question = "" }, "one choice": func(p *tally.Poll) { p.Choices = p.Choices[:1] },
		"twice the same": func(p *tally.Poll) { p.Choices = []tally.Choice{{"a", "A"}, {"a", "B"}} }, "no set": func(p *tally.Poll) { p.Seq = 0 },
		"no action": func(p *tally.Poll) { p.Action = "" }, "not a name": func(p *tally.Poll) { p.Choices = []tally.Choice{{"a", "A"}, {"B", "B"}} },
	} {
		p := good
		edit(&p)
		if p.Validate() == nil {
			t.Errorf("%s: is a poll", name)
		}
	}
}

func FuzzRecount(f *testing.F) {
	f.Add([]byte(`{"log":"","issuer":"","checkpoint":"","entries":["AXt9"]}`))
	f.Add([]byte(`{"entries":["AQ","AgABYQ","AwAAAAAAAAAAAAAAAA"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := tally.ParseDocument(b)
		if err != nil {
			return
		}
		if r := tally.Recount(d, tally.Config{Issuer: d.Issuer, Log: d.Log}); r.OK {
			t.Error("a made-up poll holds")
		}
	})
}
