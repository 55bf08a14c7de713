// Runs engine.js, worker.js, wallet.wasm and check.wasm together under Node,
// against an issuer and a relying party served by the Go test that starts this
// file (node_test.go).
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { fault } from './browser.mjs'

const base = process.env.PERHUMAN_TEST_URL
const { Engine, EngineError } = await import(process.env.PERHUMAN_TEST_ENGINE)
const { verifyProof } = await import(pathToFileURL(createRequire(process.env.PERHUMAN_TEST_MODULES).resolve('@semaphore-protocol/proof').replace(/\.cjs$/, '.js')))

const options = { wasmURL: `${base}/dist/wallet.wasm`, checkURL: `${base}/dist/check.wasm` }
const post = async (path, body) => {
  const response = await fetch(base + path, { method: 'POST', body: JSON.stringify(body) })
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}
const code = (want) => (e) => e instanceof EngineError && (assert.equal(e.code, want, e.message), true)

/** @type {InstanceType<typeof Engine>} */
let engine
const stages = []
let key, world
before(async () => {
  engine = await Engine.start({ ...options, onstage: (s) => stages.push(s) })
  key = await engine.newKey()
  world = await post('/test/world', {})
})
after(() => engine.close())

const request = async (text, more = {}) => {
  const c = await post('/test/challenge', { text })
  return { origin: world.origin, action: 'post', kind: 'per_epoch', len: 86400, k: 5, challenge: c.challenge, content_digest: c.content_digest, ...more }
}

test('an identity is the official one, and goes out and in', async () => {
  assert.equal(key.length, 32)
  const { Identity } = await import(pathToFileURL(createRequire(process.env.PERHUMAN_TEST_MODULES).resolve('@semaphore-protocol/identity').replace(/\.cjs$/, '.js')))
  const official = new Identity(key)
  const ours = await engine.identity(key)
  assert.equal(ours.commitment, String(official.commitment))
  assert.deepEqual(ours.public_key, official.publicKey.map(String))
  const text = await engine.export(key)
  assert.equal(text, official.export())
  assert.deepEqual(await engine.import(text), key)
  await assert.rejects(engine.import('!!!'), code('secret_invalid'))
  await assert.rejects(engine.import(text + ' '), code('secret_invalid'))
  await assert.rejects(engine.identity(new Uint8Array(8)), code('secret_invalid'))
  await assert.rejects(engine.identity('key'), code('secret_invalid'))
})

test('possession is what the issuer accepts', async () => {
  const nonce = Buffer.alloc(32, 3).toString('base64url')
  const p = await engine.possession(key, { nonce, issuer: world.name })
  await post('/test/possession', { ...p, nonce })
  await assert.rejects(engine.possession(key, { nonce: 'AA', issuer: world.name }), code('request_invalid'))
  await assert.rejects(engine.possession(key, { nonce, issuer: 'Not A Name' }), code('request_invalid'))
})

let state
test('before enrolment: not a member, and no proof', async () => {
  const s = await engine.sync(key, { issuer: world.vkey, at: base, state: null, zkey: null })
  assert.deepEqual([s.member, s.live, s.position], [false, 300, undefined])
  await assert.rejects(engine.prove(key, await request('hello')), code('not_member'))
  state = s.state
})

test('sync, prepare, prove, and the official library verifies', async () => {
  await post('/test/enrol', await engine.identity(key))
  const s = await engine.sync(key, { issuer: world.vkey, at: base, state, zkey: `${base}/semaphore-20.zkey` })
  assert.deepEqual([s.member, s.live, s.position, s.crowd], [true, 301, 300, 301])
  state = s.state
  assert.ok(stages.some((x) => x.stage === 'key'))
  stages.length = 0

  const r = await request('hello')
  const book = await engine.book(r)
  assert.equal(book.rp, world.rp)
  const prompt = await engine.prepare(key, { ...r, rp_keys: [world.rp_key] })
  assert.deepEqual([prompt.book, prompt.left, prompt.crowd, prompt.resend, prompt.key_checked], [book.book, 5, 301, false, true])

  await post('/test/reads', {})
  const recorded = []
  const a = await engine.prove(key, r, { record: async (x) => recorded.push([x.book, x.slot]) })
  assert.deepEqual(recorded, [[book.book, a.slot]])
  assert.deepEqual((await post('/test/reads', {})).reads, [], 'prove used the network')
  assert.ok(stages.length > 0 && stages.every((x) => typeof x.stage === 'string'))

  const { proof } = await post('/test/accept', { response: a.response, text: 'hello', slot: a.slot })
  assert.equal(proof.merkleTreeDepth, 20)
  assert.equal(proof.nullifier, a.nullifier)
  assert.equal(proof.scope, a.scope)
  assert.equal(await verifyProof(proof), true)

  // The same challenge again: the same question, the same bytes, nothing new to record.
  const anew = await engine.prepare(key, { ...r, used: [a.slot] })
  assert.deepEqual([anew.left, anew.crowd, anew.resend], [5, 301, true])
  const again = await engine.prove(key, { ...r, used: [a.slot] }, { record: () => assert.fail('recorded twice') })
  assert.deepEqual([again.response, again.resent], [a.response, true])
})

test('two and four workers prove, and one does when its helpers die', async () => {
  const cases = [['two', 2, {}, 2], ['four', 4, {}, 4], ['a helper that dies', 2, { die: true }, 1], ['a helper that is gone', 2, { mute: true }, 1]]
  await Promise.all(cases.map(async ([name, workers, how, alive], i) => {
    Object.assign(fault, how)
    const told = []
    const helped = await Engine.start({ ...options, workers, onstage: (s) => told.push(s) })
    Object.assign(fault, { die: false, mute: false })
    try {
      await helped.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/semaphore-20.zkey` })
      assert.equal((await helped.memory()).length, workers, name)
      const r = await request(`helped ${i}`, { kind: 'per_epoch', k: 20 + i })
      told.length = 0
      const a = await helped.prove(key, r)
      assert.equal((await helped.memory()).length, alive, name)
      assert.ok(told.every((s, k) => k === 0 || s.done >= told[k - 1].done), name)
      assert.deepEqual([told.at(-1).stage, told.at(-1).done], ['done', told.at(-1).total], name)
      const { proof } = await post('/test/accept', { response: a.response, text: `helped ${i}`, slot: a.slot })
      assert.equal(await verifyProof(proof), true, name)
    } finally {
      helped.close()
    }
  }))
})

test('closing ends a proof that is under way', async () => {
  const helped = await Engine.start({ ...options, workers: 2 })
  await helped.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/semaphore-20.zkey` })
  const proof = helped.prove(key, await request('closed', { k: 30 }))
  setTimeout(() => helped.close(), 50)
  await assert.rejects(proof, code('closed'))
})

test('slots: those written down are not shown again, then quota_exhausted', async () => {
  const used = []
  for (let i = 0; i < 5; i++) {
    const r = await request(`post ${i}`, { used: [...used] })
    assert.equal((await engine.prepare(key, r)).left, 5 - i)
    if (i < 2) {
      const a = await engine.prove(key, r)
      assert.ok(!used.includes(a.slot))
      used.push(a.slot)
    } else {
      used.push([0, 1, 2, 3, 4].find((x) => !used.includes(x)))
    }
  }
  const last = await request('one more', { used })
  await assert.rejects(engine.prove(key, last), code('quota_exhausted'))
  await assert.rejects(engine.prepare(key, { ...last, used: used.slice(0, 3), refused: 2 }), code('slots_refused'))
})

test('a slot that cannot be written down is not shown', async () => {
  const r = await request('lost')
  const full = { record: async () => { throw new Error('quota of the database') } }
  await assert.rejects(engine.prove(key, r, full), code('store_unavailable'))
  await assert.rejects(engine.prove(key, r, full), code('store_unavailable'), 'a repeat is written down too')
})

test('requests that are not for us are refused, each with its code', async () => {
  const good = await request('hello')
  const cases = [
    [{ origin: 'https://evil.example' }, 'challenge_wrong_rp'],
    [{ origin: 'null' }, 'origin_refused'],
    [{ origin: 'http://agora.example' }, 'origin_refused'],
    [{ action: 'vote' }, 'challenge_wrong_action'],
    [{ content_digest: Buffer.alloc(32, 1).toString('base64url') }, 'message_mismatch'],
    [{ content_digest: undefined }, 'message_mismatch'],
    [{ content_digest: 'x' }, 'request_invalid'],
    [{ challenge: 'x' }, 'challenge_invalid'],
    [{ challenge: undefined }, 'challenge_invalid'],
    [{ kind: 'always' }, 'request_invalid'],
    [{ k: 0 }, 'request_invalid'],
    [{ k: 1.5 }, 'request_invalid'],
    [{ k: '5' }, 'request_invalid'],
    [{ len: -1 }, 'request_invalid'],
    [{ used: ['0'] }, 'request_invalid'],
    [{ used: { length: 1 } }, 'request_invalid'],
    [{ rp_keys: [Buffer.alloc(32, 1).toString('base64url')] }, 'challenge_invalid'],
    [{ issuer: 'other.example+00000000+AAAA' }, 'not_synced'],
  ]
  for (const [change, want] of cases) await assert.rejects(engine.prove(key, { ...good, ...change }), code(want), JSON.stringify(change))
  await assert.rejects(engine.prove(key, null), code('request_invalid'))
  await assert.rejects(engine.prove(null, good), code('secret_invalid'))
  await assert.rejects(engine.prove(key, { ...good, challenge: (await post('/test/challenge', { text: 'hello', late: true })).challenge }), code('challenge_expired'))
})

test('sync refuses addresses and keys that are not an issuer’s', async () => {
  const o = { issuer: world.vkey, at: base, state: null }
  await assert.rejects(engine.sync(key, { ...o, at: 'http://issuer.example' }), code('request_invalid'))
  await assert.rejects(engine.sync(key, { ...o, issuer: 'issuer.example+00000000+AAAA' }), code('request_invalid'))
  const fresh = await Engine.start(options)
  await assert.rejects(fresh.sync(key, { ...o, state: new Uint8Array([1, 2, 3]) }), code('request_invalid'))
  await assert.rejects(fresh.sync(key, { ...o, at: base + '/nowhere' }), code('source_unavailable'))
  fresh.close()
})

test('a damaged key in the cache is fetched again; a wrong key at the source is refused', async () => {
  fault.poison = `${base}/semaphore-20.zkey`
  const fresh = await Engine.start(options)
  fault.poison = ''
  const s = await fresh.sync(key, { issuer: world.vkey, at: base, state, zkey: `${base}/semaphore-20.zkey` })
  assert.equal(s.member, true)
  fresh.close()
  const other = await Engine.start(options)
  await assert.rejects(other.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/wrong.zkey` }), code('proof_failed'))
  other.close()
})

test('what was kept proves in another engine, with no word to the issuer; again needs no secret', async (t) => {
  const kept = await engine.again({ issuer: world.vkey })
  assert.ok(kept.paths.length > 100 && kept.issued > 1e9)
  const other = await Engine.start(options)
  t.after(() => other.close())
  const o = { issuer: world.vkey, at: base, state: kept.state, zkey: `${base}/semaphore-20.zkey` }
  await assert.rejects(other.again({ issuer: world.vkey }), code('not_synced'))
  await post('/test/reads', {})
  const s = await other.resume(key, { ...o, paths: kept.paths })
  assert.deepEqual([s.member, s.seq, s.position, s.crowd, s.issued], [true, kept.seq, kept.position, kept.crowd, kept.issued])
  const r = await request('from what was kept')
  await other.prepare(key, r)
  assert.equal((await other.prove(key, r)).response.split('.').length, 2)
  assert.deepEqual((await post('/test/reads', {})).reads.filter((p) => !p.endsWith('.zkey')), [], 'the issuer was asked')
  assert.equal((await other.again({ issuer: world.vkey })).member, true)
  assert.notDeepEqual((await post('/test/reads', {})).reads, [])
  const nobody = await Engine.start(options)
  t.after(() => nobody.close())
  assert.equal((await nobody.resume(await nobody.newKey(), { ...o, paths: kept.paths })).member, false)
  await assert.rejects(nobody.resume(key, { ...o, paths: new Uint8Array(9) }), code('request_invalid'))
})

test('two issuers vouch for one act in one slot; a frozen set is rebuilt from the log; witnesses are demanded', async () => {
  const second = { issuer: world.second, at: base + '/second', state: null, zkey: null }
  assert.deepEqual(await engine.sync(key, second).then((s) => [s.member, s.live]), [true, 281])
  const r = await request('twice', { issuer: world.vkey, also: [world.second], used: [0, 1] })
  assert.equal((await engine.prepare(key, r)).crowd, 281, 'the crowd is the smaller one')
  const recorded = []
  const a = await engine.prove(key, r, { record: (x) => recorded.push(x.slot) })
  const parts = a.response.split('.')
  assert.deepEqual([parts.length, parts[2], recorded], [3, r.challenge, [a.slot]])
  const part = (/** @type {number} */ i, /** @type {number} */ from) => Buffer.from(parts[i], 'base64url').subarray(from, from + 32).toString('hex')
  assert.equal(part(0, 33), part(1, 33), 'one nullifier')
  assert.notEqual(part(0, 1), part(1, 1), 'two roots')

  const frozen = await request('a vote', { kind: 'once', len: undefined, k: undefined, issuer: world.vkey, snapshot: 2 })
  await assert.rejects(engine.prepare(key, frozen), code('not_synced'))
  const freeze = async (seq) => {
    const { member, crowd } = await engine.freeze(key, { issuer: world.vkey, seq })
    return { member, crowd }
  }
  assert.deepEqual(await freeze(1), { member: false, crowd: 300 })
  await assert.rejects(engine.prepare(key, { ...frozen, snapshot: 1 }), code('not_member'))
  assert.deepEqual(await freeze(2), { member: true, crowd: 301 })
  assert.equal((await engine.prepare(key, frozen)).crowd, 301)
  assert.equal((await engine.prove(key, frozen)).response.split('.').length, 2)
  await assert.rejects(engine.freeze(key, { issuer: world.vkey, seq: 99 }), code('request_invalid'))

  const strict = await Engine.start(options)
  const witness = 'witness.example+2a5cd6e5+BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g'
  await assert.rejects(strict.sync(key, { ...second, witnesses: [witness], quorum: 2 }), code('request_invalid'))
  await assert.rejects(strict.sync(key, { ...second, witnesses: [world.second], quorum: 1 }), (e) => ['request_invalid', 'witnesses_missing'].includes(e.code))
  strict.close()
  await engine.sync(key, { issuer: world.vkey, at: base, state, zkey: null }) // the last one synced is the default again
})

test('a fork is detected, comes with evidence, and stays in the state', async () => {
  const fresh = await Engine.start(options)
  /** @type {any} */
  let error
  await assert.rejects(fresh.sync(key, { issuer: world.vkey, at: base + '/fork', state }), (e) => ((error = e), e.code === 'fork_detected'))
  assert.match(error.evidence, /^perhuman\/fork\/1\n/)
  fresh.close()
  const next = await Engine.start(options)
  await assert.rejects(next.sync(key, { issuer: world.vkey, at: base, state: error.state }), code('fork_detected'))
  next.close()
})

test('a post is checked by a page that loads the checker only', async () => {
  const r = await request('für alle', { used: [0, 1] })
  const a = await engine.prove(key, r)
  const { bundle } = await post('/test/accept', { response: a.response, text: 'für alle', slot: a.slot })
  const reader = await Engine.start({ ...options, program: 'check', wasmURL: `${base}/missing.wasm` })
  const check = { issuer: world.vkey, rp_keys: [world.rp_key], max_k: 5 }
  const report = await reader.checkPost(bundle, check)
  assert.deepEqual([report.ok, report.time, report.cap, report.reasons], [true, 'proven', 'proven', []])
  assert.equal(report.nullifier, a.nullifier)
  const codes = async (change, how = check) => {
    const copy = structuredClone(bundle)
    change(copy)
    const bad = await reader.checkPost(copy, how)
    assert.equal(bad.ok, false)
    return bad.reasons.map((x) => x.code)
  }
  assert.deepEqual(await codes((b) => (b.post.text = 'for nobody')), ['text_altered'])
  assert.deepEqual(await codes((b) => (b.extra = 1)), ['malformed'])
  assert.deepEqual(await codes((b) => delete b.proof), ['malformed'])
  assert.deepEqual(await codes((b) => (b.slot = 4 - b.slot === b.slot ? 0 : 4 - b.slot)), ['scope_mismatch'])
  assert.deepEqual((await codes((b) => (b.post.rp = 'other.example'))).sort(), ['scope_mismatch', 'text_altered', 'wrong_rp'])
  assert.ok((await codes((b) => (b.receipt.accepted_at += 1))).includes('receipt_invalid'))
  const bare = structuredClone(bundle)
  delete bare.receipt
  const unproven = await reader.checkPost(bare, check)
  assert.deepEqual([unproven.ok, unproven.time, unproven.cap], [true, 'unproven', 'unproven'])
  for (const nothing of [null, 7, 'text', [], {}]) assert.equal((await reader.checkPost(nothing, check)).reasons[0].code, 'malformed')
  reader.close()
})

test('timeouts, closing and programs that do not start reject', async () => {
  const e = await Engine.start(options)
  await e.sync(key, { issuer: world.vkey, at: base, zkey: `${base}/semaphore-20.zkey` })
  const slow = e.prove(key, await request('hello', { k: 40 }), { timeout: 10 })
  const beside = e.identity(key)
  await assert.rejects(slow, code('timeout'))
  await assert.rejects(beside, code('closed'))
  await assert.rejects(e.identity(key), code('closed'))
  await assert.rejects(Engine.start({ ...options, wasmURL: `${base}/missing.wasm` }), code('source_unavailable'))
  await assert.rejects(engine.identity(() => 0), code('request_invalid'))
})

test('a proof does not wait for a sync that hangs', async () => {
  const hanging = engine.sync(key, { issuer: world.vkey, at: base + '/slow', state }).catch((e) => e)
  const from = performance.now()
  await engine.prepare(key, await request('meanwhile'))
  assert.ok(performance.now() - from < 4000, 'prepare waited for the network')
  assert.equal((await hanging).code, 'source_unavailable')
})
