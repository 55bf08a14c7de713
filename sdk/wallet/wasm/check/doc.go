// Command check is the offline check of post bundles for browsers:
// GOOS=js GOARCH=wasm builds it into the file that sdk/web/worker.js loads when
// a page asks to check a post. It is a program of its own because those who
// read posts need no prover and those who prove need no pairings: each
// downloads only what it runs.
//
// It puts one object, perhumanCheck, on the global scope:
//
//	checkPost(bundle, {issuer, rp_keys, max_k, rp, action}) -> report
//	recount({poll, issuer, log, receipts}) -> report

// The bundle comes parsed from JSON; the report has the fields of post.Report.
// Nothing here uses the network.
package main
