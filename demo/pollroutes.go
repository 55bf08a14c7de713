package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// pollState is what the page shows; the numbers are the board's word until
// somebody counts again.
type pollState struct {
	Number int            `json:"number"`
	Poll   tally.Poll     `json:"poll"`
	Counts map[string]int `json:"counts"`
	Votes  int            `json:"votes"`
	Most   int            `json:"-"` // of one choice, 1 at least: what bars are measured by
	Closed bool           `json:"closed"`
	Log    string         `json:"log"`
}

func (p *poll) state() *pollState {
	s := &pollState{Number: p.number, Poll: p.log.Poll(), Counts: p.log.Counts(), Closed: p.log.Closed(), Log: p.vkey, Most: 1}
	for _, n := range s.Counts {
		s.Votes, s.Most = s.Votes+n, max(s.Most, n)
	}
	return s
}

const maxVote = 1 << 10 // bytes of a request's body

func (ps *polls) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/poll", func(rw http.ResponseWriter, r *http.Request) {
		var state *pollState
		if p := ps.current(); p != nil {
			state = p.state()
		}
		serve.WriteJSON(rw, http.StatusOK, map[string]any{"poll": state})
	})
	mux.HandleFunc("POST /poll/{n}/vote", ps.vote)
	mux.HandleFunc("GET /poll/{n}/tally.json", ps.document)
	mux.HandleFunc("GET /poll/{n}/checkpoint", ps.checkpoint)
	mux.HandleFunc("POST /api/poll/next", ownPages(ps.next))
	mux.HandleFunc("POST /api/poll/crowd", ownPages(ps.crowd))
}

// vote takes one if the poll is open. All of it is read first: who sends slowly
// keeps neither the poll open nor others from voting.
func (ps *polls) vote(rw http.ResponseWriter, r *http.Request) {
	p, err := ps.numbered(r)
	var body []byte
	if err == nil {
		body, err = serve.ReadBody(rw, r, maxVote)
	}
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.log.Closed() {
		ps.w.problem(rw, r, api.Errorf(api.ActionUnknown, "the poll is closed"))
		return
	}
	p.votes.ServeHTTP(rw, r)
}

func (ps *polls) document(rw http.ResponseWriter, r *http.Request) {
	p, err := ps.numbered(r)
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	d, err := p.log.Document(p.vkey, ps.w.issuer.VKey())
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	rw.Header().Set("Cache-Control", "no-cache")
	serve.WriteJSON(rw, http.StatusOK, d)
}

func (ps *polls) checkpoint(rw http.ResponseWriter, r *http.Request) {
	p, err := ps.numbered(r)
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	signed, err := p.log.Checkpoint()
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write(signed)
}

// next is the operator's button: it closes the open poll, or opens one over the
// people who are enrolled by now. Whoever presses it says which poll was on the
// page; if that is over, somebody else was first, and nothing is done.
func (ps *polls) next(rw http.ResponseWriter, r *http.Request) {
	var seen struct {
		Number int  `json:"number"`
		Closed bool `json:"closed"`
	}
	err := serve.ReadJSON(rw, r, 1<<10, &seen)
	p := ps.current()
	switch {
	case err != nil:
	case p != nil && seen.Number != 0 && (seen.Number != p.number || seen.Closed != p.log.Closed()):
	case p == nil:
		err = api.Errorf(api.Overloaded, "the synthetic crowd is still being enrolled")
	case p.log.Closed():
		err = ps.openSoon(r.Context())
	default:
		err = ps.close(r.Context(), p)
	}
	if err != nil {
		ps.w.problem(rw, r, err)
		return
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"poll": ps.current().state()})
}

// crowd has a few of the synthetic people vote, each with a proof of theirs,
// over the public route.
func (ps *polls) crowd(rw http.ResponseWriter, r *http.Request) {
	p := ps.current()
	if p == nil || p.log.Closed() {
		ps.w.problem(rw, r, api.Errorf(api.ActionUnknown, "no poll is open"))
		return
	}
	session := newSession()
	done := 0
	for range 5 {
		s, err := ps.w.bots.ballot(r.Context(), p, session)
		if err != nil {
			ps.w.problem(rw, r, err)
			return
		}
		status, _, err := ps.w.bots.fire(r.Context(), s, session)
		if err != nil {
			ps.w.problem(rw, r, err)
			return
		}
		if status == http.StatusCreated { // else this one had voted
			done++
		}
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"votes": done, "poll": p.state()})
}

// ballot has another member of the crowd vote for something.
func (b *bots) ballot(ctx context.Context, p *poll, session string) (shot, error) {
	def := p.log.Poll()
	who := b.member()
	set, err := b.frozen(def)
	if err != nil {
		return shot{}, err
	}
	taste := who.Commitment()
	v := scope.Vote{RP: def.RP, Poll: def.ID, Choice: def.Choices[int(taste[31])%len(def.Choices)].ID}
	content, err := v.Digest()
	if err != nil {
		return shot{}, err
	}
	token, err := b.challenge(ctx, def.Action, content, session)
	if err != nil {
		return shot{}, err
	}
	raw, err := scope.DecodeToken(token)
	if err != nil {
		return shot{}, err
	}
	sc, err := scope.Compute(def.RP, def.Action, scope.Once().Period(time.Now()), 0)
	if err != nil {
		return shot{}, err
	}
	proof, err := b.rogue.under(ctx, who, set, sc, scope.Message(content, scope.ChallengeDigest(raw)))
	if err != nil {
		return shot{}, err
	}
	packed, err := proof.Packed()
	if err != nil {
		return shot{}, err
	}
	return voteShot(p.number, v.Choice, packed+"."+token), nil
}

// frozen is the set that a poll was opened over. Leaves of this demonstration
// are only ever added, so it is the beginning of the set as it is now; the root
// says whether that is so.
func (b *bots) frozen(def tally.Poll) (*semaphore.Group, error) {
	proof, err := setlog.ParseRootProof([]byte(def.RootProof))
	if err != nil {
		return nil, err
	}
	leaves, err := b.w.leaves()
	if err != nil {
		return nil, err
	}
	n := proof.Entry.LeafIndex + 1
	if n > uint64(len(leaves)) {
		return nil, api.Errorf(api.RootsStale, "the set is shorter than the frozen one")
	}
	set, err := semaphore.NewGroup(leaves[:n]...)
	if err != nil {
		return nil, err
	}
	if set.Root() != proof.Entry.Root {
		return nil, api.Errorf(api.RootNotSnapshot, "leaves have changed since the poll was opened")
	}
	return set, nil
}

func voteShot(poll int, choice, response string) shot {
	s := shot{Method: http.MethodPost, Path: fmt.Sprintf("/poll/%d/vote", poll), Headers: jsonHeader(), Body: fmt.Sprintf(`{"choice":%q}`, choice)}
	s.Headers["Perhuman-Response"] = response
	return s
}
