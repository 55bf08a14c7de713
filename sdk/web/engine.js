// The page's side of the wallet engine: starts worker.js and turns its
// messages into Promises. All cryptography, also the proving, happens in the
// worker; nothing here blocks the page.
//
//   const engine = await Engine.start({ onstage: (s) => show(s) })
//   const key = await engine.newKey()
//   const status = await engine.sync(key, { issuer, at, state, zkey })   // the only call that uses the network
//   const answer = await engine.prove(key, { origin, action, kind, len, k, challenge, content_digest, used },
//     { record: async (a) => writeDown(a.book, a.slot) })
//   engine.close()
//
// Every call has a timeout. A call that passes it closes the engine, because a
// worker that does not answer cannot be trusted to answer the next call. Calls
// reject with EngineError, whose code is one of the wallet's codes, or timeout,
// closed, or worker_failed.
//
// A proof is shared out to up to four workers, as many as the machine seems to
// have room for; start's option workers says otherwise. If one fails, the others
// do its work. To cancel a proof, close the engine: its workers end with it.
//
// Keys are copied into the worker, which overwrites its copies; overwrite yours
// with key.fill(0) when the wallet locks.

import { Calls, EngineError } from './calls.js'

export { EngineError }

/**
 * @typedef {{stage: string, done: number, total: number}} Stage
 * @typedef {{start: number, len: number}} Period
 * @typedef {{commitment: string, public_key: [string, string]}} Identity
 * @typedef {{public_key: [string, string], signature: string, salt: string}} Possession
 * @typedef {{
 *   issuer: string, at: string, state?: Uint8Array | null, zkey?: string | null, device?: Uint8Array | null, witnesses?: string[], quorum?: number, paths?: Uint8Array | null,
 * }} SyncOptions  issuer: verifier key; at: base URL of its files; state: what the last sync gave; zkey: URL of the proving key; device: random
 *   bytes of this device, which set its order of slots apart; witnesses, quorum: how many of which must have cosigned the log. The last three count the first time
 * @typedef {{member: boolean, position?: number, seq: number, live: number, crowd: number, issued: number, state: Uint8Array, paths: Uint8Array}} SyncStatus
 *   issued: when the issuer signed what this is about, unix seconds; paths: keep them, encrypted, beside the state
 * @typedef {{
 *   origin: string, action: string, kind: 'once' | 'returning' | 'per_epoch', len?: number, k?: number,
 *   challenge: string, content_digest?: string, rp_keys?: string[],
 *   used?: number[], refused?: number, issuer?: string, also?: string[], snapshot?: number,
 * }} ProofRequest  issuer: verifier key, by default the last one synced; also: further issuers who are to vouch for the same act; snapshot: the
 *   sequence number of a frozen set, after freeze; origin: as the browser reported it; used: slots written down for this book; refused: how many of the newest of them were called already used
 * @typedef {{book: string, rp: string, period: Period}} Book
 * @typedef {Book & {left: number, crowd: number, resend: boolean, key_checked: boolean, expires: number}} Prompt
 * @typedef {Book & {response: string, nullifier: string, scope: string, slot: number, resent: boolean}} Answer
 * @typedef {{kind: string, vote?: {poll: string, choice: string}, grant?: {agent: string, name: string, can: string[], budget: number, expires: number, revocation: string}}} Bound
 *   agent: its Ed25519 key; can: names of actions; budget: acts in all; expires: unix seconds; revocation: the hash of the secret that ends it
 * @typedef {{issuer: string, rp_keys: string[], max_k?: number, rp?: string, action?: string}} CheckOptions  rp, action: if given, the post must be from there
 */

/** Milliseconds after which a call has failed. Proving takes 1 to 2 s on a laptop; phones and old machines get room. */
const TIMEOUTS = /** @type {const} */ ({ start: 60_000, sync: 120_000, prove: 60_000, checkPost: 60_000, recount: 300_000, other: 15_000 })

/** How many workers prove on this machine: one thread in two, so that the page and everything else go on. */
function room() {
  const threads = globalThis.navigator?.hardwareConcurrency ?? 1
  return threads >= 6 ? 4 : threads >= 2 ? 2 : 1
}

/** A worker resolves addresses against its own, a page means its own. @param {string | URL | undefined} url */
const absolute = (url) => (url ? new URL(url, globalThis.location?.href).href : undefined)

export class Engine {
  #calls

  /** @private Use Engine.start. @param {Calls} calls */
  constructor(calls) {
    this.#calls = calls
  }

  /**
   * Starts a worker and waits until a program runs in it: the wallet, or with program 'check' the checker of posts,
   * which is all that a page for readers needs. The other one is loaded when it is first called. Workers that share in
   * proofs are started by the sync that loads the proving key.
   * @param {{
   *   program?: 'wallet' | 'check', workerURL?: string | URL, wasmURL?: string | URL, checkURL?: string | URL,
   *   onstage?: (stage: Stage) => void, onend?: () => void, timeout?: number, workers?: 1 | 2 | 4,
   * }} [options]  onend: called once when the engine has ended, for whatever reason, also while no call waits
   * @returns {Promise<Engine>}
   */
  static async start({ program = 'wallet', workerURL, wasmURL, checkURL, onstage, onend, timeout = TIMEOUTS.start, workers = room() } = {}) {
    const worker = new Worker(workerURL ?? new URL('./worker.js', import.meta.url), { type: 'module', name: 'perhuman' })
    const engine = new Engine(new Calls(worker, onstage, onend))
    try {
      await engine.#call('start', [{ program, wasmURL: absolute(wasmURL), checkURL: absolute(checkURL), workers }], timeout)
    } catch (e) {
      engine.close()
      throw e
    }
    return engine
  }

  /** Draws a new secret. @returns {Promise<Uint8Array>} */
  newKey() {
    return this.#call('newKey', [])
  }

  /** What is public of a secret. @param {Uint8Array} key @returns {Promise<Identity>} */
  identity(key) {
    return this.#call('identity', [key])
  }

  /**
   * Signs an issuer's session nonce, and derives the salt for the biometric commitment.
   * @param {Uint8Array} key
   * @param {{nonce: string, issuer: string, purpose?: 'enrol' | 'recover' | 'delete'}} request  issuer: its name, not its key
   * @returns {Promise<Possession>}
   */
  possession(key, request) {
    return this.#call('possession', [key, request])
  }

  /**
   * Signs that an announced recovery of this identity's place is to end.
   * @param {Uint8Array} key
   * @param {{announcement: number, issuer: string}} request  announcement: its number in the log; issuer: its name
   * @returns {Promise<Possession>}
   */
  veto(key, request) {
    return this.#call('veto', [key, request])
  }

  /**
   * Reads what the log says about this identity, from an entry on; after sync.
   * @param {Uint8Array} key
   * @param {{issuer: string, from: number}} options
   * @returns {Promise<{list: {op: string, record: number, leaf: number, day: number}[], from: number, next: number}>}
   */
  events(key, options) {
    return this.#call('events', [key, options], TIMEOUTS.sync)
  }

  /**
   * Checks what an issuer signed and, with a proof, the log's entry; no network. Rejects with receipt_invalid or receipt_not_logged.
   * @param {{issuer: string, receipt: string, proof?: string}} options  issuer: verifier key
   * @returns {Promise<{kind: string, issuer: string, commitment: string, at: number, until: number, announcement: number, parties: number, text: string, entry?: {op: string, record: number, day: number}}>}
   */
  receipt(options) {
    return this.#call('receipt', [options])
  }

  /**
   * Reads the issuer's public files and checks them. Call it on a schedule of your own, never because an app asked.
   * @param {Uint8Array} key
   * @param {SyncOptions} options
   * @returns {Promise<SyncStatus>}
   */
  sync(key, options) {
    return this.#call('sync', [key, options], TIMEOUTS.sync)
  }

  /**
   * As sync, but out of what was kept, with no word to the issuer: for a page that was opened to answer.
   * @param {Uint8Array} key
   * @param {SyncOptions} options  with the paths that belong to the state
   * @returns {Promise<SyncStatus>}
   */
  resume(key, options) {
    return this.#call('sync', [key, { ...options, paths: options.paths ?? new Uint8Array() }], TIMEOUTS.sync)
  }

  /**
   * As sync, for an issuer that this engine has synced, or resumed: it needs no secret, so also while the wallet is locked.
   * @param {{issuer: string}} options
   * @returns {Promise<SyncStatus>}
   */
  again(options) {
    return this.#call('sync', [null, options], TIMEOUTS.sync)
  }

  /**
   * Rebuilds the set as it was at a sequence number, out of the whole public log, for policies over a frozen set.
   * @param {Uint8Array} key
   * @param {{issuer: string, seq: number}} options
   * @returns {Promise<{member: boolean, crowd: number, paths: Uint8Array}>}
   */
  freeze(key, options) {
    return this.#call('freeze', [key, options], TIMEOUTS.sync)
  }

  /**
   * Names the book in which a request's slots are counted: look up what is written down for it, pass it as used.
   * @param {Omit<ProofRequest, 'challenge'>} request
   * @returns {Promise<Book>}
   */
  book(request) {
    return this.#call('book', [request])
  }

  /**
   * Reads what a proof is to be bound to from the bytes that it will be bound to, for the consent screen: a vote, a grant,
   * or of another kind only the kind. Rejects bytes of another digest, and votes and grants for another site.
   * @param {{origin: string, content_digest: string, kind: string, bytes: Uint8Array}} content
   * @returns {Promise<Bound>}
   */
  bound(content) {
    return this.#call('bound', [content])
  }

  /**
   * Applies every rule to a request and proves nothing: for the consent screen. Rejects where prove would.
   * @param {Uint8Array} key
   * @param {ProofRequest} request
   * @returns {Promise<Prompt>}
   */
  prepare(key, request) {
    return this.#call('prepare', [key, request])
  }

  /**
   * Makes the proof, with no network. The slot must be written down before the response is shown to anybody: do it in
   * record, which is awaited before the answer is returned, or between this call and showing. If record fails, so does
   * prove, and nothing has been shown. record is not called for a slot that the request lists as used.
   * @param {Uint8Array} key
   * @param {ProofRequest} request
   * @param {{record?: (answer: Answer) => unknown, timeout?: number}} [options]
   * @returns {Promise<Answer>}
   */
  async prove(key, request, { record, timeout = TIMEOUTS.prove } = {}) {
    /** @type {Answer} */
    const answer = await this.#call('prove', [key, request], timeout)
    // Also when the same bytes come again: the first time, writing down may have failed.
    if (record && !request.used?.includes(answer.slot)) {
      try {
        await record(answer)
      } catch (e) {
        throw new EngineError({ code: 'store_unavailable', message: e instanceof Error ? e.message : 'the slot could not be written down' })
      }
    }
    return answer
  }

  /**
   * Checks a post bundle with nothing but the issuer's key and the app's: no network.
   * @param {object} bundle  as parsed from JSON
   * @param {CheckOptions} options
   * @returns {Promise<any>}
   */
  checkPost(bundle, options) {
    return this.#call('checkPost', [bundle, options], TIMEOUTS.checkPost)
  }

  /**
   * Counts a poll again, every proof of it, with no network.
   * @param {{poll: string, issuer: string, log: string, receipts: string[]}} options  poll: the file's text; issuer, log: verifier keys; receipts: signed checkpoints that voters kept
   * @returns {Promise<{ok: boolean, closed: boolean, poll: any, size: number, voters: number, counts: Record<string, number>, faults: {entry: number, code: string, detail: string}[]}>}
   */
  async recount(options) {
    return JSON.parse(await this.#call('recount', [options], TIMEOUTS.recount))
  }

  /** Bytes of memory of each program that runs: the worker's own, then those of its helpers. @returns {Promise<number[]>} */
  memory() {
    return this.#call('memory', [])
  }

  /** The official text form of an identity, base64. @param {Uint8Array} key @returns {Promise<string>} */
  export(key) {
    return this.#call('exportKey', [key])
  }

  /** Reads the official text form, strictly. @param {string} text @returns {Promise<Uint8Array>} */
  import(text) {
    return this.#call('importKey', [text])
  }

  /** Ends the worker; calls that wait reject with code closed. */
  close() {
    this.#calls.end('closed', 'the engine was closed')
  }

  /**
   * @param {string} method
   * @param {unknown[]} args
   * @param {number} [timeout]
   * @returns {Promise<any>}
   */
  #call(method, args, timeout = TIMEOUTS.other) {
    return this.#calls.call(method, args, timeout)
  }
}
