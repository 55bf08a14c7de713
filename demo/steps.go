package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
)

// Ada and Ben are people that the virtual device can see; their numbers lie
// above the crowd's.
const (
	adaPersona = 1001
	benPersona = 1002
)

// steps is the story. Attacks are those of the bot page.
func steps() []step {
	all := []step{
		{"crowd", true, crowdIsThere},
		{"consent and enrol ada", true, func(ctx context.Context, s *story) (_ string, err error) {
			s.ada, err = newPerson(s, "ada", adaPersona)
			return enrolPerson(ctx, s.ada, err)
		}},
		{"consent and enrol ben", true, func(ctx context.Context, s *story) (_ string, err error) {
			s.ben, err = newPerson(s, "ben", benPersona)
			return enrolPerson(ctx, s.ben, err)
		}},
		{"refuse a double", false, refuseDouble},
		{"post", true, postOnce},
		{"check it offline", false, checkOffline},
		{"post up to the cap", false, postToCap},
		{"another human posts", false, func(ctx context.Context, s *story) (string, error) { return accepted(ctx, s.ben, "Ben here.") }},
	}
	for _, a := range attacks() {
		all = append(all, step{a.ID, false, func(ctx context.Context, s *story) (string, error) { return tryAttack(ctx, s, a) }})
	}
	all = append(all, step{"one human, one vote", false, ballots}, step{"claim once", false, claimOnce}, step{"comment", false, commentOnce}, step{"an agent for ada", false, letAgentAct}, step{"a swarm", false, swarm})
	return append(all,
		step{"restart", true, restart},
		step{"nothing lost", false, nothingLost},
		step{"still spent", false, stillSpent},
	)
}

func crowdIsThere(ctx context.Context, s *story) (string, error) {
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
		var c struct{ People, Synthetic, Goal int }
		p, err := newPerson(s, "visitor", 1)
		if err != nil {
			return "", err
		}
		if _, err := p.call(ctx, http.MethodGet, s.cfg.url(issuerHost), "/demo/crowd", nil, nil, &c); err != nil {
			return "", err
		}
		if c.Synthetic == c.Goal {
			return fmt.Sprintf("%d synthetic people enrolled by the issuer's own rules; matcher %s", c.Synthetic, s.world.issuer.Info().Matcher), nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", errors.New("the crowd does not come together")
}

func enrolPerson(ctx context.Context, p *person, err error) (string, error) {
	if err != nil {
		return "", err
	}
	e, err := p.enrol(ctx)
	if err != nil {
		return "", err
	}
	if e.Code != "" || e.Receipt == "" {
		return "", fmt.Errorf("refused: %s", e.Code)
	}
	st, err := p.join(ctx)
	if err != nil {
		return "", err
	}
	if err := p.visit(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("receipt signed; leaf %d under anchor %d, one of %d", st.Position, st.Seq, st.Live), nil
}

func refuseDouble(ctx context.Context, s *story) (string, error) {
	double, err := newPerson(s, "ada again", adaPersona)
	if err != nil {
		return "", err
	}
	e, err := double.enrol(ctx)
	if err != nil {
		return "", err
	}
	if e.Code != api.AlreadyEnrolled {
		return "", fmt.Errorf("the issuer answered %q", e.Code)
	}
	return "new secret, same iris: already_enrolled", nil
}

// accepted writes a post and expects the board to take it.
func accepted(ctx context.Context, p *person, text string) (string, error) {
	request, err := p.write(ctx, text)
	if err != nil {
		return "", err
	}
	status, answer, err := p.send(ctx, request)
	if err != nil {
		return "", err
	}
	if status != http.StatusCreated {
		return "", fmt.Errorf("status %d, code %q", status, answer.Code)
	}
	return fmt.Sprintf("post %d by %s, proven at depth 20", answer.ID, p.name), nil
}

func postOnce(ctx context.Context, s *story) (string, error) {
	request, err := s.ada.write(ctx, "Hello, I am one human.")
	if err != nil {
		return "", err
	}
	status, answer, err := s.ada.send(ctx, request)
	if err != nil || status != http.StatusCreated {
		return "", errors.Join(fmt.Errorf("status %d, code %q", status, answer.Code), err)
	}
	s.request, s.postID = request, answer.ID
	return fmt.Sprintf("post %d by ada, proven at depth 20", answer.ID), nil
}

func (s *story) report(ctx context.Context, change func(*post.Bundle)) (post.Report, error) {
	var raw json.RawMessage
	if _, err := s.ada.call(ctx, http.MethodGet, s.cfg.url(boardHost), fmt.Sprintf("/api/posts/%d/bundle", s.postID), nil, nil, &raw); err != nil {
		return post.Report{}, err
	}
	bundle, err := post.Parse(raw)
	if err != nil {
		return post.Report{}, err
	}
	change(&bundle)
	v, err := semaphore.NewVerifier()
	if err != nil {
		return post.Report{}, err
	}
	return post.Check(bundle, post.CheckConfig{
		Issuer: s.world.issuer.VKey(), RPKeys: s.world.gate.Verifier().PublicKeys(), Verifier: v, RP: s.cfg.rp(), MaxK: postsPerDay,
	}), nil
}

func checkOffline(ctx context.Context, s *story) (string, error) {
	good, err := s.report(ctx, func(*post.Bundle) {})
	if err != nil {
		return "", err
	}
	if !good.OK || good.Time != post.Proven || good.Cap != post.Proven {
		return "", fmt.Errorf("a true bundle: %+v", good.Reasons)
	}
	bad, err := s.report(ctx, func(b *post.Bundle) { b.Post.Text += "!" })
	if err != nil {
		return "", err
	}
	if bad.OK || !bad.Has(post.TextAltered) {
		return "", errors.New("an edited text passed")
	}
	return fmt.Sprintf("bundle holds: one of %d, time and cap proven; an edited text does not", good.SetSize), nil
}

func postToCap(ctx context.Context, s *story) (string, error) {
	for n := 2; n <= postsPerDay; n++ {
		if _, err := accepted(ctx, s.ada, fmt.Sprintf("Post %d of today.", n)); err != nil {
			return "", fmt.Errorf("post %d: %w", n, err)
		}
	}
	_, err := s.ada.write(ctx, "One too many.")
	if wallet.CodeOf(err) != wallet.QuotaExhausted {
		return "", fmt.Errorf("the wallet says %v", err)
	}
	return fmt.Sprintf("%d posts, then the wallet says quota_exhausted", postsPerDay), nil
}

func tryAttack(ctx context.Context, s *story, a attack) (string, error) {
	request, err := a.load(ctx, s.world.bots, s.ben.session)
	if err != nil {
		return "", err
	}
	status, answer, err := s.ben.send(ctx, request)
	if err != nil {
		return "", err
	}
	if answer.Code != a.Expect {
		return "", fmt.Errorf("answered %d %q, expected %q", status, answer.Code, a.Expect)
	}
	return fmt.Sprintf("%s: %s", a.Title, answer.Code), nil
}

func restart(ctx context.Context, s *story) (string, error) {
	before := s.world.issuer.VKey()
	if err := s.stop(); err != nil {
		return "", err
	}
	if err := s.start(ctx); err != nil {
		return "", err
	}
	if s.world.issuer.VKey() != before {
		return "", errors.New("the issuer has another key")
	}
	return "stopped and started on the same folder", nil
}

func nothingLost(ctx context.Context, s *story) (string, error) {
	var list struct{ Posts []boardPost }
	if _, err := s.ada.call(ctx, http.MethodGet, s.cfg.url(boardHost), "/api/posts", nil, nil, &list); err != nil {
		return "", err
	}
	mine := 0
	for _, p := range list.Posts {
		if p.Author == s.ada.name && p.Verified {
			mine++
		}
	}
	if mine != postsPerDay {
		return "", fmt.Errorf("%d of ada's posts are left", mine)
	}
	st, err := s.ada.join(ctx) // also checks that the log only grew
	if err != nil {
		return "", err
	}
	if _, err := s.report(ctx, func(*post.Bundle) {}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d posts, %d members, the same log", len(list.Posts), st.Live), nil
}

// stillSpent sends the very first accepted request again, after the restart.
func stillSpent(ctx context.Context, s *story) (string, error) {
	for end := time.Now().Add(20 * time.Second); ; {
		status, answer, err := s.ada.send(ctx, s.request)
		if err != nil {
			return "", err
		}
		if answer.Code == api.RootsStale && time.Now().Before(end) { // the gate has just begun to follow
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if answer.Code != api.ChallengeAlreadyUsed && answer.Code != api.NullifierAlreadyUsed {
			return "", fmt.Errorf("answered %d %q", status, answer.Code)
		}
		return "ada's first request again: " + string(answer.Code), nil
	}
}
