// Package admin is the operator's side of a verifier service: metrics, the
// apps and their keys, and a page that shows both.
//
//	stats := admin.NewStats(time.Now)
//	h, err := admin.New(admin.Options{Token: token, Registry: reg, Stats: stats, Queue: service.Queue})
//	err = serve.Run(ctx, loopbackListener, h, serve.Options{})
//
// It belongs on a listener of its own, on loopback unless the operator decides
// otherwise. Every route but the page's own files wants "Authorization: Bearer
// <token>", compared in constant time. The token is never in a cookie, so a
// foreign page cannot make a browser send it; requests that change something
// are refused besides if a browser says that they come from elsewhere.
//
// What is counted is codes, times and sizes, by app and by route: never a
// nullifier, a commitment, an address, a challenge or a session.
package admin
