// A page that was made of two versions starts again before it does anything.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { same } from '../../wallet/same.js'

/** A worker of a version, or one that never says which. @param {string} [version] */
const worker = (version) => ({ postMessage: (m, [port]) => {
  assert.deepEqual(m, { type: 'perhuman-version' })
  if (version) port.postMessage(version)
  else port.close()
} })

/** @param {string} version @param {string | undefined | null} now null: no worker */
function page(version, now, kept = new Map()) {
  const p = { did: 0, version, controller: now === null ? null : worker(now), again: () => { p.did++ }, tried: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v) }, patience: 50 }
  return p
}

test('a page of one version goes on', async () => {
  for (const p of [page('v1', 'v1'), page('v1', null), page('', 'v1'), page('v1', undefined)]) {
    assert.equal(await same(p), true)
    assert.equal(p.did, 0)
  }
})

test('a page of two starts again, once', async () => {
  const kept = new Map()
  const first = page('v1', 'v2', kept)
  assert.equal(await same(first), false)
  assert.equal(first.did, 1)
  assert.equal(await same(page('v2', 'v2', kept)), true, 'the one it became')
  const still = page('v1', 'v2', kept)
  assert.equal(await same(still), true, 'a page that cannot become another one')
  assert.equal(still.did, 0)
  assert.equal(await same(page('v2', 'v3', kept)), false, 'a later version')
})
