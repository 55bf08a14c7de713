// The byte formats of the pages against the golden vectors of semaphore/scope.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as bytes from '../../bytes.js'
import { readChallenge } from '../../challenge.js'
import { backupCode, readBackupCode } from '../../wallet/custody.js'

const vectors = JSON.parse(readFileSync(new URL('../../../../semaphore/scope/testdata/more-vectors.json', import.meta.url), 'utf8'))
const unhex = (s) => Uint8Array.from(Buffer.from(s, 'hex'))
const hex = (b) => Buffer.from(b).toString('hex')

test('canonical posts and their digests equal the golden vectors', async () => {
  assert.ok(vectors.posts.length >= 2)
  for (const p of vectors.posts) {
    const canonical = bytes.canonicalPost({ ...p, media: p.media.map(unhex) })
    assert.equal(hex(canonical), p.canonical)
    assert.equal(hex(await bytes.contentDigest('post', canonical)), p.digest)
  }
  assert.throws(() => bytes.canonicalPost({ rp: 'a.example', author: 'a', created: 1, text: 'u\u0308' }), /NFC/)
  assert.throws(() => bytes.canonicalPost({ rp: 'a.example', author: 'a', created: 1, text: 'a\0' }), /NFC/)
})

test('challenges read back what was put in', async () => {
  for (const c of vectors.challenges) {
    const got = readChallenge(bytes.toBase64url(unhex(c.token)))
    for (const field of ['rp', 'action', 'origin']) assert.equal(hex(got[field]), hex(await bytes.sha256(bytes.encode(c[field]))))
    assert.equal(hex(got.content), c.content)
    assert.equal(got.issued, c.issued)
    assert.ok(got.expires > got.issued)
  }
  for (const bad of ['', 'AAAA', bytes.toBase64url(new Uint8Array(281)), bytes.toBase64url(unhex(vectors.challenges[0].token)) + '=']) {
    assert.throws(() => readChallenge(bad))
  }
})

test('base64url is strict', () => {
  for (let n = 0; n < 80; n++) {
    const b = crypto.getRandomValues(new Uint8Array(n))
    assert.deepEqual(bytes.fromBase64url(bytes.toBase64url(b)), b)
    assert.equal(bytes.toBase64url(b), Buffer.from(b).toString('base64url'))
  }
  for (const bad of ['A', 'AB', 'AA==', 'A+AA', 'A/AA', 'AA A', 'AA\n']) assert.throws(() => bytes.fromBase64url(bad), undefined, bad)
})

test('relying parties of origins', () => {
  for (const [origin, rp] of [
    ['https://forum.example', 'forum.example'], ['http://agora.localhost:8080', 'agora.localhost:8080'], ['http://agora.localhost', 'agora.localhost'],
    ['https://xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['http://forum.example', ''], ['https://forum.example:8443', ''], ['null', ''], ['', ''], ['file://', ''], ['https://localhost', ''],
    ['https://127.0.0.1', ''], ['http://127.0.0.1:8080', ''], ['https://[::1]', ''], ['https://forum.example/', ''], ['http://evil.localhost.example', ''],
    ['http://localhost:8080', ''], ['chrome-extension://abc', ''],
  ]) assert.equal(bytes.rpFromOrigin(origin), rp, origin)
})

test('a backup code survives typing, and mistakes are found', async () => {
  for (let i = 0; i < 20; i++) {
    const secret = crypto.getRandomValues(new Uint8Array(32))
    const code = await backupCode(secret)
    assert.match(code, /^PH1(-[0-9A-HJKMNP-TV-Z]{5}){11}$/)
    assert.deepEqual(await readBackupCode(code), secret)
    assert.deepEqual(await readBackupCode(code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l') + '\n'), secret)
    const at = 4 + Math.floor(Math.random() * 40)
    const wrong = code[at] === '-' ? code.slice(0, at + 1) + (code[at + 1] === '7' ? '8' : '7') + code.slice(at + 2) : code.slice(0, at) + (code[at] === '7' ? '8' : '7') + code.slice(at + 1)
    await assert.rejects(readBackupCode(wrong), { code: /backup_m/ })
  }
  for (const bad of ['', 'PH1', 'hello', 'PH1-' + 'A'.repeat(54), 'PH1-' + 'U'.repeat(55)]) await assert.rejects(readBackupCode(bad), { code: 'backup_malformed' })
  await assert.rejects(backupCode(new Uint8Array(31)), { code: 'backup_unsupported' })
})
