// Package admin is the operator's side of an issuer: metrics, removal, pause,
// an anchor ahead of time, and a backup while it runs.
//
//	m := admin.NewMetrics()
//	public := httpapi.New(iss, httpapi.Options{Took: m.Took, Paused: pause.On, ...})
//	h, err := admin.New(admin.Options{Token: token, Issuer: iss, Pause: pause, Metrics: m})
//	err = serve.Run(ctx, loopbackListener, h, serve.Options{})
//
// It belongs on a listener of its own, on loopback unless the operator decides
// otherwise. Every route but /livez wants "Authorization: Bearer <token>",
// compared in constant time; what changes something is refused besides if a
// browser says that it comes from another page.
//
//	GET  /livez            the process lives
//	GET  /metrics          for Prometheus; Options.OpenMetrics lets it go without the token
//	GET  /admin/state      what /readyz says and more: sizes, witnesses, lists
//	POST /admin/removals   {"commitment": "<decimal>"} or {"leaf": N}, "urgent": true voids every older root at once
//	POST /admin/anchor     publishes what waits, now
//	POST /admin/pause      nobody new comes in; POST /admin/resume ends it
//	POST /admin/reload     reads the revocation and firmware lists again
//	POST /admin/verify     rebuilds set and log from the entries and compares; a difference stops all signing
//	POST /admin/refresh    has the parties of the private matcher give all shares new values
//	POST /admin/backup     {"to": "<path on the issuer's machine>"}; must not exist
//
// What is counted is codes, times and sizes, by route: never a commitment, a
// person, a device or an address.
package admin
