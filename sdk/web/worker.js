// The worker of engine.js: loads Go's runtime and the two Go programs, each
// when it is first needed, and passes calls to them and answers back. wallet.wasm
// holds secrets and proves; check.wasm checks posts and is all that a reader
// downloads.
//
// The page's Content-Security-Policy needs script-src 'self' 'wasm-unsafe-eval',
// worker-src 'self', and connect-src with 'self' and the issuer's origin.
// Go's wasm_exec.js is a classic script that defines globalThis.Go; as a module
// it does the same, so import() loads it, without importScripts or eval.
//
// A proof is shared out to further workers of the same kind (helpers.js), if
// start says so: Go has one thread in WebAssembly.
//
// Messages in:  {id, method, args}; the first is "start" with {program, wasmURL, checkURL, workers};
//               method "memory" gives the bytes of each instance, this worker's own first.
// Messages out: {id, value} or {id, error: {code, message, ...}};
//               {stage, done, total} while a call works; {dead: true} if Go ended.

import { Helpers } from './helpers.js'

/**
 * The parts of a dedicated worker's global scope that are used here.
 * @typedef {{
 *   postMessage(message: unknown, transfer?: Transferable[]): void,
 *   addEventListener(type: 'message', listener: (event: {data: any}) => void): void,
 *   Go: new () => {importObject: WebAssembly.Imports, run(instance: WebAssembly.Instance): Promise<void>},
 *   perhumanWallet?: GoObject,
 *   perhumanCheck?: GoObject,
 *   caches?: CacheStorage,
 * }} WorkerScope
 * @typedef {Record<string, (...args: unknown[]) => Promise<unknown>>} GoObject
 * @typedef {'wallet' | 'check'} Program
 */
const scope = /** @type {WorkerScope} */ (/** @type {unknown} */ (globalThis))

const CACHE = 'perhuman-artifacts-1'
const FETCH_TIMEOUT = 30_000

/** @param {string} code @param {string} message */
function failure(code, message) {
  return Object.assign(new Error(message), { code })
}

/**
 * Reads a body and stops as soon as it is larger than it may be.
 * @param {Response} response
 * @param {number} max
 */
async function bounded(response, max) {
  if (!response.body) return new Uint8Array()
  const parts = []
  let size = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > max) {
      await reader.cancel()
      throw failure('source_unavailable', 'answer too large')
    }
    parts.push(value)
  }
  const out = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** The cache is an aid: private windows and plain http have none, and it may be full. */
async function cache() {
  try {
    return await scope.caches?.open(CACHE)
  } catch {
    return undefined
  }
}

/**
 * Fetches a public file: no credentials, no Referer, no redirects, so that the
 * issuer's host learns neither who asks nor for which app.
 * @param {string} url
 * @param {{max: number, keep: boolean, fresh: boolean}} how
 */
async function fetchFile(url, { max, keep, fresh }) {
  // In any cache: the service worker keeps the proving key with the page's other files.
  const hit = keep ? await scope.caches?.match(url).catch(() => undefined) : undefined
  if (hit) return bounded(hit, max)
  /** @type {Response} */
  let response
  try {
    response = await fetch(url, {
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      redirect: 'error',
      cache: fresh ? 'no-store' : 'default',
      signal: AbortSignal.timeout(FETCH_TIMEOUT),
    })
  } catch {
    throw failure('source_unavailable', 'no connection')
  }
  if (response.status !== 200) throw failure('source_unavailable', `HTTP status ${response.status}`)
  const body = await bounded(response, max)
  if (keep) await (await cache())?.put(url, new Response(body.slice())).catch(() => undefined)
  return body
}

/** @param {string} url */
async function forgetFile(url) {
  for (const name of await scope.caches?.keys() ?? []) await (await scope.caches?.open(name))?.delete(url)
}

/** Where the programs are; start may change that. */
const addresses = {
  wallet: new URL('./dist/wallet.wasm', import.meta.url).href,
  check: new URL('./dist/check.wasm', import.meta.url).href,
}

/** Go's loader for the programs. */
const LOADER = new URL('./dist/wasm_exec.js', import.meta.url).href

/** How many workers prove, this one among them; start may change that. */
let workers = 1

/** @type {WebAssembly.Memory[]} */
const memories = []
let helpers = new Helpers()

/** @param {Program} program */
async function run(program) {
  // A computed address, because this file is checked by tsc and Go's is not ours to check.
  await import(LOADER)
  const response = await fetch(addresses[program])
  if (!response.ok) throw failure('source_unavailable', `${program}.wasm: HTTP status ${response.status}`)
  const { Go } = scope
  const go = new Go()
  const type = response.headers.get('Content-Type') ?? ''
  const module = type.startsWith('application/wasm')
    ? await WebAssembly.compileStreaming(response)
    : await WebAssembly.compile(await response.arrayBuffer())
  const instance = await WebAssembly.instantiate(module, go.importObject)
  memories.push(/** @type {WebAssembly.Memory} */ (instance.exports.mem))
  // Go's main runs until it waits for calls; by then its object is there.
  go.run(instance).finally(() => scope.postMessage({ dead: true }))
  const object = program === 'wallet' ? scope.perhumanWallet : scope.perhumanCheck
  if (!object) throw failure('internal_error', `${program}.wasm did not start`)
  if (program === 'wallet') {
    await object.configure({
      fetch: fetchFile,
      forget: forgetFile,
      /** @param {string} stage @param {number} done @param {number} total */
      stage: (stage, done, total) => scope.postMessage({ stage, done, total }),
      helpers: async () => {
        helpers = await Helpers.start(workers - 1, { module, loader: LOADER })
        return helpers
      },
    })
  }
  return object
}

/** @type {Map<Program, Promise<GoObject>>} */
const running = new Map()

/** Starts a program once; after a failure, again. @param {Program} program */
function load(program) {
  let object = running.get(program)
  if (!object) {
    object = run(program)
    running.set(program, object)
    object.catch(() => running.delete(program))
  }
  return object
}

/** @param {{program?: Program, wasmURL?: string, checkURL?: string, workers?: number}} options */
async function start({ program = 'wallet', wasmURL, checkURL, workers: number = 1 }) {
  workers = number
  if (wasmURL) addresses.wallet = wasmURL
  if (checkURL) addresses.check = checkURL
  await load(program)
}

/**
 * @param {string} method
 * @param {any[]} args
 */
async function call(method, args) {
  if (method === 'start') return start(args[0] ?? {})
  if (method === 'memory') return [memories.reduce((sum, m) => sum + m.buffer.byteLength, 0), ...helpers.memory()]
  const object = await load(method === 'checkPost' || method === 'recount' ? 'check' : 'wallet')
  if (method === 'configure' || !Object.hasOwn(object, method)) throw failure('request_invalid', 'no such method')
  return object[method](...args)
}

/** @param {any} e */
function plain(e) {
  const { code = 'internal_error', message = 'the worker failed', state, evidence } = e ?? {}
  return { code: String(code), message: String(message), state, evidence }
}

scope.addEventListener('message', async ({ data: { id, method, args } }) => {
  try {
    const value = await call(method, args)
    scope.postMessage({ id, value })
  } catch (e) {
    scope.postMessage({ id, error: plain(e) })
  } finally {
    // Keys arrive as copies; none stays behind.
    for (const a of args) if (a instanceof Uint8Array) a.fill(0)
  }
})
