package dev

import (
	"context"
	"errors"
	"net/http"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// people lists who can answer.
func (w *World) people(rw http.ResponseWriter, _ *http.Request) {
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"people": People(), "rp": w.cfg.RP})
}

// question is what the wallet page heard, and who is to answer. Origin is the
// origin that the browser reported to the page.
type question struct {
	Person        string `json:"person"`
	Origin        string `json:"origin"`
	Action        string `json:"action"`
	Kind          string `json:"kind"`
	Len           uint64 `json:"len"`
	K             uint32 `json:"k"`
	Challenge     string `json:"challenge"`
	ContentDigest string `json:"content_digest"`
}

type reply struct {
	Response  string `json:"response"`
	Nullifier string `json:"nullifier"`
	Slot      uint32 `json:"slot"`
}

// refused is a wallet's refusal: the code that an app's page hears. It is an
// answer, not a fault.
type refused struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// answer has a person's wallet prove. Only the wallet page may ask.
func (w *World) answer(rw http.ResponseWriter, r *http.Request) {
	if serve.Origin(r) != w.Wallet() {
		serve.WriteProblem(rw, r, api.Errorf(api.OriginNotAllowed, ""))
		return
	}
	var q question
	if err := serve.ReadJSON(rw, r, 16<<10, &q); err != nil {
		serve.WriteProblem(rw, r, err)
		return
	}
	out, err := w.prove(r.Context(), q)
	var no *wallet.Refusal
	switch {
	case errors.As(err, &no):
		w.cfg.Logf("wallet of %s: %v", q.Person, err)
		serve.WriteJSON(rw, http.StatusOK, refused{string(no.Code), no.Detail})
	case err != nil:
		serve.LogProblem(w.cfg.Logf, r, err)
		serve.WriteProblem(rw, r, err)
	default:
		serve.WriteJSON(rw, http.StatusOK, out)
	}
}

func (w *World) prove(ctx context.Context, q question) (reply, error) {
	kind, err := scope.ParseKind(q.Kind)
	if err != nil {
		return reply{}, api.Wrap(api.MalformedRequest, err)
	}
	content, err := scope.DecodeToken(q.ContentDigest)
	if err != nil || len(content) != len(scope.Digest{}) {
		return reply{}, api.Errorf(api.NotCanonical, "content_digest is 32 bytes in base64url")
	}
	holder, err := w.wallet(q.Person)
	if err != nil {
		return reply{}, err
	}
	if _, err := holder.Sync(ctx); err != nil {
		return reply{}, err
	}
	a, err := holder.Answer(ctx, wallet.Request{
		Origin: q.Origin, Action: q.Action, Policy: scope.Policy{Kind: kind, Len: q.Len, K: q.K},
		Challenge: q.Challenge, Content: scope.Digest(content),
	})
	if err != nil {
		return reply{}, err
	}
	return reply{Response: a.Response, Nullifier: a.Nullifier.String(), Slot: a.Slot}, nil
}

// wallet gives a person's wallet; it remembers what the person has shown.
func (w *World) wallet(name string) (*wallet.Wallet, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if have, ok := w.wallets[name]; ok {
		return have, nil
	}
	for _, known := range People() {
		if known != name {
			continue
		}
		p, err := w.prover()
		if err != nil {
			return nil, err
		}
		made, err := w.issuer.Wallet(name, &wallet.Prover{Depth: p.Depth(), Prove: p.Prove})
		if err != nil {
			return nil, err
		}
		w.wallets[name] = made
		return made, nil
	}
	return nil, api.Errorf(api.NotFound, "nobody here has that name")
}
