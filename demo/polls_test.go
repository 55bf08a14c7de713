package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
)

// TestClosedPoll: a closed poll takes no vote and spends nothing, and the next
// one is over a set with who came later. A comment under no post spends nothing.
func TestClosedPoll(t *testing.T) {
	s, _ := running(t)
	ctx := context.Background()
	var err error
	if s.ada, err = newPerson(s, "ada", adaPersona); err != nil {
		t.Fatal(err)
	}
	if _, err := enrolPerson(ctx, s.ada, nil); err != nil {
		t.Fatal(err)
	}
	s.ada.mustNext(t) // closes the first
	s.ada.mustNext(t) // opens the second
	vote, err := s.ada.vote(ctx, "sundays")
	if err != nil {
		t.Fatal(err)
	}
	p := s.world.polls.current()
	s.ada.mustNext(t)
	if status, answer, err := s.ada.send(ctx, vote); err != nil || status != http.StatusNotFound || answer.Code != api.ActionUnknown {
		t.Errorf("a vote in a closed poll: %d %q %v", status, answer.Code, err)
	}
	if state := p.state(); state.Votes != 0 || !state.Closed {
		t.Errorf("%+v", state)
	}
	bad := vote
	bad.Path = "/poll/99/vote"
	if status, answer, err := s.ada.send(ctx, bad); err != nil || status != http.StatusNotFound {
		t.Errorf("no such poll: %d %q %v", status, answer.Code, err)
	}
	s.postID = 9999
	s.ben = s.ada
	if _, err := commentOnce(ctx, s); err == nil {
		t.Error("a comment under no post")
	}
	s.postID = 2
	if _, err := commentOnce(ctx, s); err != nil {
		t.Errorf("the slot was spent: %v", err)
	}
}

func (p *person) mustNext(t *testing.T) {
	t.Helper()
	if err := p.nextPoll(t.Context()); err != nil {
		t.Fatal(err)
	}
}
