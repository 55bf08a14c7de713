//go:build js && wasm

package main

import (
	"context"
	"crypto/ed25519"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// maxSafe is the largest whole number that JavaScript holds exactly.
const maxSafe = 1<<53 - 1

// checkPost judges a post bundle, parsed from JSON, with no network. A bundle
// that is none is a report with the reason malformed, not an error.
func (e *engine) checkPost(_ context.Context, args []js.Value) (any, error) {
	o := object(arg(args, 1))
	cfg := post.CheckConfig{
		Issuer: o.text("issuer", 1024), MaxK: uint32(o.count("max_k", scope.MaxSlots)),
		RP: o.optional("rp", 255), Action: o.optional("action", 128),
	}
	for _, k := range o.texts("rp_keys", 64, 64) {
		b, err := scope.DecodeToken(k)
		if err != nil || len(b) != ed25519.PublicKeySize {
			o.fail("rp_keys", "Ed25519 keys in base64url")
			break
		}
		cfg.RPKeys = append(cfg.RPKeys, b)
	}
	if o.err != nil {
		return nil, o.err
	}
	var err error
	if cfg.Verifier, err = e.verifier(); err != nil {
		return nil, err
	}
	b, err := bundle(arg(args, 0))
	if err != nil {
		return report(&post.Report{
			Time: post.Unproven, Cap: post.Unproven, Reasons: []post.Reason{{Code: post.Malformed, Detail: err.Error()}},
		}), nil
	}
	r := post.Check(b, cfg)
	return report(&r), nil
}

// bundle reads what post.Parse reads, from an object instead of JSON text.
func bundle(v js.Value) (b post.Bundle, err error) {
	o := object(v)
	o.only("post", "action", "period", "slot", "proof", "challenge", "challenge_digest", "issuer", "root_proof", "receipt")
	p := object(o.get("post"))
	p.only("rp", "author", "created", "text", "media")
	period := object(o.get("period"))
	period.only("start", "len")
	b.Post = scope.Post{
		RP: p.text("rp", 255), Author: p.text("author", scope.MaxAuthor), Created: p.number("created", maxSafe), Text: p.text("text", scope.MaxText),
	}
	for _, m := range p.texts("media", scope.MaxMedia, 64) {
		d, err := scope.DecodeToken(m)
		if err != nil || len(d) != 32 {
			p.fail("media", "32 bytes in base64url")
			break
		}
		b.Post.Media = append(b.Post.Media, scope.Digest(d))
	}
	b.Action, b.Slot, b.Issuer = o.text("action", 128), uint32(o.number("slot", scope.MaxSlots)), o.text("issuer", 255)
	b.Period = scope.Period{Start: period.number("start", maxSafe), Len: period.number("len", maxSafe)}
	packed, rootProof := o.text("proof", 1024), o.text("root_proof", 1<<20)
	token := o.optional("challenge", 1024)
	if b.ChallengeDigest = o.digest("challenge_digest"); token != "" && !b.ChallengeDigest.IsZero() {
		o.fail("challenge", "a token or a digest, not both,")
	}
	for _, f := range []*fields{o, p, period} {
		if f.err != nil {
			return b, f.err
		}
	}
	if b.Proof, err = semaphore.ParsePacked(packed); err != nil {
		return b, err
	}
	if token != "" {
		if b.Challenge, err = scope.DecodeToken(token); err != nil {
			return b, err
		}
		b.ChallengeDigest = scope.ChallengeDigest(b.Challenge)
	}
	if b.RootProof, err = setlog.ParseRootProof([]byte(rootProof)); err != nil {
		return b, err
	}
	if absent(o.get("receipt")) {
		return b, nil
	}
	rc := object(o.get("receipt"))
	rc.only("root_seq", "accepted_at", "signature")
	b.Receipt = &post.Receipt{RootSeq: rc.number("root_seq", maxSafe), AcceptedAt: rc.number("accepted_at", maxSafe)}
	if b.Receipt.Signature, err = scope.DecodeToken(rc.text("signature", 128)); err != nil {
		rc.fail("signature", "64 bytes in base64url")
	}
	return b, rc.err
}

// report gives a report the names that its JSON form has.
func report(r *post.Report) map[string]any {
	return map[string]any{
		"ok": r.OK, "time": string(r.Time), "cap": string(r.Cap), "reasons": reasons(r.Reasons), "notes": reasons(r.Notes),
		"issuer": r.Issuer, "rp": r.RP, "author": r.Author, "action": r.Action, "nullifier": r.Nullifier,
		"slot": int(r.Slot), "k": int(r.K), "period_start": float64(r.PeriodFrom), "period_len": float64(r.PeriodLen),
		"created": float64(r.Created), "accepted_at": float64(r.AcceptedAt), "root_seq": float64(r.RootSeq),
		"set_size": float64(r.SetSize), "entry_day": r.EntryDay, "log_size": float64(r.LogSize),
	}
}

func reasons(list []post.Reason) []any {
	out := make([]any, 0, len(list))
	for _, x := range list {
		out = append(out, map[string]any{"code": string(x.Code), "detail": x.Detail})
	}
	return out
}
