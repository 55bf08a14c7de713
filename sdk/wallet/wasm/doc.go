// Command wasm is the wallet for browsers: GOOS=js GOARCH=wasm builds it into
// the file that sdk/web/worker.js loads.
//
// It puts one object, perhumanWallet, on the global scope. Every method returns
// a Promise at once and works in a goroutine; it rejects with an object
// {code, message} whose code is a wallet.Code. The object takes secrets as
// Uint8Array, copies them, and overwrites its copies before it answers; the
// worker overwrites its own. Method by method:
//
//	configure({fetch, forget, stage, helpers}) what the worker lends: see host.go
//	newKey() -> Uint8Array                    32 random bytes
//	identity(key) -> {commitment, public_key}
//	possession(key, {nonce, issuer, purpose}) -> {public_key, signature, salt}   purpose: enrol, recover or delete
//	veto(key, {announcement, issuer}) -> {public_key, signature}
//	sync(key, {issuer, at, state, zkey, device, witnesses, quorum}) -> {member, position, seq, live, crowd, issued, state, paths}
//	sync(key, {paths, and the same}) -> the same, out of what was kept: no network but for zkey
//	sync(null, {issuer}) -> the same, for a wallet that was synced here
//	freeze(key, {issuer, seq}) -> {member, crowd, paths}   the set frozen at seq
//	events(key, {issuer, from}) -> {list: [{op, record, leaf, day}], from, next}   what the log says of this identity
//	receipt({issuer, receipt, proof}) -> {kind, commitment, at, until, announcement, parties, text, entry}   or receipt_invalid, receipt_not_logged
//	book({origin, action, kind, len, k}) -> {book, rp, period}
//	bound({origin, content_digest, kind, bytes}) -> {kind, vote: {poll, choice}, grant: {agent, name, can, budget, expires, revocation}}
//	prepare(key, request) -> {book, rp, period, left, crowd, resend, key_checked, expires}
//	prove(key, request) -> {response, nullifier, slot, scope, book, rp, period, resent}
//	exportKey(key) -> string;  importKey(string) -> Uint8Array
//
// Started with the argument "helper" it is a wallet's helper in a worker of its
// own and exports perhumanHelper instead: load(section, g2, points) and
// sum(section, scalars) -> point, which wipes the scalars.
//
// The only network is in sync, freeze and events, through configure's fetch. prove uses none.
//
// The build must stay small (a test holds gzip -9 of it under 1,300,000 bytes,
// after command slim has taken out what only prints the places of a panic)
// and must not link net/http, gnark or go-iden3-crypto. For the same reason it
// is without encoding/json (JavaScript has parsed what arrives here; package
// bridge checks each field by name and type), and without pairings, which the
// program in the folder check has.
package main
