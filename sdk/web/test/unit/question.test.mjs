// The one question of a consent window: who asks first is who asks. The window
// and its opener are event targets here; question() is the page's own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalPost, concat, contentDigest, encode, sha256, toBase64url, uint } from '../../bytes.js'

/** A window with an opener, and what was posted to that. */
function open() {
  const page = new EventTarget(), told = []
  const opener = { postMessage: (message, to) => told.push({ ...message, to }) }
  globalThis.window = Object.assign(page, { opener })
  globalThis.addEventListener = page.addEventListener.bind(page)
  const say = (data, origin = 'https://forum.example', source = opener) =>
    page.dispatchEvent(Object.assign(new Event('message'), { data: { type: 'perhuman-request', ...data }, origin, source }))
  return { told, say }
}

const { consistent, question } = await import('../../wallet/question.js')

test('an opener that asks twice has asked once: the second question changes nothing and is not answered', async () => {
  const { told, say } = open()
  const heard = question()
  say({ action: 'post', k: 1 })
  say({ action: 'vote', k: 9 })
  const r = await heard
  say({ action: 'vote', k: 9 })
  assert.equal(r.action, 'post')
  assert.equal(r.k, 1)
  assert.equal(r.rp, 'forum.example')
  assert.deepEqual(told, [{ type: 'perhuman-ready', to: '*' }], 'something was said before a click')
})

test('after the first question another origin is refused, and another window is not heard at all', async () => {
  const { told, say } = open()
  const heard = question()
  say({ action: 'early' }, 'https://forum.example', { postMessage() { throw new Error('written to') } }) // another tab of the app
  say({ type: 'other', action: 'no question' })
  say({ action: 'post' })
  say({ action: 'post' }, 'https://evil.example')
  const r = await heard
  assert.equal(r.action, 'post')
  assert.equal(r.origin, 'https://forum.example')
  assert.deepEqual(told.slice(1), [{ type: 'perhuman-error', code: 'origin_refused', to: 'https://evil.example' }])
  r.tell({ type: 'perhuman-error', code: 'cancelled' })
  assert.equal(told.at(-1).to, 'https://forum.example', 'the answer went to somebody else')
})

test('an origin that is not a site is refused and does not take the turn of one that is', async () => {
  const { told, say } = open()
  const heard = question()
  say({ action: 'post' }, 'null')
  say({ action: 'read' })
  assert.equal((await heard).action, 'read')
  assert.equal(told[1].code, 'origin_refused')
})

test('a window that nobody opened has no question', async () => {
  open()
  window.opener = null
  await assert.rejects(question(), { code: 'request_invalid' })
})

/** A question as an honest page asks it, with what is changed after its challenge was made, and before. */
async function asked(changed = {}, { origin = 'https://forum.example', rp = 'forum.example', action = 'post', digest = new Uint8Array(32), ahead = 0, life = 300 } = {}) {
  const issued = Math.floor(Date.now() / 1000) + ahead, hash = (/** @type {string} */ text) => sha256(encode(text))
  const body = concat(new Uint8Array([1]), new Uint8Array(8), crypto.getRandomValues(new Uint8Array(32)), await hash(rp), await hash(action), await hash(origin), new Uint8Array(32), digest, uint(issued, 8), uint(issued + life, 8))
  const challenge = toBase64url(concat(body, new Uint8Array(64)))
  return { origin: 'https://forum.example', rp: 'forum.example', action: 'post', kind: 'per_epoch', len: 86400, k: 5, challenge, content_digest: toBase64url(digest), tell() {}, ...changed }
}

test('an honest question is good until its challenge ends', async () => {
  const now = Math.floor(Date.now() / 1000)
  for (const changed of [{}, { kind: 'once', len: 0, k: 1 }, { kind: 'returning', len: 0, k: 1 }, { issuers: ['i+1+k'], all: true, snapshot: 7, min_seq: 3 }, { bound: { kind: 'raw', bytes: '' } }]) {
    const until = await consistent(/** @type {any} */ (await asked(changed)))
    assert.ok(until >= now + 300 && until < now + 320)
  }
})

test('what is not a question is refused, whatever its fields are', async () => {
  const hostile = [undefined, null, 5, 'x', [], {}, { length: 1 }, 2 ** 53, -1, 1.5, NaN, Infinity, 10n, 'x'.repeat(1e6), { toString: 'post' }, JSON.parse('{"__proto__": {"action": "post"}}')]
  for (const [field, fine] of /** @type {[string, unknown[]][]} */ ([
    ['action', ['x']], ['kind', []], ['len', [5]], ['k', [5]], ['content_digest', []], ['content', [undefined]], ['bound', [undefined]], ['issuers', [undefined]], ['all', [undefined]], ['snapshot', [undefined, 5]], ['min_seq', [undefined, 5]],
  ])) {
    for (const value of hostile.filter((v) => !fine.includes(v))) {
      await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ [field]: value }))), { code: 'request_invalid' }, `${field}: ${typeof value} ${String(JSON.stringify(typeof value === 'bigint' ? 'big' : value)).slice(0, 60)}`)
    }
  }
  for (const changed of [
    { action: 'Post' }, { action: 'p\u202eost' }, { action: 'a'.repeat(129) }, { action: '' }, { kind: 'once' }, { kind: 'twice', len: 0 }, { kind: 'returning', len: 60 }, { len: 0 }, { k: 0 }, { k: 1001 },
    { issuers: Array(17).fill('i') }, { issuers: ['i'.repeat(1025)] }, { issuers: [7] }, { all: true }, { bound: { kind: 'raw', bytes: 'A'.repeat(5465) } }, { bound: { kind: 7, bytes: '' } }, { bound: { kind: 'raw', bytes: '=' } },
    { bound: { kind: 'raw', bytes: '' }, content: { kind: 'post', author: 'a', created: 1, text: '' } },
  ]) await assert.rejects(async () => consistent(/** @type {any} */ (await asked(changed))), { code: 'request_invalid' }, JSON.stringify(changed).slice(0, 80))
  const before = performance.now()
  for (const challenge of [...hostile, 'A'.repeat(375), 'A'.repeat(3e7)]) await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ challenge }))), { code: 'challenge_invalid' })
  assert.ok(performance.now() - before < 2000, 'a huge challenge holds the window up')
})

test('a challenge for something else, or of another time, is refused', async () => {
  for (const [made, code] of /** @type {[any, string][]} */ ([
    [{ rp: 'evil.example' }, 'challenge_wrong_rp'], [{ origin: 'https://evil.example' }, 'challenge_wrong_origin'], [{ action: 'vote' }, 'challenge_wrong_action'],
    [{ ahead: 90 }, 'clock_behind'], [{ ahead: -400 }, 'challenge_expired'], [{ ahead: -1000 }, 'clock_ahead'], [{ ahead: 2 ** 52 }, 'clock_behind'],
  ])) await assert.rejects(async () => consistent(/** @type {any} */ (await asked({}, made))), { code }, JSON.stringify(made))
  await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ rp: '' }))), { code: 'origin_refused' })
  await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ content_digest: 'B'.repeat(42) + 'A' }))), { code: 'message_mismatch' })
  // The relay's clock tells a phone that is ahead from a code that is over.
  const over = { ahead: -400 }, now = Date.now() / 1000
  await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ at: now - 390 }, over))), { code: 'clock_ahead' })
  for (const at of [now, NaN]) await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ at }, over))), { code: 'challenge_expired' })
})

test('a post is shown only if it is what is bound', async () => {
  const post = { kind: 'post', author: 'ana', created: 1_800_000_000, text: 'Grüße \u202e!' }
  const digest = await contentDigest('post', canonicalPost({ rp: 'forum.example', ...post }))
  await consistent(/** @type {any} */ (await asked({ content: post }, { digest })))
  for (const [changed, code] of /** @type {[any, string][]} */ ([
    [{ text: 'other' }, 'message_mismatch'], [{ author: 'bob' }, 'message_mismatch'], [{ created: 5 }, 'message_mismatch'],
    [{ kind: 'vote' }, 'request_invalid'], [{ author: '' }, 'request_invalid'], [{ author: 'a'.repeat(256) }, 'request_invalid'], [{ text: 7 }, 'request_invalid'], [{ text: 'a'.repeat(2 ** 20 + 1) }, 'request_invalid'],
    [{ created: -1 }, 'request_invalid'], [{ text: 'e\u0301' }, 'request_invalid'], [{ text: 'a\0' }, 'request_invalid'],
  ])) await assert.rejects(async () => consistent(/** @type {any} */ (await asked({ content: { ...post, ...changed } }, { digest }))), { code }, JSON.stringify(changed))
})
