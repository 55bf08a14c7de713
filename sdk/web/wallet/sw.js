// The wallet's service worker: it keeps the wallet's own files, so that the
// wallet opens and proves with no network, and so that its host does not hear
// of each opening, let alone of the app that asked.
//
// It is served with two lines before this text: self.perhumanVersion, and
// self.perhumanFiles with the SHA-256 of every file and the headers of its
// answers. It gives out no bytes but these, whatever its cache or the server
// say. Everything else (the relay, the issuers, any address that is not in the
// list) passes it by and never enters a cache of its.
//
// A new version waits until no consent is open and no wallet is unlocked: pages
// hold the lock perhuman-busy that long (offline.js).

/**
 * @typedef {{path: string, sum: string, kind: string}} Pinned
 * @typedef {{
 *   perhumanVersion: string, perhumanFiles: {headers: Record<string, string>, files: Pinned[]},
 *   location: Location, caches: CacheStorage, navigator: Navigator, registration?: ServiceWorkerRegistration,
 *   clients: {claim(): Promise<void>, matchAll(o: object): Promise<{url: string, postMessage(m: unknown): void}[]>},
 *   skipWaiting(): Promise<void>,
 *   addEventListener(type: string, listener: (event: any) => void): void,
 * }} Scope
 */
const worker = /** @type {Scope} */ (/** @type {unknown} */ (self))
const PREFIX = 'perhuman-wallet-'
const CACHE = PREFIX + worker.perhumanVersion
const { headers, files } = worker.perhumanFiles
/** @type {Map<string, Pinned>} */
const pinned = new Map(files.map((f) => [f.path, f]))

/** @param {ArrayBuffer} bytes */
async function sumOf(bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return btoa(String.fromCharCode(...sum)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The file's bytes from the server, if they are those of this version. @param {Pinned} file */
async function fetched({ path, sum }) {
  const response = await fetch(path, { cache: 'no-cache', credentials: 'omit', referrerPolicy: 'no-referrer', redirect: 'error' })
  if (!response.ok) throw new Error(`${path}: HTTP status ${response.status}`)
  const bytes = await response.arrayBuffer()
  if (await sumOf(bytes) !== sum) throw new Error(`${path} is not of version ${worker.perhumanVersion}`)
  return bytes
}

/** What a cache holds, if it is what this version has. @param {Response | undefined} kept @param {Pinned} file */
async function sound(kept, { sum }) {
  return kept !== undefined && await sumOf(await kept.clone().arrayBuffer()) === sum
}

/** @param {Pinned} file @param {ArrayBuffer} bytes */
const answer = ({ kind }, bytes) => new Response(bytes, { headers: { ...headers, 'Content-Type': kind, 'Content-Length': String(bytes.byteLength) } })

/** Fetches a file and keeps it. @param {Cache} cache @param {Pinned} file */
async function keep(cache, file) {
  const bytes = await fetched(file)
  await cache.put(file.path, answer(file, bytes))
  return answer(file, bytes)
}

/** All of the version or nothing: if one file is not of it, the version is not installed. */
async function fill() {
  const cache = await worker.caches.open(CACHE)
  await Promise.all(files.map(async (file) => { if (!await sound(await cache.match(file.path), file)) await keep(cache, file) }))
}

/** @param {Pinned} file */
async function serve(file) {
  const cache = await worker.caches.open(CACHE)
  const kept = await cache.match(file.path)
  if (kept && await sound(kept, file)) return kept
  try {
    return await keep(cache, file) // cleared or damaged
  } catch {
    worker.registration?.update().catch(() => {}) // the server has moved on, or is away
    return Response.error()
  }
}

/** The file that a request is for, if it is one of ours. @param {Request} request */
function asked(request) {
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return undefined
  if (request.mode === 'navigate') return url.pathname === '/' ? pinned.get('/') : undefined
  return url.search === '' ? pinned.get(url.pathname) : undefined
}

/** Takes over from the version before, unless a consent is open or a wallet unlocked. */
async function takeOver() {
  const asking = (await worker.clients.matchAll({ type: 'window', includeUncontrolled: true })).some(({ url }) => /\?(request|phone)/.test(url))
  if (!asking) await worker.navigator.locks.request('perhuman-busy', { ifAvailable: true }, (lock) => (lock ? worker.skipWaiting() : undefined))
}

async function tidy() {
  for (const name of await worker.caches.keys()) {
    // The second is where the engine keeps the proving key while there is no service worker.
    if (name.startsWith(PREFIX) && name !== CACHE || name === 'perhuman-artifacts-1') await worker.caches.delete(name)
  }
  await worker.clients.claim()
}

/** Has every open wallet read the issuers' sets: what they read is theirs to decide. */
async function refresh() {
  for (const page of await worker.clients.matchAll({ type: 'window' })) page.postMessage({ type: 'perhuman-refresh' })
}

worker.addEventListener('install', (event) => event.waitUntil(fill().then(takeOver)))
worker.addEventListener('activate', (event) => event.waitUntil(tidy()))
worker.addEventListener('message', (event) => {
  if (event.data?.type === 'perhuman-take-over') event.waitUntil(takeOver())
  if (event.data?.type === 'perhuman-version') event.ports[0]?.postMessage(worker.perhumanVersion)
})
worker.addEventListener('periodicsync', (event) => { if (event.tag === 'perhuman-refresh') event.waitUntil(refresh()) })
worker.addEventListener('fetch', (event) => {
  const file = asked(event.request)
  if (file) event.respondWith(serve(file))
})
