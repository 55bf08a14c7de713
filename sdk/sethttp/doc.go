// Package sethttp is the network side of following an issuer's set log: it
// fetches heads, tiles and leaves, and keeps a setlog.Follower up to date.
//
// The common case is a verifier inside an app:
//
//	src, err := sethttp.New(sethttp.Config{
//		VKey:  "issuer.example/people+1a2b3c4d+AVo...",
//		State: sethttp.FileState("issuer.state"),
//	})
//	go src.Run(ctx)                              // polls every 1.5 s
//	info, err := src.Root(ctx, root, time.Now()) // may proofs against root be accepted?
//
// Run is optional: without it, Root fetches a head when the one it holds is too
// old. A root that is not known triggers one refresh, shared by all callers,
// before it is refused; refusals are remembered for a short while in a bounded
// table, so that made-up roots cost the issuer little.
//
// An issuer named host/path is served at https://host/path, and over plain http
// only on *.localhost and loopback addresses. Names under .localhost are dialled
// at 127.0.0.1, as browsers do. Redirects are not followed, every body is
// bounded, and nothing received is trusted before setlog has checked it.
//
// Client alone is the plain fetcher, which wallets on servers use.
package sethttp
