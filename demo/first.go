package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// firstTries bounds how often a first post is tried, a second apart: the gate
// reads the head that the crowd is in a moment after the issuer signs it.
const firstTries = 30

// firstPosts has two of the crowd post, each with a proof over the public
// route, so that a first visitor finds a badge to press. A board that has a
// verified post already is left alone. A board without them works as well.
func (w *world) firstPosts(ctx context.Context) {
	all, err := w.posts.list(ctx, 100)
	if err != nil {
		w.logf("board: the first posts: %v", err)
		return
	}
	for _, p := range all {
		if p.Verified {
			return
		}
	}
	said := []attempt{
		{author: "guest-7d41c2", text: "The market moves to the square by the river from next week on. Bring a bag, and somebody who can carry it."},
		{author: "guest-a90b6e", text: "Asked for a second opinion and got twelve, by twelve people. That is what I came for."},
	}
	for n, tries := 0, 0; n < min(len(said), len(w.crowd)); tries++ {
		said[n].who = w.crowd[n]
		if err = w.firstPost(ctx, said[n]); err == nil {
			n++
			continue
		}
		if tries == firstTries {
			w.logf("board: the first posts: %v", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func (w *world) firstPost(ctx context.Context, a attempt) (err error) {
	a.rp, a.action, a.session = w.cfg.rp(), actionPost, w.greeting
	if a.set, err = w.bots.set(); err != nil {
		return err
	}
	s, err := w.bots.load(ctx, a)
	if err != nil {
		return err
	}
	status, body, err := w.bots.fire(ctx, s, a.session)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return err
}
