// The one question of a consent window: who asks first is who asks. The window
// and its opener are event targets here; question() is the page's own.
import assert from 'node:assert/strict'
import { test } from 'node:test'

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

const { question } = await import('../../wallet/question.js')

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
