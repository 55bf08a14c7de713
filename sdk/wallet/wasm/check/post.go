//go:build js && wasm

package main

import (
	"context"
	"crypto/ed25519"
	"syscall/js"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/bridge"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// maxSafe is the largest whole number that JavaScript holds exactly.
const maxSafe = 1<<53 - 1

// checkPost judges a post bundle, parsed from JSON, with no network. A bundle
// that is none is a report with the reason malformed, not an error.
func (c *checker) checkPost(_ context.Context, args []js.Value) (any, error) {
	o := bridge.Object(bridge.Arg(args, 1))
	cfg := post.CheckConfig{
		Issuer: o.Text("issuer", 1024), MaxK: uint32(o.Count("max_k", scope.MaxSlots)),
		RP: o.Optional("rp", 255), Action: o.Optional("action", 128),
	}
	for _, k := range o.Texts("rp_keys", 64, 64) {
		b, err := scope.DecodeToken(k)
		if err != nil || len(b) != ed25519.PublicKeySize {
			o.Fail("rp_keys", "Ed25519 keys in base64url")
			break
		}
		cfg.RPKeys = append(cfg.RPKeys, b)
	}
	if o.Err != nil {
		return nil, o.Err
	}
	var err error
	if cfg.Verifier, err = c.verifier(); err != nil {
		return nil, err
	}
	b, err := bundle(bridge.Arg(args, 0))
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
	o := bridge.Object(v)
	o.Only("post", "action", "period", "slot", "proof", "challenge", "challenge_digest", "issuer", "root_proof", "receipt")
	p := bridge.Object(o.Get("post"))
	p.Only("rp", "author", "created", "text", "media")
	period := bridge.Object(o.Get("period"))
	period.Only("start", "len")
	b.Post = scope.Post{
		RP: p.Text("rp", 255), Author: p.Text("author", scope.MaxAuthor), Created: p.Number("created", maxSafe), Text: p.Text("text", scope.MaxText),
	}
	for _, m := range p.Texts("media", scope.MaxMedia, 64) {
		d, err := scope.DecodeToken(m)
		if err != nil || len(d) != 32 {
			p.Fail("media", "32 bytes in base64url")
			break
		}
		b.Post.Media = append(b.Post.Media, scope.Digest(d))
	}
	b.Action, b.Slot, b.Issuer = o.Text("action", 128), uint32(o.Number("slot", scope.MaxSlots)), o.Text("issuer", 255)
	b.Period = scope.Period{Start: period.Number("start", maxSafe), Len: period.Number("len", maxSafe)}
	packed, rootProof := o.Text("proof", 1024), o.Text("root_proof", 1<<20)
	token := o.Optional("challenge", 1024)
	if b.ChallengeDigest = o.Digest("challenge_digest"); token != "" && !b.ChallengeDigest.IsZero() {
		o.Fail("challenge", "a token or a digest, not both,")
	}
	for _, f := range []*bridge.Fields{o, p, period} {
		if f.Err != nil {
			return b, f.Err
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
	if bridge.Absent(o.Get("receipt")) {
		return b, nil
	}
	rc := bridge.Object(o.Get("receipt"))
	rc.Only("root_seq", "accepted_at", "signature")
	b.Receipt = &post.Receipt{RootSeq: rc.Number("root_seq", maxSafe), AcceptedAt: rc.Number("accepted_at", maxSafe)}
	if b.Receipt.Signature, err = scope.DecodeToken(rc.Text("signature", 128)); err != nil {
		rc.Fail("signature", "64 bytes in base64url")
	}
	return b, rc.Err
}

// report gives a report the names that its JSON form has.
func report(r *post.Report) js.Value {
	return bridge.Record(
		"ok", r.OK, "time", string(r.Time), "cap", string(r.Cap), "reasons", reasons(r.Reasons), "notes", reasons(r.Notes),
		"issuer", r.Issuer, "rp", r.RP, "author", r.Author, "action", r.Action, "nullifier", r.Nullifier,
		"slot", r.Slot, "k", r.K, "period_start", r.PeriodFrom, "period_len", r.PeriodLen,
		"created", r.Created, "accepted_at", r.AcceptedAt, "root_seq", r.RootSeq,
		"set_size", r.SetSize, "entry_day", r.EntryDay, "log_size", r.LogSize,
	)
}

func reasons(list []post.Reason) []any {
	out := make([]any, 0, len(list))
	for _, x := range list {
		out = append(out, bridge.Record("code", string(x.Code), "detail", x.Detail))
	}
	return out
}
