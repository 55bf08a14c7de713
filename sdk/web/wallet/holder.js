// The wallet without its looks: the vault, the unlocked secret, the engine
// that proves, and what is known of the issuer. It tells of changes by the
// event 'change'.

import { Engine } from '../engine.js'
import { Books } from './books.js'
import * as custody from './custody.js'
import * as db from './db.js'

/**
 * @typedef {{name: string, vkey: string, at: string}} Issuer
 * @typedef {{member: boolean, seq: number, live: number, checked: number}} Membership
 * @typedef {{origin: string, rp: string, action: string, kind: string, len: number, k: number, challenge: string, content_digest: string}} Ask
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
  /** What is remembered of the enrolment. @type {{id?: string, receipt?: string, enrolled?: number} | undefined} */
  enrolment
  /** The last stage that the engine told, while something is under way. */
  stage = ''

  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #secret
  /** @type {Promise<any> | undefined} */
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

  /** @returns {Promise<any>} the engine, started once */
  engine() {
    if (this.#engine) return this.#engine
    const started = Engine.start({
      workerURL: '/perhuman/worker.js', wasmURL: '/perhuman/dist/wallet.wasm',
      onstage: (/** @type {any} */ stage) => this.#told(stage),
    }).catch((/** @type {unknown} */ err) => {
      this.#engine = undefined // the next caller tries again
      throw Object.assign(new Error('engine', { cause: err }), { code: 'engine_missing' })
    })
    this.#engine = started
    return started
  }

  /** @param {any} stage */
  #told(stage) {
    this.stage = typeof stage === 'string' ? stage : String(stage?.stage ?? '')
    this.dispatchEvent(new CustomEvent('stage', { detail: stage }))
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
    this.enrolment = await this.books.issuer(this.issuer.vkey)
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
    const secret = imported ?? await (await this.engine()).newKey()
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
    if (/^\s*ph1/i.test(text)) return custody.readBackupCode(text)
    return (await this.engine()).import(text.trim())
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
    await books.setIssuer(this.issuer.vkey, { id, receipt, enrolled: Math.floor(Date.now() / 1000) })
    this.enrolment = await books.issuer(this.issuer.vkey)
    this.#changed()
  }

  /** Reads the issuer's log and set. All network traffic of a proof happens here. */
  async sync() {
    const { secret, books } = this.#open()
    const engine = await this.engine()
    const known = await books.issuer(this.issuer.vkey)
    const seen = await engine.sync(secret, { issuer: this.issuer.vkey, at: this.issuer.at, state: known?.state, zkey: '/perhuman/semaphore-20.zkey' })
    if (this.locked) return
    await books.setIssuer(this.issuer.vkey, { state: seen.state })
    this.membership = { member: seen.member, seq: Number(seen.seq), live: Number(seen.live), checked: Date.now() }
    this.#changed()
  }

  /** @param {Ask} ask @returns {import('./books.js').Book} */
  #book({ rp, action, len }) {
    const now = Math.floor(Date.now() / 1000)
    return { rp, action, len, start: len === 0 ? 0 : now - (now % len) }
  }

  /** How many slots are left for a question. @param {Ask} ask */
  async left(ask) {
    const { books } = this.#open()
    if (ask.kind === 'returning') return 1
    return Math.max(0, ask.k - (await books.used(this.#book(ask))).length)
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
      const book = this.#book(ask)
      const used = ask.kind === 'returning' ? [] : await books.used(book)
      const { origin, action, kind, len, k, challenge, content_digest } = ask
      const made = await engine.prove(secret, { origin, action, kind, len, k, challenge, content_digest, used })
      if (ask.kind !== 'returning') {
        await books.spend(book, made.slot, Math.floor(Date.now() / 1000)).catch((/** @type {unknown} */ err) => {
          throw Object.assign(new Error('store', { cause: err }), { code: 'store_unavailable' })
        })
      }
      return made.response
    })
  }
}
