package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
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
	vote, err := s.ada.vote(ctx, "a")
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
	again, err := s.ada.vote(ctx, "b")
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

func (p *person) nextPoll(ctx context.Context) error {
	var answer codedBody
	status, err := p.call(ctx, http.MethodPost, p.cfg.url(boardHost), "/api/poll/next", nil, struct{}{}, &answer)
	if err != nil || status != http.StatusOK {
		return errors.Join(fmt.Errorf("next poll: %d %q", status, answer.Code), err)
	}
	return nil
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
	if !r.OK || !r.Closed || r.Counts["a"] == 0 {
		return r, fmt.Errorf("the poll does not add up: %+v", r)
	}
	return r, nil
}
