// The official Semaphore packages and ours on one running demo: they prove and
// our verifier accepts over HTTP; our prover proves and they accept; and of a
// proof that was changed somehow, both think the same (T25).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { canonicalPost, contentDigest, fromBase64url, toBase64url } from '../../bytes.js'
import { start } from '../support/demo.mjs'
import { forEver, message, nothing, periodAt, scope } from '../support/encodings.mjs'
import { call } from '../support/local.mjs'
import { canonical, mutate } from '../support/mutations.mjs'
import { artifact, close, crowdSecret, DEPTH, importGroup, prove, verifies } from '../support/official.mjs'
import { pack, r, unpack } from '../support/packed.mjs'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const DAY = 86400
const MUTATIONS = process.env.PERHUMAN_LONG === '1' ? 1000 : 100

let demo, key, group, people
/** An official proof that was accepted. */
let valid

before(async () => {
  // Slots belong to a day (UTC): none of this is to run across its end.
  const left = DAY * 1000 - Date.now() % (DAY * 1000)
  if (left < 60_000) await new Promise((resolve) => setTimeout(resolve, left))
  demo = await start()
  people = await demo.crowd()
  key = readFileSync(join(demo.dir, 'app.key'), 'utf8').trim()
  const exported = await call(`${demo.issuer}/demo/export`)
  assert.equal(exported.status, 200)
  group = importGroup(exported.text)
}, { timeout: 180_000 })
after(async () => {
  await close()
  await demo?.stop()
})

const rp = () => new URL(demo.board).host
const asApp = () => ({ Authorization: `Bearer ${key}`, Origin: demo.board })

/** A challenge as an app's server gets it. */
async function challenge(action, content) {
  const { status, json, text } = await call(`${demo.board}/v1/challenges`, { headers: asApp(), body: { action, ...(content && { content_digest: toBase64url(content) }) } })
  assert.equal(status, 200, text)
  return json.challenge
}

/** What our verifier says. */
async function verdict(action, proof, token, content) {
  const { json, text } = await call(`${demo.board}/v1/verify`, { headers: asApp(), body: { action, proof, challenge: token, ...(content && { content_digest: toBase64url(content) }) } })
  assert.equal(typeof json?.code, 'string', text)
  return json
}

/** An official proof by a member of the crowd, for a challenge. */
async function officialProof(member, action, period, slot, token, content = nothing) {
  return prove(crowdSecret(member), group, await message(content, fromBase64url(token)), await scope(rp(), action, period, slot))
}

/** Another nullifier, still a number in range. */
const tampered = (proof) => ({ ...proof, nullifier: ((BigInt(proof.nullifier) + 1n) % r).toString() })

test('the official Group reads our export', () => {
  assert.equal(group.size, people)
  assert.ok(group.size >= 256)
  for (const member of [0, 1, people >> 1, people - 1]) {
    const leaf = group.members[member]
    const path = group.generateMerkleProof(member)
    assert.equal(path.leaf, leaf)
    assert.equal(path.root, group.root)
  }
  // It trusts what it reads, so rebuild: the same leaves give the same root.
  const rebuilt = importGroup('[[]]')
  rebuilt.addMembers(group.members)
  assert.equal(rebuilt.root, group.root)
})

test('an official proof signs in over HTTP, and comes back', { timeout: 60_000 }, async () => {
  const token = await challenge('sign-in')
  const proof = valid = await officialProof(3, 'sign-in', forEver, 0, token)
  assert.ok(await verifies(proof))
  assert.equal((await verdict('sign-in', tampered(proof), token)).code, 'proof_invalid')
  const first = await verdict('sign-in', proof, token)
  assert.deepEqual([first.success, first.code, first.returning, first.nullifier, first.root], [true, 'ok', false, proof.nullifier, group.root.toString()], JSON.stringify(first))
  assert.equal((await verdict('sign-in', proof, token)).code, 'challenge_already_used')
  // The proof of one challenge is nothing under another; a new proof is a return.
  const later = await challenge('sign-in')
  assert.equal((await verdict('sign-in', proof, later)).code, 'message_mismatch')
  const back = await officialProof(3, 'sign-in', forEver, 0, later)
  const second = await verdict('sign-in', back, later)
  assert.deepEqual([second.success, second.returning, second.nullifier], [true, true, proof.nullifier], JSON.stringify(second))
})

test('an official proof posts on the board in the packed form, once a slot', { timeout: 60_000 }, async () => {
  const session = await call(`${demo.board}/api/session`)
  const cookie = session.headers['set-cookie'][0].split(';')[0]
  const asVisitor = { Origin: demo.board, Cookie: cookie }
  const period = periodAt(DAY, Date.now())
  const write = async (text) => {
    const post = { author: 'official', text, created: Math.floor(Date.now() / 1000) }
    const content = await contentDigest('post', canonicalPost({ rp: rp(), ...post }))
    const asked = await call(`${demo.board}/perhuman/challenge`, { headers: asVisitor, body: { action: 'post', content_digest: toBase64url(content) } })
    assert.equal(asked.status, 200, asked.text)
    assert.equal(asked.json.period, DAY)
    const proof = await officialProof(7, 'post', period, 2, asked.json.challenge, content)
    const send = (packed) => call(`${demo.board}/posts`, { headers: { ...asVisitor, 'Perhuman-Response': `${packed.toString('base64url')}.${asked.json.challenge}` }, body: post })
    return { proof, packed: pack(proof), send }
  }
  const good = await write('Proven by the official JavaScript package.')
  const forged = await good.send(pack(tampered(good.proof)))
  assert.equal(forged.json.code, 'proof_invalid', forged.text)
  const posted = await good.send(good.packed)
  assert.equal(posted.status, 201, posted.text)
  assert.equal((await good.send(good.packed)).json.code, 'challenge_already_used')
  const again = await write('The same human, the same slot.')
  const refused = await again.send(again.packed)
  assert.equal(refused.json.code, 'nullifier_already_used', refused.text)
  assert.equal(again.proof.nullifier, good.proof.nullifier)
  // What the board stored is the proof that came in.
  const { text } = await call(`${demo.board}/api/posts/${posted.json.id}/bundle`)
  assert.deepEqual(unpack(fromBase64url(JSON.parse(text).proof)), good.proof)
})

test('the verifier over HTTP counts an official proof once, whatever its form', { timeout: 60_000 }, async () => {
  const content = await contentDigest('raw', new TextEncoder().encode('hello'))
  const period = periodAt(DAY, Date.now())
  const token = await challenge('post', content)
  const proof = await officialProof(11, 'post', period, 4, token, content)
  const alias = { ...proof, nullifier: (BigInt(proof.nullifier) + r).toString() }
  assert.equal((await verdict('post', tampered(proof), token, content)).code, 'proof_invalid')
  assert.equal((await verdict('post', { ...proof, nullifier: '0' + proof.nullifier }, token, content)).code, 'not_canonical')
  assert.equal((await verdict('post', alias, token, content)).code, 'not_canonical')
  assert.equal((await verdict('post', proof, token)).code, 'message_mismatch')
  const accepted = await verdict('post', pack(proof).toString('base64url'), token, content)
  assert.deepEqual([accepted.success, accepted.code, accepted.slot, accepted.k], [true, 'ok', 4, 5], JSON.stringify(accepted))
  const fresh = await challenge('post', content)
  const repeat = await officialProof(11, 'post', period, 4, fresh, content)
  const refused = await verdict('post', repeat, fresh, content)
  assert.deepEqual([refused.success, refused.code, refused.same_message], [false, 'nullifier_already_used', false], JSON.stringify(refused))
})

test('the official verifier accepts what our prover proves, and nothing else', { timeout: 60_000 }, async () => {
  // Our prover in that process works as a bot that posts and then repeats itself.
  const latest = async () => (await call(`${demo.board}/api/posts`)).json.posts.toSorted((a, b) => b.id - a.id)[0] // the feed puts what is made up last
  const before = (await latest()).id
  const prepared = await call(`${demo.board}/api/bot/prepare`, { body: { case: 'replay' }, headers: { Origin: demo.board } })
  assert.equal(prepared.status, 200, prepared.text)
  const newest = await latest()
  assert.ok(newest.id > before && newest.verified)
  const bundle = (await call(`${demo.board}/api/posts/${newest.id}/bundle`)).json
  const proof = unpack(fromBase64url(bundle.proof))
  assert.equal(proof.merkleTreeDepth, DEPTH)
  assert.equal(proof.merkleTreeRoot, group.root.toString())
  // Scope and message are what the bundle says, by our encodings in JavaScript.
  const { rp: site, author, created, text } = bundle.post
  const content = await contentDigest('post', canonicalPost({ rp: site, author, created, text }))
  assert.equal(proof.scope, (await scope(site, bundle.action, bundle.period, bundle.slot)).toString())
  assert.equal(proof.message, (await message(content, fromBase64url(bundle.challenge))).toString())
  assert.equal(await verifies(proof), true)
  const digit = (s) => s.slice(0, -1) + (Number(s.at(-1)) + 1) % 10
  for (const name of ['merkleTreeRoot', 'nullifier', 'message', 'scope']) assert.equal(await verifies({ ...proof, [name]: digit(proof[name]) }), false, name)
  for (let n = 0; n < 8; n++) assert.equal(await verifies({ ...proof, points: proof.points.with(n, digit(proof.points[n])) }), false, `point ${n}`)
  assert.equal(await verifies({ ...proof, merkleTreeDepth: DEPTH - 1 }), false)
})

test(`T25 of ${MUTATIONS} changed proofs we accept none that the official verifier refuses`, { timeout: 600_000 }, async (t) => {
  const token = await challenge('sign-in')
  const bases = [await officialProof(20, 'sign-in', forEver, 0, token), valid]
  assert.ok(await verifies(valid))
  const seed = Number(process.env.PERHUMAN_SEED ?? 1) * 1_000_000
  const cases = Array.from({ length: MUTATIONS }, (_, n) => ({ seed: seed + n, ...mutate(seed + n, bases, globalThis.curve_bn128) }))

  // The library alone, where every canonical case gets as far as the pairing:
  // its verdict is the official one, spelled canonically.
  const judge = join(demo.dir, '..', 'judge')
  execFileSync('go', ['build', '-o', judge, './sdk/web/test/support/judge.go'], { cwd: root, stdio: 'inherit' })
  const lines = cases.map((c) => (c.text.includes('\n') ? '{"a line feed":1}' : c.text) + '\n').join('')
  const ours = execFileSync(judge, { input: lines, encoding: 'utf8', maxBuffer: 1 << 26 }).trimEnd().split('\n')
  assert.equal(ours.length, cases.length)
  const tally = { official: 0, ours: 0, aliases: 0, http: {} }
  const held = []
  for (const [n, c] of cases.entries()) {
    const official = c.meant !== undefined && await verifies(c.meant)
    const accepts = ours[n] === 'true'
    const spelled = c.kind.includes('packed') ? c.meant !== undefined : canonical(c.text)
    const about = `seed ${c.seed}, ${c.kind}: official ${official}, ours ${ours[n]}: ${c.text}`
    assert.equal(accepts, official && spelled, about)
    tally.official += Number(official)
    tally.ours += Number(accepts)
    tally.aliases += Number(official && !spelled)
    if (accepts) {
      held.push(c)
      continue
    }
    // The same over HTTP: refused, and for what the proof is, not because an
    // earlier case used the challenge up.
    const { json, text } = await call(`${demo.board}/v1/verify`, { headers: asApp(), body: `{"action":"sign-in","challenge":"${token}","proof":${c.kind.includes('packed') ? JSON.stringify(c.text) : c.text}}` })
    assert.ok(json?.code && json.success !== true, `${about}: ${text}`)
    assert.doesNotMatch(json.code, /already_used|internal|unavailable|overloaded|rate/, about)
    tally.http[json.code] = (tally.http[json.code] ?? 0) + 1
  }
  t.diagnostic(JSON.stringify(tally))
  assert.ok(tally.http.proof_invalid > MUTATIONS / 20, 'few cases get as far as the pairing')
  assert.ok(tally.aliases > 0 && held.length > 1, 'the cases are too simple')
  // Proofs made over are as good as the first, and count once.
  const codes = []
  for (const c of held.slice(0, 3)) codes.push((await verdict('sign-in', c.kind.includes('packed') ? c.text : JSON.parse(c.text), token)).code)
  assert.deepEqual(codes, ['ok', ...codes.slice(1).map(() => 'challenge_already_used')])
})

test('the artifacts are the pinned ones', async () => {
  const pins = { zkey: '33f9a067a80c7daf90e085449073613a9559a1904dd40aeb6d603afb7988c2cc', wasm: '6f71e55586929e520e76027ebe067daac8b41e2f4b8057313a5fd0304e1e44ee' }
  const { createHash } = await import('node:crypto')
  for (const [kind, pin] of Object.entries(pins)) assert.equal(createHash('sha256').update(readFileSync(artifact(kind))).digest('hex'), pin, kind)
})
