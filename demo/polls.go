package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// questions are what the demonstration asks, one after another.
func questions() []question {
	return []question{
		{"What should the empty shop on the square become?", []tally.Choice{{ID: "library", Label: "A library"}, {ID: "bakery", Label: "A bakery"}, {ID: "repair-cafe", Label: "A repair café"}}},
		{"When should the street be free of cars?", []tally.Choice{{ID: "never", Label: "Never"}, {ID: "sundays", Label: "On Sundays"}, {ID: "always", Label: "Always"}}},
		{"Which tree shall be planted first?", []tally.Choice{{ID: "linden", Label: "A linden"}, {ID: "oak", Label: "An oak"}, {ID: "cherry", Label: "A cherry"}}},
	}
}

type question struct {
	ask     string
	choices []tally.Choice // ids are what wallets show
}

// polls are the board's votes. The newest one is open or has just been closed;
// each is over the people who were enrolled when it was opened.
type polls struct {
	w   *world
	mu  sync.RWMutex
	all []*poll
}

// poll is one vote with its log, and its guarded route.
type poll struct {
	number int
	vkey   string
	signer string
	log    *tally.Log
	votes  http.Handler

	mu   sync.RWMutex // voting reads, closing writes: no vote is spent on a closed poll
	size int          // entries
	app  sync.Mutex   // one entry at a time
}

func openPolls(ctx context.Context, w *world) (*polls, error) {
	ps := &polls{w: w}
	all, err := w.posts.records(ctx)
	if err != nil {
		return nil, err
	}
	for n := 1; n <= len(all); n++ {
		p, err := ps.keyed(n)
		if err != nil {
			return nil, err
		}
		if p.log, err = tally.Restore(p.signer, all[n]); err != nil {
			return nil, fmt.Errorf("poll %d: %w", n, err)
		}
		p.size = len(all[n])
		ps.guard(p)
		ps.all = append(ps.all, p)
	}
	return ps, nil
}

// keyed makes a poll with the key that its log is signed by.
func (ps *polls) keyed(n int) (*poll, error) {
	name := fmt.Sprintf("%s/poll/%d", ps.w.cfg.rp(), n)
	text, err := ps.w.cfg.secret(fmt.Sprintf("poll-%d.key", n), func() ([]byte, error) {
		signer, vkey, err := setlog.GenerateKey(rand.Reader, name)
		return []byte(signer + "\n" + vkey), err
	})
	if err != nil {
		return nil, err
	}
	signer, vkey, ok := strings.Cut(string(text), "\n")
	if !ok {
		return nil, fmt.Errorf("poll-%d.key does not hold a key", n)
	}
	return &poll{number: n, signer: signer, vkey: vkey}, nil
}

// guard lets each human of the frozen set vote once.
func (ps *polls) guard(p *poll) {
	def := p.log.Poll()
	content := func(r *http.Request, body []byte) (scope.Digest, error) {
		v, err := readVote(r, body, def)
		if err != nil {
			return scope.Digest{}, err
		}
		return v.Digest()
	}
	p.votes = ps.w.gate.RequireContent(def.Action, sdk.Snapshot(def.Seq, sdk.Once()), content, func(rw http.ResponseWriter, r *http.Request) {
		ps.count(rw, r, p)
	})
}

func readVote(r *http.Request, body []byte, def tally.Poll) (scope.Vote, error) {
	if err := serve.CheckMediaType(r, "application/json"); err != nil {
		return scope.Vote{}, err
	}
	var in struct {
		Choice string `json:"choice"`
	}
	if err := api.Decode(body, &in); err != nil {
		return scope.Vote{}, err
	}
	for _, c := range def.Choices {
		if c.ID == in.Choice {
			return scope.Vote{RP: def.RP, Poll: def.ID, Choice: c.ID}, nil
		}
	}
	return scope.Vote{}, api.Errorf(api.MalformedRequest, "that cannot be chosen")
}

// count writes an accepted vote into the log, and answers with its receipt.
func (ps *polls) count(rw http.ResponseWriter, r *http.Request, p *poll) {
	who := sdk.PersonFrom(r.Context())
	p.app.Lock()
	defer p.app.Unlock()
	if who.Verdict.Replayed {
		switch done, err := ps.w.posts.voted(r.Context(), who.Verdict.VerificationID); {
		case err != nil:
			ps.w.problem(rw, r, err)
			return
		case done:
			ps.w.gate.RefuseReplay(rw, r)
			return
		}
	}
	receipt, err := ps.add(r, p, who)
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusCreated, map[string]any{"code": api.OK, "entry": p.size - 1, "receipt": string(receipt)})
}

func (ps *polls) add(r *http.Request, p *poll, who sdk.Person) ([]byte, error) {
	body, err := serve.ReadBody(nil, r, maxVote)
	if err != nil {
		return nil, err
	}
	v, err := readVote(r, body, p.log.Poll())
	if err != nil {
		return nil, err
	}
	token, err := scope.DecodeToken(who.Challenge)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	record, err := tally.Ballot(v.Choice, scope.ChallengeDigest(token), who.Proof)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	// Kept first: a receipt is given for what is on the disk. A visitor who leaves
	// meanwhile must not leave the log and the disk apart.
	if err := ps.w.posts.addRecord(context.WithoutCancel(r.Context()), p.number, p.size, record, who.Verdict.VerificationID); err != nil {
		return nil, err
	}
	p.size++
	receipt, err := p.log.Append(record)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	return receipt, nil
}

// current is the newest poll; nil before the crowd is in.
func (ps *polls) current() *poll {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	if len(ps.all) == 0 {
		return nil
	}
	return ps.all[len(ps.all)-1]
}

// numbered finds a poll by the number in the path.
func (ps *polls) numbered(r *http.Request) (*poll, error) {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	for _, p := range ps.all {
		if fmt.Sprint(p.number) == r.PathValue("n") {
			return p, nil
		}
	}
	return nil, api.Errorf(api.NotFound, "no such poll")
}

// open opens the next poll over the set as it is now, if the newest is closed.
func (ps *polls) open(ctx context.Context) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	n := len(ps.all) + 1
	if n > 1 && !ps.all[n-2].log.Closed() {
		return api.Errorf(api.PolicyConflict, "the poll before it is still open")
	}
	p, err := ps.keyed(n)
	if err != nil {
		return err
	}
	served, err := ps.w.issuer.Head()
	if err != nil {
		return err
	}
	key, err := setlog.ParseVKey(ps.w.issuer.VKey())
	if err != nil {
		return err
	}
	head, err := setlog.OpenHead(served.Note, key)
	if err != nil {
		return err
	}
	frozen, _, err := ps.w.gate.RootProof(ctx, head.Root)
	if err != nil {
		return api.Wrap(api.RootsStale, err)
	}
	text, err := frozen.MarshalText()
	if err != nil {
		return err
	}
	q := questions()[(n-1)%len(questions())]
	def := tally.Poll{RP: ps.w.cfg.rp(), ID: fmt.Sprintf("poll-%d", n), Action: fmt.Sprintf("poll/%d", n), Question: q.ask, Seq: frozen.Entry.Seq, Opened: uint64(time.Now().Unix()), RootProof: string(text), Choices: q.choices}
	if p.log, err = tally.New(p.signer, def); err != nil {
		return err
	}
	if err := ps.w.posts.addRecord(ctx, n, 0, p.log.First(), ""); err != nil {
		return err
	}
	p.size = 1
	ps.guard(p)
	ps.all = append(ps.all, p)
	return nil
}

// openSoon opens the next poll once the board has read the head that the issuer
// serves by now: whoever enrolled a moment ago is in.
func (ps *polls) openSoon(ctx context.Context) error {
	for try := 0; ; try++ {
		err := ps.open(ctx)
		if try == 100 || api.CodeOf(err) != api.RootsStale {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// close ends a poll; what follows is its result.
func (ps *polls) close(ctx context.Context, p *poll) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log.Closed() {
		return nil
	}
	record := p.log.Closing(time.Now())
	if err := ps.w.posts.addRecord(context.WithoutCancel(ctx), p.number, p.size, record, ""); err != nil {
		return err
	}
	p.size++
	return p.log.Close(record)
}

// openFirst waits for the crowd, and opens the first poll over it.
func (ps *polls) openFirst(ctx context.Context) error {
	for ps.current() == nil {
		have, err := ps.w.members()
		if err == nil && len(have) >= len(ps.w.crowd) {
			err = ps.open(ctx)
		}
		if err != nil && ctx.Err() == nil && api.CodeOf(err) != api.RootsStale { // the gate reads the head in a moment
			ps.w.logf("poll: %v; trying again", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	return nil
}
