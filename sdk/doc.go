// Package sdk is what an application embeds to ask "has a unique human already
// done this, here, in this period?" and to get a yes or no it can trust.
//
//	store, err := sqlite.Open("humans.db")
//	gate, err := sdk.Open(ctx, sdk.Config{
//		RP:      "forum.example",                                 // the site people see; part of every scope
//		Issuers: []string{"issuer.example/people+1a2b3c4d+AVo..."}, // pins an issuer's name and key
//		Store:   store,
//	})
//	mux.Handle("GET /.well-known/perhuman.json", gate.WellKnown())
//	mux.Handle("POST /perhuman/challenge", gate.Challenges())
//	mux.Handle("POST /posts", gate.Require("post", sdk.PerDay(5), func(w http.ResponseWriter, r *http.Request) {
//		who := sdk.PersonFrom(r.Context()) // who.Nullifier means nothing outside this app, action and period
//	}))
//
// # What a page does
//
// It asks POST /perhuman/challenge for a challenge, has the person's wallet
// answer it, and sends the answer with its request: in the header
// Perhuman-Response, or in the form field perhuman-response. The answer is bound
// to the exact body of that request (content kind "raw"; for a form, the body
// without that field), to the action, the origin, and the session if
// Config.Session tells it. RequireContent binds to something else, for instance
// to a canonical post. The handler gets the whole body again.
//
// # What the handler may rely on
//
// It runs once per accepted proof, after the nullifier was spent on disk. A
// refusal never reaches it: the Gate answers status 403 with the verdict as
// JSON, and what could not be decided as application/problem+json, 503 mostly.
// Nothing is let through when the store, the issuer or the machine is in
// trouble. If the process dies between the commit and the end of the handler,
// the slot is spent and nothing happened; with Config.Replays the page may send
// the same request again, and the handler, which must then be idempotent, runs
// again with Person.Verdict.Replayed set; RefuseReplay is its answer if its work
// was done before.
//
// # A verifier elsewhere
//
// NewRemote makes the same guard over a `perhuman verifier` that runs elsewhere:
// one line of the program is another, and the routes stay (interface Guard).
//
//	guard, err := sdk.NewRemote(sdk.RemoteConfig{URL: "https://verify.forum.example", Key: key, RP: "forum.example"})
//
// # Several issuers, witnesses, frozen sets
//
// Config.Issuers accepts a proof under any of its issuers, Config.Require wants
// one under each. Config.Witnesses and Quorum demand that independent witnesses
// have cosigned an issuer's log: without them a first-time follower can be shown
// a fork. Snapshot freezes the set that an action counts, for votes and airdrops.
//
// # Limits
//
// A person can lend a slot, and whoever has a person's secret can act as that
// person. Verdict.Bound says how many secrets one person could use here: it is
// computed from what the issuers say about themselves (kinds of evidence,
// re-keys, re-entry), is the sum over Config.Issuers and the least over
// Config.Require, and nothing is accepted before it is known, unless
// Config.Bound vouches for it. Verdict.Renewal says how often a person can look
// like somebody new to a policy without a period.
package sdk
