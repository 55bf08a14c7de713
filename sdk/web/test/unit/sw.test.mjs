// The wallet's service worker, run with caches, a network and a life cycle of
// the test's own: it installs all or nothing, gives out the bytes of its version
// or none, keeps out of everything else, and waits for open consents.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createContext, runInContext } from 'node:vm'

const source = readFileSync(new URL('../../wallet/sw.js', import.meta.url), 'utf8')
const origin = 'https://wallet.example'
const pin = (/** @type {string} */ path, /** @type {string} */ body) => ({ path, sum: createHash('sha256').update(body).digest('base64url'), kind: 'text/plain' })
const first = { '/': 'page', '/perhuman/a.js': 'script', '/perhuman/key.zkey': 'key' }

/** Caches of a browser. */
function storage() {
  /** @type {Map<string, Map<string, Response>>} */
  const all = new Map()
  return {
    all,
    async open(name) {
      if (!all.has(name)) all.set(name, new Map())
      const held = all.get(name)
      return { match: async (path) => held.get(path)?.clone(), put: async (path, r) => void held.set(path, r.clone()) }
    },
    keys: async () => [...all.keys()],
    delete: async (name) => all.delete(name),
  }
}

/** A worker of one version. @param {{version?: string, files?: Record<string, string>, served?: Record<string, string>, caches?: ReturnType<typeof storage>, pages?: string[], busy?: boolean}} o */
function run({ version = 'v1', files = first, served = { ...files }, caches = storage(), pages = [], busy = false } = {}) {
  const listeners = {}, asked = [], did = []
  const self = {
    perhumanVersion: version, perhumanFiles: { headers: { 'Content-Security-Policy': "default-src 'none'" }, files: Object.entries(files).map(([p, b]) => pin(p, b)) },
    location: new URL(origin + '/sw.js'), caches,
    navigator: { locks: { request: async (_name, _how, work) => work(busy ? null : {}) } },
    clients: { claim: async () => void did.push('claim'), matchAll: async () => pages.map((url) => ({ url, postMessage: (m) => did.push(m.type) })) },
    skipWaiting: async () => void did.push('skip'), registration: { update: async () => void did.push('update') },
    addEventListener: (type, f) => { listeners[type] = f },
  }
  const fetch = async (path, how) => {
    asked.push([path, how.credentials, how.referrerPolicy, how.redirect].join(' '))
    if (served[path] === undefined) throw new TypeError('no network')
    return new Response(served[path])
  }
  runInContext(source, createContext({ self, crypto, Response, URL, fetch, btoa, String, Map, Uint8Array, Promise, Error, Object, TypeError }))
  const wait = async (type, event = {}) => {
    /** @type {Promise<unknown>[]} */
    const until = []
    listeners[type]({ ...event, waitUntil: (p) => until.push(p) })
    await Promise.all(until)
  }
  const get = async (url, { method = 'GET', mode = 'cors' } = {}) => {
    let answer
    listeners.fetch({ request: { url: new URL(url, origin).href, method, mode }, respondWith: (p) => { answer = p } })
    return answer
  }
  return { caches, asked, did, wait, get, served }
}

test('it installs what the server has, if it is all of this version', async () => {
  const w = run()
  await w.wait('install')
  assert.deepEqual(w.asked.sort(), Object.keys(first).map((p) => `${p} omit no-referrer error`).sort())
  await w.wait('activate')
  assert.deepEqual(w.did, ['skip', 'claim'])
  w.asked.length = 0
  for (const [path, body] of Object.entries(first)) {
    const answer = await w.get(path, { mode: path === '/' ? 'navigate' : 'cors' })
    assert.equal(await answer.text(), body)
    assert.equal(answer.headers.get('Content-Security-Policy'), "default-src 'none'")
  }
  assert.equal(await (await w.get('/?request', { mode: 'navigate' })).text(), 'page')
  assert.deepEqual(w.asked, [], 'the network was used')
})

test('one byte of another version, and nothing is installed', async () => {
  for (const served of [{ ...first, '/perhuman/a.js': 'Script' }, { '/': 'page', '/perhuman/a.js': 'script' }]) {
    await assert.rejects(run({ served }).wait('install'))
  }
})

test('what is in the cache by damage or malice is not given out', async () => {
  const w = run()
  await w.wait('install')
  const held = w.caches.all.get('perhuman-wallet-v1')
  held.set('/perhuman/a.js', new Response('evil'))
  assert.equal(await (await w.get('/perhuman/a.js')).text(), 'script', 'fetched again')
  held.set('/perhuman/a.js', new Response('evil'))
  w.served['/perhuman/a.js'] = 'the next version'
  assert.equal((await w.get('/perhuman/a.js')).type, 'error')
  assert.deepEqual(w.did.slice(-1), ['update'])
  held.delete('/perhuman/key.zkey')
  delete w.served['/perhuman/key.zkey']
  assert.equal((await w.get('/perhuman/key.zkey')).type, 'error')
})

test('the relay, the issuers, other addresses and other methods pass it by', async () => {
  const w = run()
  await w.wait('install')
  const before = [...w.caches.all.get('perhuman-wallet-v1').keys()]
  for (const [url, how] of /** @type {[string, object][]} */ ([['/relay/abc/question', {}], ['/relay', { method: 'POST' }], ['/perhuman/a.js?x', {}], ['/perhuman/a.js', { method: 'POST' }],
    ['/other', { mode: 'navigate' }], ['/', { method: 'POST', mode: 'navigate' }], ['https://issuer.example/', {}], ['https://issuer.example/perhuman/a.js', {}], ['https://issuer.example/head', {}]])) {
    assert.equal(await w.get(url, how), undefined, url)
  }
  assert.deepEqual([...w.caches.all.get('perhuman-wallet-v1').keys()], before)
})

test('a new version fetches all it has not, waits for consents and unlocked wallets, and then drops the old', async () => {
  const caches = storage()
  const old = run({ caches })
  await old.wait('install')
  await (await caches.open('perhuman-artifacts-1')).put('/perhuman/key.zkey', new Response('key'))
  await (await caches.open('another-app')).put('/x', new Response('x'))
  const files = { ...first, '/perhuman/a.js': 'script 2' }
  for (const o of [{ pages: [origin + '/?request'] }, { pages: [origin + '/?phone'] }, { pages: [origin + '/'], busy: true }]) {
    const next = run({ version: 'v2', files, caches, ...o })
    await next.wait('install')
    await next.wait('message', { data: { type: 'perhuman-take-over' } })
    assert.deepEqual(next.did, [], JSON.stringify(o))
    assert.equal(await (await old.get('/perhuman/a.js')).text(), 'script', 'the old one serves its own')
  }
  const next = run({ version: 'v2', files, caches, pages: [origin + '/'] })
  await next.wait('message', { data: { type: 'something else' } })
  assert.deepEqual(next.did, [])
  await next.wait('message', { data: { type: 'perhuman-take-over' } })
  assert.deepEqual(next.did, ['skip'])
  await next.wait('activate')
  assert.deepEqual((await caches.keys()).sort(), ['another-app', 'perhuman-wallet-v2'])
  assert.equal(await (await next.get('/perhuman/a.js')).text(), 'script 2')
})

test('periodic sync tells open wallets, and reads nothing itself', async () => {
  const w = run({ pages: [origin + '/'] })
  await w.wait('periodicsync', { tag: 'other' })
  assert.deepEqual(w.did, [])
  await w.wait('periodicsync', { tag: 'perhuman-refresh' })
  assert.deepEqual([w.did, w.asked], [['perhuman-refresh'], []])
})

test('it says which version it is', async () => {
  for (const version of ['v1', 'v2']) {
    /** @type {unknown[]} */
    const heard = []
    await run({ version }).wait('message', { data: { type: 'perhuman-version' }, ports: [{ postMessage: (m) => heard.push(m) }] })
    assert.deepEqual(heard, [version])
  }
})
