// Package api holds what crosses the wire between apps, verifiers, issuers and
// wallets: the JSON types, the one table of codes and a strict JSON reader.
// It imports nothing of ours and does no I/O.
//
// Conventions. Binary values are base64url without padding. Field elements and
// 256-bit numbers are canonical decimal strings. Times are seconds since 1970.
// A refusal that a verifier decided is a [Verdict] with HTTP status 200 and
// success false; everything else that goes wrong is a [Problem]
// (application/problem+json, RFC 9457) with the same codes.
package api
