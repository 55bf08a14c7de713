// The wallet without its looks: the vault, the unlocked secret, the engine
// that proves, and what is known of the issuer. It tells of changes by the
// event 'change'.

import { Engine } from '../engine.js'
import { Books } from './books.js'
import * as custody from './custody.js'
import * as db from './db.js'

/**
 * @typedef {{name: string, vkey: string, at: string}} Issuer
 * @typedef {{member: boolean, seq: number, live: number, crowd: number}} Membership
 * @typedef {{origin: string, rp: string, action: string, kind: Kind, len: number, k: number, challenge: string, content_digest: string}} Ask
 * @typedef {import('../engine.js').ProofRequest['kind']} Kind
 */

const idle = 5 * 60_000 // until the wallet locks by itself

export class Holder extends EventTarget {
  /** @type {Issuer[]} */
  issuers = []
  /** @type {custody.Vault | undefined} */
  vault
  /** @type {Books | undefined} */
  books
  /** @type {Membership | undefined} */
  membership
  /** @type {import('./books.js').Enrolment | undefined} */
  enrolment

  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #secret
  /** @type {Promise<Engine> | undefined} */
  #engine
  #timer = 0

  /** Reads what is stored; starts to load the engine at once. */
  static async start() {
    const holder = new Holder()
    holder.engine().catch(() => {}) // whoever needs it next hears of the failure
    const [config, vault] = await Promise.all([
      fetch('/perhuman/wallet/config.json').then((r) => r.json()), custody.load(),
    ])
    holder.issuers = config.issuers
    holder.vault = vault
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => holder.#awake(), { passive: true })
    return holder
  }

  get locked() { return this.#secret === undefined }
  /** The first issuer; wallets with several come later. */
  get issuer() { return this.issuers[0] }

  /** @returns {Promise<Engine>} the engine, started once; again after it failed */
  engine() {
    if (this.#engine) return this.#engine
    const started = Engine.start({
      workerURL: '/perhuman/worker.js', wasmURL: '/perhuman/dist/wallet.wasm',
      onstage: (stage) => this.dispatchEvent(new CustomEvent('stage', { detail: stage })),
    }).catch((/** @type {unknown} */ err) => {
      this.#engine = undefined
      throw Object.assign(new Error('engine', { cause: err }), { code: 'engine_missing' })
    })
    this.#engine = started
    return started
  }

  /** Forgets an engine that closed itself after a timeout or a crash. @param {unknown} err @returns {never} */
  #failed(err) {
    if (['timeout', 'closed', 'worker_failed'].includes(/** @type {any} */ (err)?.code)) this.#engine = undefined
    throw err
  }

  #changed() { this.dispatchEvent(new Event('change')) }

  #awake() {
    clearTimeout(this.#timer)
    if (this.#secret) this.#timer = window.setTimeout(() => this.lock(), idle)
  }

  lock() {
    this.#secret?.fill(0)
    this.#secret = undefined
    this.books = undefined
    this.membership = undefined
    this.enrolment = undefined
    clearTimeout(this.#timer)
    this.#changed()
  }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  async #take(secret) {
    this.books = await Books.open(secret)
    this.enrolment = await this.books.enrolment(this.issuer.vkey)
    this.#secret = secret
    this.#awake()
    this.#changed()
  }

  #open() {
    if (!this.#secret || !this.books) throw Object.assign(new Error('locked'), { code: 'locked' })
    return { secret: this.#secret, books: this.books }
  }

  /**
   * Makes a vault for a new secret, or for one that was imported.
   * @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap
   * @param {Uint8Array<ArrayBuffer>} [imported]
   */
  async create(wrap, imported) {
    const secret = imported ?? new Uint8Array(await (await this.engine()).newKey())
    const vault = { version: /** @type {1} */ (1), created: Math.floor(Date.now() / 1000), ways: [await wrap(secret)], backedUp: imported !== undefined }
    await custody.save(vault)
    await db.persist()
    this.vault = vault
    await this.#take(secret)
  }

  /** Adds another way to open the vault. @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap */
  async addWay(wrap) {
    const { secret } = this.#open()
    if (!this.vault) return
    this.vault.ways.push(await wrap(secret))
    await custody.save(this.vault)
    this.#changed()
  }

  /** @param {custody.Wrapped} way @param {string} passphrase */
  async unlock(way, passphrase) {
    await this.#take(await custody.openWay(way, passphrase))
  }

  /** The backup code, or the long form for secrets that were imported with another length. */
  async backup() {
    const { secret } = this.#open()
    return secret.length === 32 ? custody.backupCode(secret) : (await this.engine()).export(secret)
  }

  async backedUp() {
    if (!this.vault) return
    this.vault.backedUp = true
    await custody.save(this.vault)
    this.#changed()
  }

  /** Reads a backup code or an identity exported by an official Semaphore client. @param {string} text */
  async read(text) {
    if (/^\s*ph[1il]/i.test(text) && !/[+/=]/.test(text)) return custody.readBackupCode(text)
    return new Uint8Array(await (await this.engine()).import(text.trim()))
  }

  async wipe() {
    this.lock()
    await db.wipe()
    this.vault = undefined
    this.#changed()
  }

  async identity() {
    const { secret } = this.#open()
    return (await this.engine()).identity(secret)
  }

  /** Signs that this wallet holds the identity being enrolled. @param {string} nonce */
  async possess(nonce) {
    const { secret } = this.#open()
    return (await this.engine()).possession(secret, { nonce, issuer: this.issuer.name })
  }

  /** @param {string} id @param {string} receipt */
  async enrolled(id, receipt) {
    const { books } = this.#open()
    this.enrolment = { id, receipt, enrolled: Math.floor(Date.now() / 1000) }
    await books.keepEnrolment(this.issuer.vkey, this.enrolment)
    this.#changed()
  }

  /** Reads the issuer's log and set. All network traffic of a proof happens here. */
  async sync() {
    const { secret, books } = this.#open()
    const { vkey, at } = this.issuer
    const engine = await this.engine()
    try {
      const seen = await engine.sync(secret, { issuer: vkey, at, state: await books.state(vkey), zkey: new URL('/perhuman/semaphore-20.zkey', location.href).href })
      await books.keepState(vkey, seen.state)
      if (this.locked) return
      this.membership = { member: seen.member, seq: seen.seq, live: seen.live, crowd: seen.crowd }
      this.#changed()
    } catch (err) {
      const kept = /** @type {any} */ (err)?.state // what a failed read proved stays known, a fork above all
      if (kept instanceof Uint8Array) await books.keepState(vkey, kept)
      this.#failed(err)
    }
  }

  /** The question as the engine takes it, with the slots used before. @param {Ask} ask */
  async #request(ask) {
    const { books } = this.#open()
    const { origin, action, kind, len, k, challenge, content_digest } = ask
    const request = { origin, action, kind, len, k, challenge, content_digest, issuer: this.issuer.vkey }
    const { rp, period } = await (await this.engine()).book(request)
    const book = { rp, action, start: period.start, len: period.len }
    return { book, request: { ...request, used: kind === 'returning' ? [] : await books.used(book) } }
  }

  /** What answering would mean: slots left, crowd. Refuses where answering would. @param {Ask} ask */
  async prepare(ask) {
    const { secret } = this.#open()
    const { request } = await this.#request(ask)
    return (await this.engine()).prepare(secret, request)
  }

  /**
   * Answers a question, without the network. The slot is on disk as used
   * before the response is returned; tabs of this wallet take turns.
   * @param {Ask} ask @returns {Promise<string>}
   */
  async answer(ask) {
    const { secret, books } = this.#open()
    const engine = await this.engine()
    return navigator.locks.request('perhuman-slots', async () => {
      const { book, request } = await this.#request(ask)
      const record = (/** @type {import('../engine.js').Answer} */ made) =>
        ask.kind === 'returning' ? undefined : books.spend(book, made.slot, Math.floor(Date.now() / 1000))
      return (await engine.prove(secret, request, { record }).catch((err) => this.#failed(err))).response
    })
  }
}
