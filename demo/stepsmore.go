package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// ballots plays a poll. The first one may have been opened before Ada came, so it
// is closed and the next one is over a set with her in it. She votes once, the
// crowd votes, and the published file is counted again.
func ballots(ctx context.Context, s *story) (string, error) {
	for range 2 { // close, open
		if err := s.ada.nextPoll(ctx); err != nil {
			return "", err
		}
	}
	vote, err := s.ada.vote(ctx, "never")
	if err != nil {
		return "", err
	}
	var cast struct {
		Code    api.Code `json:"code"`
		Receipt string   `json:"receipt"`
	}
	status, err := s.ada.call(ctx, vote.Method, s.cfg.url(boardHost), vote.Path, vote.Headers, json.RawMessage(vote.Body), &cast)
	if err != nil || status != http.StatusCreated || cast.Receipt == "" {
		return "", errors.Join(fmt.Errorf("voting: %d %q", status, cast.Code), err)
	}
	if _, answer, err := s.ada.send(ctx, vote); err != nil || answer.Code != api.ChallengeAlreadyUsed {
		return "", errors.Join(fmt.Errorf("the same vote again: %q", answer.Code), err)
	}
	again, err := s.ada.vote(ctx, "sundays")
	if err == nil {
		var answer codedBody
		if _, answer, err = s.ada.send(ctx, again); err == nil && answer.Code != api.NullifierAlreadyUsed {
			return "", fmt.Errorf("a second vote of one human: %q", answer.Code)
		}
	} else if wallet.CodeOf(err) != wallet.QuotaExhausted {
		return "", err
	}
	var crowd struct{ Votes int }
	if _, err := s.ada.call(ctx, http.MethodPost, s.cfg.url(boardHost), "/api/poll/crowd", nil, struct{}{}, &crowd); err != nil || crowd.Votes == 0 {
		return "", errors.Join(errors.New("the crowd does not vote"), err)
	}
	if err := s.ada.nextPoll(ctx); err != nil { // closes
		return "", err
	}
	if s.receipt = cast.Receipt; s.receipt == "" {
		return "", errors.New("no receipt")
	}
	r, err := s.recount(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d votes of %d people; the file adds up, with Ada's receipt", r.Size-2, r.Voters), nil
}

// nextPoll closes the open poll, or opens the next. Before the crowd is in, and
// until the gate has read the newest head, the board asks to try again.
func (p *person) nextPoll(ctx context.Context) error {
	for end := time.Now().Add(20 * time.Second); ; {
		var answer codedBody
		status, err := p.call(ctx, http.MethodPost, p.cfg.url(boardHost), "/api/poll/next", nil, struct{}{}, &answer)
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err != nil || status != http.StatusServiceUnavailable || time.Now().After(end) {
			return errors.Join(fmt.Errorf("next poll: %d %q", status, answer.Code), err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// recount reads the second poll's file as an outsider would, and counts.
func (s *story) recount(ctx context.Context) (tally.Report, error) {
	var d tally.Document
	if _, err := s.ada.call(ctx, http.MethodGet, s.cfg.url(boardHost), "/poll/2/tally.json", nil, nil, &d); err != nil {
		return tally.Report{}, err
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		return tally.Report{}, err
	}
	r := tally.Recount(d, tally.Config{Issuer: s.world.issuer.VKey(), Log: d.Log, Verifier: v, Receipts: [][]byte{[]byte(s.receipt)}})
	if !r.OK || !r.Closed || r.Counts["never"] == 0 {
		return r, fmt.Errorf("the poll does not add up: %+v", r)
	}
	return r, nil
}

// act sends what a person proves for, and reads the answer.
func (p *person) act(ctx context.Context, action, path string, content scope.Digest, body string, out any) (int, error) {
	response, err := p.prove(ctx, action, content)
	if err != nil {
		return 0, err
	}
	return p.call(ctx, http.MethodPost, p.cfg.url(boardHost), path, map[string]string{"Perhuman-Response": response}, json.RawMessage(body), out)
}

// claimOnce takes the voucher, and tries for another.
func claimOnce(ctx context.Context, s *story) (string, error) {
	content, err := scope.Content(scope.KindRaw, []byte("{}"))
	if err != nil {
		return "", err
	}
	var got struct {
		Voucher string   `json:"voucher"`
		Code    api.Code `json:"code"`
	}
	if status, err := s.ada.act(ctx, actionClaim, "/claim", content, "{}", &got); err != nil || status != http.StatusOK || got.Voucher == "" {
		return "", errors.Join(fmt.Errorf("claiming: %d %q", status, got.Code), err)
	}
	first := got.Voucher
	got.Voucher = ""
	_, err = s.ada.act(ctx, actionClaim, "/claim", content, "{}", &got)
	if wallet.CodeOf(err) != wallet.QuotaExhausted && got.Code != api.NullifierAlreadyUsed {
		return "", errors.Join(fmt.Errorf("a second claim: %q %q", got.Code, got.Voucher), err)
	}
	return first + ", and no second one", nil
}

// commentOnce writes under Ada's post.
func commentOnce(ctx context.Context, s *story) (string, error) {
	in := remark{Post: s.postID, Author: s.ben.name, Text: "I agree.", Created: uint64(time.Now().Unix())}
	content, err := in.bound(s.cfg.rp()).Digest()
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	var answer codedBody
	if status, err := s.ben.act(ctx, actionComment, "/comments", content, string(body), &answer); err != nil || status != http.StatusCreated {
		return "", errors.Join(fmt.Errorf("commenting: %d %q", status, answer.Code), err)
	}
	moved := in // the same proof is for no other post
	moved.Post--
	if body, err = json.Marshal(moved); err != nil {
		return "", err
	}
	if _, err := s.ben.act(ctx, actionComment, "/comments", content, string(body), &answer); err != nil || answer.Code != api.ChallengeInvalid && answer.Code != api.MessageMismatch {
		return "", errors.Join(fmt.Errorf("a comment moved to another post: %q", answer.Code), err)
	}
	return "under ada's post, and nowhere else", nil
}

// letAgentAct gives the helper a grant of two comments: it makes them, is refused
// a third, and under a second grant it is revoked.
func letAgentAct(ctx context.Context, s *story) (string, error) {
	var helper struct{ Key string }
	if _, err := s.ada.call(ctx, http.MethodGet, s.cfg.url(boardHost), "/api/agent", nil, nil, &helper); err != nil {
		return "", err
	}
	id, _, err := s.ada.grant(ctx, helper.Key, 2)
	if err != nil {
		return "", err
	}
	for _, want := range []api.Code{api.OK, api.OK, api.BudgetExhausted} {
		if code, err := s.ada.tell(ctx, id); err != nil || code != want {
			return "", errors.Join(fmt.Errorf("the agent was answered %q, expected %q", code, want), err)
		}
	}
	id, secret, err := s.ada.grant(ctx, helper.Key, 3)
	if err != nil {
		return "", err
	}
	if code, err := s.ada.tell(ctx, id); err != nil || code != api.OK {
		return "", errors.Join(fmt.Errorf("under a second grant: %q", code), err)
	}
	var answer codedBody
	if status, err := s.ada.call(ctx, http.MethodPost, s.cfg.url(boardHost), "/agents/revoke", nil, map[string]string{"secret": secret}, &answer); err != nil || status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("revoking: %d %q", status, answer.Code), err)
	}
	if code, err := s.ada.tell(ctx, id); err != nil || code != api.GrantRevoked {
		return "", errors.Join(fmt.Errorf("after the revocation: %q", code), err)
	}
	return "comments by signed requests within its budget; revoked, the next one is refused", nil
}

// grant makes an agent the person's, for a number of comments.
func (p *person) grant(ctx context.Context, key string, budget uint32) (id, secret string, err error) {
	raw, err := scope.DecodeToken(key)
	if err != nil || len(raw) != 32 {
		return "", "", errors.Join(errors.New("the helper has no key"), err)
	}
	revoke, hash, err := agent.Revocation(rand.Reader)
	if err != nil {
		return "", "", err
	}
	g := scope.Grant{RP: p.cfg.rp(), Agent: [32]byte(raw), Name: "Ada's helper", Can: []string{actionComment}, Budget: budget, Expires: uint64(time.Now().Add(time.Hour).Unix()), Revocation: hash}
	content, err := g.Digest()
	if err != nil {
		return "", "", err
	}
	body, err := agent.Encode(g)
	if err != nil {
		return "", "", err
	}
	var answer struct {
		Grant string   `json:"grant"`
		Code  api.Code `json:"code"`
	}
	if status, err := p.act(ctx, actionDelegate, "/agents", content, string(body), &answer); err != nil || status != http.StatusCreated {
		return "", "", errors.Join(fmt.Errorf("the grant: %d %q", status, answer.Code), err)
	}
	return answer.Grant, scope.EncodeToken(revoke[:]), nil
}

// tell has the helper act, and gives what the board answered it.
func (p *person) tell(ctx context.Context, grant string) (api.Code, error) {
	var out struct {
		Code   api.Code  `json:"code"`
		Answer codedBody `json:"answer"`
	}
	_, err := p.call(ctx, http.MethodPost, p.cfg.url(boardHost), "/api/agent/tell", nil, map[string]string{"grant": grant, "name": "Ada's helper"}, &out)
	if out.Answer.Code == "" {
		return out.Code, err
	}
	return out.Answer.Code, err
}

// swarm sends the bot lab's swarm out and waits for it: nothing gets through, and
// each kind is stopped by the check that is there for it.
func swarm(ctx context.Context, s *story) (string, error) {
	origin := s.cfg.url(boardHost)
	var state struct {
		Running bool
		Raids   []raidState
	}
	if status, err := s.ben.call(ctx, http.MethodPost, origin, "/api/lab", nil, struct{}{}, &state); err != nil || status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("the swarm: status %d", status), err)
	}
	for end := time.Now().Add(time.Minute); state.Running; {
		if time.Now().After(end) || ctx.Err() != nil {
			return "", errors.New("the swarm does not come to an end")
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := s.ben.call(ctx, http.MethodGet, origin, "/api/lab", nil, nil, &state); err != nil {
			return "", err
		}
	}
	want := map[string]api.Code{
		"no-proof": api.ChallengeMissing, "replay": api.ChallengeAlreadyUsed, "copied": api.MessageMismatch, "made-up-root": api.RootUnknown,
		"sixth": api.ScopeMismatch, "forged": api.ProofInvalid, "double": api.AlreadyEnrolled,
	}
	fired := 0
	for _, r := range state.Raids {
		fired += r.Fired
		if r.Passed != 0 || r.Fired == 0 || r.Codes[want[r.ID]] == 0 {
			return "", fmt.Errorf("%s: %+v", r.ID, r)
		}
		delete(want, r.ID)
	}
	if len(want) != 0 {
		return "", fmt.Errorf("not tried: %v", want)
	}
	return fmt.Sprintf("%d attacks of %d kinds, none got through", fired, len(state.Raids)), nil
}
