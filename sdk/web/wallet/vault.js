// A person's secret: how it is made, opened, locked, copied and erased, and the
// engine that signs and proves with it. Secret and engine leave this class only
// for those that build on it (sets.js, holder.js). It tells of changes by the
// event 'change'.

import { fromBase64url, toBase64url } from '../bytes.js'
import { Engine } from '../engine.js'
import * as backup from './backup.js'
import { Books } from './books.js'
import * as custody from './custody.js'
import * as db from './db.js'
import { forget, remember } from './lost.js'

const idle = 5 * 60_000 // until the wallet locks by itself

/** The time, in unix seconds. */
export const now = () => Math.floor(Date.now() / 1000)
/** An error with a code that the pages have words for. @param {string} code @param {object} [more] */
export const failure = (code, more) => Object.assign(new Error(code), { code, ...more })

export class Vault extends EventTarget {
  /** @type {custody.Vault | undefined} */
  vault
  /** @type {Books | undefined} */
  books

  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  #secret
  /** @type {Promise<Engine> | undefined} */
  #engine
  #timer = 0
  /** When the person was last known to be there, in milliseconds. */
  #last = 0
  /** Other windows of this wallet. */
  #others = new BroadcastChannel('perhuman-wallet')

  /** Reads what is stored, and listens to the person and to other windows. */
  async load() {
    this.vault = await custody.load()
    this.#others.addEventListener('message', ({ data }) => this.#heard(data))
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, () => this.#awake(), { passive: true, capture: true }) // before what was pressed hears of it
  }

  get locked() { return this.#secret === undefined }

  // What builds on this class does more at these moments: when a secret is there, when the wallet locks, when it is to
  // write nothing more, when nothing of it is left, and when the engine is gone with all it held.
  /** @param {Uint8Array<ArrayBuffer>} _secret @param {Books} _books */
  async opened(_secret, _books) {}
  closed() {}
  retired() { this.books?.retire() }
  erased() {}
  engineless() {}

  changed() { this.dispatchEvent(new Event('change')) }

  /** @returns {Promise<Engine>} the engine, started once; again after it failed */
  engine() {
    if (this.#engine) return this.#engine
    const started = Engine.start({
      workerURL: '/perhuman/worker.js', wasmURL: '/perhuman/dist/wallet.wasm',
      onstage: (stage) => this.dispatchEvent(new CustomEvent('stage', { detail: stage })),
      onend: () => { if (this.#engine === started) this.#forget() }, // also when it died while nobody waited for it
    }).catch((/** @type {unknown} */ err) => {
      this.#forget()
      throw Object.assign(new Error('engine', { cause: err }), { code: 'engine_missing' })
    })
    this.#engine = started
    return started
  }

  /** The next engine is a new one, which holds nothing yet. */
  #forget() {
    this.#engine = undefined
    this.engineless()
  }

  /** Forgets an engine that closed itself after a timeout or a crash. @param {unknown} err @returns {never} */
  failed(err) {
    if (['timeout', 'closed', 'worker_failed'].includes(/** @type {any} */ (err)?.code)) this.#forget()
    throw err
  }

  /** Ends a proof that is being made. */
  async cancel() {
    const engine = this.#engine
    this.#forget()
    ;(await engine?.catch(() => undefined))?.close()
  }

  /** The person is there. After a machine's sleep, through which timers wait, it may be somebody else. */
  #awake() {
    clearTimeout(this.#timer)
    if (!this.#secret) return
    const away = Date.now() - this.#last
    this.#last = Date.now()
    if (away > idle) this.lock()
    else this.#timer = window.setTimeout(() => this.lock(), idle)
  }

  /** What another window of this wallet has done. @param {unknown} what */
  async #heard(what) {
    if (what === 'locked') this.lock()
    if (what === 'erased') this.#gone()
    if (what === 'made' && !this.vault) this.vault = await custody.load()
    if (what === 'made') this.changed()
  }

  /** Locks every window of this wallet. */
  lockAll() {
    this.lock()
    this.#others.postMessage('locked')
  }

  lock() {
    this.#secret?.fill(0)
    this.#secret = undefined
    this.books = undefined
    this.closed()
    clearTimeout(this.#timer)
    this.changed()
  }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  async #take(secret) {
    this.books = await Books.open(secret)
    await this.opened(secret, this.books)
    this.#secret = secret
    this.#last = Date.now()
    remember()
    await this.books.tidy(now())
    this.#awake()
    this.changed()
  }

  /** Refuses while the wallet is locked. */
  open() {
    if (!this.#secret || !this.books) throw failure('locked')
    return { secret: this.#secret, books: this.books }
  }

  /**
   * Makes a vault for a new secret, or for one that was imported.
   * @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap
   * @param {Uint8Array<ArrayBuffer>} [imported]
   * @param {backup.Contents} [contents] what else a file brought
   */
  async create(wrap, imported, contents) {
    const secret = imported ?? new Uint8Array(await (await this.engine()).newKey())
    const vault = { version: /** @type {1} */ (1), created: now(), ways: [await wrap(secret)], backedUp: imported !== undefined }
    await navigator.locks.request('perhuman-vault', async () => {
      const there = await custody.load()
      if (there) { // made in another window: two would forget each other's slots
        this.vault = there
        throw failure('wallet_exists')
      }
      await custody.save(vault)
    })
    await db.persist()
    if (contents) await (await Books.open(secret)).restore(contents)
    this.vault = vault
    await this.#take(secret)
    this.#others.postMessage('made')
  }

  /** Adds another way to open the vault. @param {(secret: Uint8Array<ArrayBuffer>) => Promise<custody.Wrapped>} wrap */
  async addWay(wrap) {
    const { secret } = this.open()
    if (!this.vault) return
    this.vault.ways.push(await wrap(secret))
    await custody.save(this.vault)
    this.changed()
  }

  /** @param {custody.Wrapped} way @param {string} passphrase */
  async unlock(way, passphrase) {
    await this.#take(await custody.openWay(way, passphrase))
  }

  /** What goes onto paper: words and code, or the long form of a secret that was imported with another length. */
  async paper() {
    const { secret } = this.open()
    if (secret.length !== 32) return { long: await (await this.engine()).export(secret) }
    return { words: await backup.toWords(secret, await backup.wordList()), code: await custody.backupCode(secret) }
  }

  /** The encrypted backup file. @param {string} passphrase */
  async file(passphrase) {
    const { secret, books } = this.open()
    return backup.sealFile({ created: now(), secret: toBase64url(secret), ...await books.contents() }, passphrase)
  }

  /** An address for another device, and the five words that open it. */
  async passage() {
    const { secret } = this.open()
    const { key, text } = await backup.sealPassage(secret, await backup.wordList(), now())
    return { key, address: `${location.origin}/#bring=${text}` }
  }

  /** The official form of the identity, which every Semaphore v4 program reads. */
  async exported() {
    const { secret } = this.open()
    return (await this.engine()).export(secret)
  }

  async backedUp() {
    if (!this.vault) return
    this.vault.backedUp = true
    await custody.save(this.vault)
    this.changed()
  }

  /** Reads words, a backup code, or an identity exported by an official Semaphore client. @param {string} text */
  async read(text) {
    if (backup.areWords(text)) return backup.fromWords(text, await backup.wordList())
    if (/^\s*ph[1il]/i.test(text) && !/[+/=]/.test(text)) return custody.readBackupCode(text)
    return new Uint8Array(await (await this.engine()).import(text.trim()))
  }

  /** @param {string} text of a file @param {string} passphrase @returns {Promise<{secret: Uint8Array<ArrayBuffer>, contents: backup.Contents}>} */
  async readFile(text, passphrase) {
    const contents = await backup.openFile(text, passphrase)
    return { secret: fromBase64url(contents.secret), contents }
  }

  /** @param {string} text @param {string} words */
  async readPassage(text, words) {
    return backup.openPassage(text, words, await backup.wordList(), now())
  }

  async wipe() {
    this.retired()
    this.#others.postMessage('erased')
    this.lock()
    await db.wipe()
    forget()
    this.#gone()
  }

  /** Nothing of the wallet is left, and nothing that was under way may leave anything behind. */
  #gone() {
    this.retired()
    this.erased()
    this.vault = undefined
    this.lock()
  }

  async identity() {
    const { secret } = this.open()
    return (await this.engine()).identity(secret)
  }

  /** Signs that this wallet holds the identity. @param {{name: string}} issuer @param {string} nonce @param {'enrol' | 'recover' | 'delete'} [purpose] */
  async possess(issuer, nonce, purpose = 'enrol') {
    const { secret } = this.open()
    return (await this.engine()).possession(secret, { nonce, issuer: issuer.name, purpose })
  }

  /** Signs against a recovery of this place. @param {{name: string}} issuer @param {number} announcement its number in the log */
  async veto(issuer, announcement) {
    const { secret } = this.open()
    return (await this.engine()).veto(secret, { announcement, issuer: issuer.name })
  }
}
