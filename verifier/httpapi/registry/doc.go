// Package registry keeps who may ask a verifier service, and what for: apps,
// their actions and origins, app keys, sitekey and secret pairs, webhooks.
//
//	reg, err := registry.Open(ctx, registry.Config{Keeper: store})
//	app, err := reg.CreateApp(ctx, registry.AppParams{
//		Name: "Forum", RP: "forum.example", Environment: "live", Actions: map[string]string{"post": "5/day"},
//	})
//	secret, key, err := reg.CreateKey(ctx, app.ID)
//	go reg.Run(ctx, 5*time.Second)
//
// # What is kept
//
// One JSON document under one name of the spend store. App keys and site
// secrets are kept as SHA-256 of 256 random bits, so that a stolen copy lets
// nobody in; they are shown once, when they are made. Secrets of webhooks sign
// and must be kept as they are, beside the signing keys of challenges.
//
// # Several processes
//
// Every change is a compare-and-swap of the whole document: two operators at
// two machines cannot undo one another. Each process reads the document again
// at an interval, so a revoked key works for at most that long elsewhere. A
// process that cannot read goes on with what it has, and Age says how old that
// is.
//
// # Rules
//
// The environment belongs to the app and is never changed. So is the kind and
// the period of an action: a policy that moves under a live action would refill
// everybody's cap. A site belongs to exactly one action of one app.
package registry
