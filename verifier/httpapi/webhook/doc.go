// Package webhook tells apps of decisions, in the form of Standard Webhooks.
//
//	hooks, err := webhook.New(webhook.Config{Outbox: store, App: reg.View().App})
//	h, err := httpapi.New(httpapi.Options{..., Events: hooks})
//	go hooks.Run(ctx)
//
// # What is sent
//
// A POST with a JSON body {type, timestamp, data}, where type is
// verification.completed or verification.refused and data is {app, verdict}.
// The verdict is the one that the app got, or could have got, from POST
// /v1/verify: an app never hears of another app's people. Headers:
//
//	webhook-id         the same in every attempt; a receiver drops what it has seen
//	webhook-timestamp  seconds since 1970, of this attempt
//	webhook-signature  v1,<base64 HMAC-SHA256 of "id.timestamp.body">, one for each active secret, with a space between
//
// Any answer of 2xx is success. 410 drops the event. All else, redirects among
// it, is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and
// 24 h, each up to a fifth earlier or later at random; when it is older than
// all of that together it is dropped. A receiver that failed is left alone for
// five seconds. It may see an event twice, and events out of order.
//
// # What is kept
//
// The event of an acceptance is written in the transaction of the spend
// (verifier.Act.Event): no acceptance without its event, no event without its
// acceptance, and none for a repeat. Refusals are sent only to webhooks that
// name verification.refused, and only so many a second: a flood of bad proofs
// must not become a flood of ours. They are written after the decision, and one
// that cannot be written is lost.
//
// # Where to
//
// Addresses come from people, so the service could be sent to talk to its own
// machines. Each connection is checked when it is made, with the address that
// the name resolved to at that moment: nothing but the public internet, unless
// Config.Allow has the network. Redirects are not followed, proxies of the
// environment are not used, plain http goes to allowed networks only, and
// answers are read for 4 KiB and no more.
package webhook
