package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// walletQuestion is what walletProve is told of a site's question.
type walletQuestion struct {
	origin, action, ask      string
	challenge, policy        string
	contentFile, contentKind string
	under                    string
	all, yes                 bool
	accepted                 []string // keys of the issuers that the site takes; nil: it did not say
}

// walletProve answers one question of one site. There is no browser here that
// says who asks: the person who types the origin vouches for it, and is told so.
func walletProve(ctx context.Context, args []string, e env) error {
	f := walletFlagSet("prove", "-origin ORIGIN -action ACTION [-challenge TOKEN -policy POLICY] [-yes]", e)
	var q walletQuestion
	f.StringVar(&q.origin, "origin", "", "the site, as a browser would report it: https://forum.example")
	f.StringVar(&q.action, "action", "", "what is done there")
	f.StringVar(&q.ask, "ask", "", "where the site hands out challenges (default ORIGIN/perhuman/challenge)")
	f.StringVar(&q.challenge, "challenge", "", "a challenge that you have already; then -policy is needed")
	f.StringVar(&q.policy, "policy", "", "once, returning, 5/day, 3/1h, snapshot:SEQ:POLICY")
	f.StringVar(&q.contentFile, "content", "", "file with the bytes that the proof is bound to; a Gate binds the body of the request")
	f.StringVar(&q.contentKind, "kind", scope.KindRaw, "kind of that content")
	f.StringVar(&q.under, "under", "", "name of the issuer who is to vouch (default: the first that has you)")
	f.BoolVar(&q.all, "all", false, "every issuer of this wallet that the site takes is to vouch")
	f.BoolVar(&q.yes, "yes", false, "answer; without it, the command only says what would be proven")
	if err := f.parse(args); err != nil {
		return err
	}
	if q.origin == "" || q.action == "" || (q.challenge == "") != (q.policy == "") {
		return missing(f.FlagSet, "-origin and -action are needed, and -challenge goes with -policy")
	}
	w, err := f.open()
	if err != nil {
		return err
	}
	defer w.Close()
	r, bound, err := q.request(ctx) // which also says whom the site takes
	if err != nil {
		return err
	}
	prover := &wallet.Prover{}
	vouching, err := w.vouching(ctx, q, r, prover)
	if err != nil {
		return err
	}
	crowd := ^uint64(0)
	var prompt wallet.Prompt
	var names []string
	for _, v := range vouching {
		if prompt, err = v.Prepare(ctx, r); err != nil {
			return refusalError(err)
		}
		crowd = min(crowd, prompt.Crowd)
		names = append(names, v.Issuer())
	}
	fmt.Fprintf(e.err, "%s asks for a proof for %q (%s), under %s.\nIt learns that one of %d people does this%s. It does not learn who, nor what they do elsewhere.\nLeft in this period: %d. No browser has checked that this is the site you mean: you vouch for %s.\n",
		prompt.RP, prompt.Action, r.Policy, strings.Join(names, " and "), crowd, map[bool]string{true: ", and that it is the same one as before"}[r.Policy.Kind == scope.KindReturning], prompt.Left, q.origin)
	if bound != "" {
		fmt.Fprintln(e.err, bound)
	}
	if !q.yes {
		fmt.Fprintln(e.err, "Nothing was proven. With -yes it is.")
		return nil
	}
	if *prover, err = officialProver(); err != nil {
		return err
	}
	a, err := vouching[0].Answer(ctx, r)
	for _, v := range vouching[1:] {
		if err == nil {
			a, err = v.Also(ctx, r, a)
		}
	}
	if err != nil {
		return refusalError(err)
	}
	if !a.Resent {
		if err := w.note(backup.Act{
			At: time.Now().Unix(), RP: a.RP, Action: r.Action, Kind: r.Policy.Kind.String(), Len: r.Policy.Len, K: r.Policy.K, Issuer: strings.Join(names, ", "),
		}); err != nil {
			return err
		}
	}
	fmt.Fprintln(e.out, a.Response)
	return nil
}

// officialProver loads the official key of depth 20.
func officialProver() (wallet.Prover, error) {
	p, err := prove.New(depth20.NewReader())
	if err != nil {
		return wallet.Prover{}, err
	}
	return wallet.Prover{Depth: p.Depth(), Prove: p.Prove}, nil
}

// vouching syncs the issuers and gives those that are to vouch.
func (w *purse) vouching(ctx context.Context, q walletQuestion, r wallet.Request, prover *wallet.Prover) ([]*wallet.Wallet, error) {
	verifier, err := semaphore.NewVerifier()
	if err != nil {
		return nil, err
	}
	var out []*wallet.Wallet
	var last error
	accepted, err := w.accepted(q)
	if err != nil {
		return nil, err
	}
	for _, i := range accepted {
		v, err := w.follow(i, prover, verifier.Verify)
		if err != nil {
			return nil, err
		}
		if q.under != "" && q.under != v.Issuer() {
			continue
		}
		st, err := v.Sync(ctx)
		if err == nil && !st.Member && r.Policy.Snapshot == 0 {
			err = &wallet.Refusal{Code: wallet.NotMember, Detail: v.Issuer()}
		}
		if err == nil && r.Policy.Snapshot != 0 {
			_, err = v.Freeze(ctx, r.Policy.Snapshot)
		}
		switch {
		case err != nil && q.all:
			return nil, refusalError(err)
		case err != nil:
			last = err
		default:
			if out = append(out, v); !q.all {
				return out, nil
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if last == nil {
		return nil, fmt.Errorf("this wallet follows no issuer %q that the site takes", q.under)
	}
	return nil, refusalError(last)
}

// accepted gives the issuers that the site takes and this wallet follows, in the
// site's order. An issuer that changes its key is the same by its name.
func (w *purse) accepted(q walletQuestion) ([]purseIssuer, error) {
	if len(q.accepted) == 0 {
		return w.file.Issuers, nil
	}
	var out []purseIssuer
	names := make([]string, len(q.accepted))
	for i, vkey := range q.accepted {
		names[i] = issuerName(vkey)
		at := slices.IndexFunc(w.file.Issuers, func(i purseIssuer) bool { return i.VKey == vkey })
		if at < 0 {
			at = slices.IndexFunc(w.file.Issuers, func(have purseIssuer) bool { return issuerName(have.VKey) == names[i] })
		}
		if at >= 0 && !slices.Contains(out, w.file.Issuers[at]) {
			out = append(out, w.file.Issuers[at])
		}
	}
	all := strings.Join(names, ", ")
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("%w: issuer_unknown: the site takes %s, and this wallet follows none of them", errClaim, all)
	case q.all && len(out) < len(q.accepted):
		return nil, fmt.Errorf("%w: issuer_unknown: the site wants all of %s to vouch, and this wallet does not follow them all", errClaim, all)
	case q.all && q.under != "":
		return nil, fmt.Errorf("%w: the site wants all of %s to vouch, not %s alone", errClaim, all, q.under)
	}
	return out, nil
}

// request puts the site's question together, asking the site if need be, and says
// what the proof is bound to. Whom the site takes goes into q.
func (q *walletQuestion) request(ctx context.Context) (r wallet.Request, bound string, err error) {
	r = wallet.Request{Origin: q.origin, Action: q.action, Challenge: q.challenge}
	if q.contentFile != "" {
		b, err := readFile(q.contentFile)
		if err != nil {
			return r, "", err
		}
		if bound, err = boundTo(q.origin, q.contentKind, b); err != nil {
			return r, "", err
		}
		if r.Content, err = scope.Content(q.contentKind, b); err != nil {
			return r, "", err
		}
	}
	if q.challenge != "" {
		r.Policy, err = scope.ParsePolicy(q.policy)
		return r, bound, err
	}
	c, err := q.fetch(ctx, r.Content)
	if err != nil {
		return r, "", err
	}
	kind, err := scope.ParseKind(c.Policy)
	if err != nil {
		return r, "", err
	}
	q.accepted, q.all = c.Issuers, q.all || c.All
	r.Challenge = c.Challenge
	r.Policy = scope.Policy{Kind: kind, Len: c.Period, K: c.K, Snapshot: c.Snapshot}
	return r, bound, r.Policy.Validate()
}

// fetch asks the site for a challenge, as its page would.
func (q walletQuestion) fetch(ctx context.Context, content scope.Digest) (c api.ChallengeResponse, err error) {
	at := q.ask
	if at == "" {
		at = q.origin + "/perhuman/challenge"
	}
	in := api.ChallengeRequest{Action: q.action}
	if !content.IsZero() {
		in.ContentDigest = scope.EncodeToken(content[:])
	}
	body, err := json.Marshal(in)
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", q.origin)
	client := http.Client{Transport: sethttp.NewTransport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return c, err
	}
	if resp.StatusCode != http.StatusOK {
		var p api.Problem
		if json.Unmarshal(raw, &p) == nil && p.Code != "" {
			return c, api.Errorf(p.Code, "%s", p.Detail)
		}
		return c, fmt.Errorf("the site gives no challenge: HTTP status %d", resp.StatusCode)
	}
	if err := json.Unmarshal(raw, &c); err != nil || c.Challenge == "" {
		return c, errors.New("the site's answer is not a challenge")
	}
	return c, nil
}
