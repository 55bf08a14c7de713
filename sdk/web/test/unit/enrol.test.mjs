// The wallet's side of the issuer's window, which are event targets here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enrol } from '../../wallet/enrol.js'

const issuer = { name: 'issuer.example', at: 'https://issuer.example', vkey: '' }
const own = { commitment: '7', public_key: ['1', '2'], secret: 'never' }

/** @param {Promise<any>} identity */
function open(identity) {
  const page = new EventTarget(), told = []
  const popup = { closed: false, postMessage: (message, to) => told.push({ ...message, to }) }
  globalThis.window = Object.assign(page, { open: () => popup })
  globalThis.addEventListener = page.addEventListener.bind(page)
  const say = (data, origin = issuer.at, source = popup) => page.dispatchEvent(Object.assign(new Event('message'), { data, origin, source }))
  const did = []
  const holder = { identity: () => identity, possess: async () => ({ signature: 's', salt: 't' }), enrolled: async (...x) => void did.push(x.slice(1)) }
  return { popup, told, say, did, done: enrol(holder, issuer, (step) => did.push(step)) }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

test('the issuer is there before the engine: it gets its answer when that is', async () => {
  let ready
  const w = open(new Promise((resolve) => { ready = resolve }))
  w.say({ type: 'perhuman-issuer-ready' }) // once
  await settled()
  assert.deepEqual(w.told, [])
  ready(own)
  await settled()
  assert.deepEqual(w.told, [{ type: 'perhuman-enrol', commitment: '7', public_key: ['1', '2'], purpose: 'enrol', to: issuer.at }])
  w.say({ type: 'perhuman-possess', issuer: 'issuer.example', nonce: 'n' })
  await settled()
  assert.deepEqual(w.told[1], { type: 'perhuman-possession', signature: 's', salt: 't', public_key: ['1', '2'], to: issuer.at })
  w.say({ type: 'perhuman-enrolled', id: 'i', receipt: 'r' })
  await w.done
  assert.deepEqual(w.did, ['opened', 'possession', [issuer, 'i', 'r'], 'enrolled'].map((x) => (Array.isArray(x) ? x.slice(1) : x)))
})

test('another window or origin is not heard; a wallet that cannot open its engine says so; a closed window ends it', async () => {
  const w = open(Promise.resolve(own))
  w.say({ type: 'perhuman-issuer-ready' }, 'https://evil.example')
  w.say({ type: 'perhuman-issuer-ready' }, issuer.at, {})
  await settled()
  assert.deepEqual(w.told, [])
  w.popup.closed = true
  await assert.rejects(w.done, { code: 'cancelled' })
  await assert.rejects(open(Promise.reject(Object.assign(new Error(), { code: 'engine_missing' }))).done, { code: 'engine_missing' })
})
