// What the wallet must not forget: which slots it has used, and what it knows
// of issuers; and what the person may want to look up: the history. Records are
// encrypted and the names of slot pages are keyed hashes, so whoever copies the
// browser's storage learns neither where this person acted nor how often. A page
// of slots does not say of itself what it is about: the history does, and can be
// erased without the wallet losing count.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'
import { blank } from './life.js'

/**
 * @typedef {{rp: string, action: string, start: number, len: number}} Book
 * @typedef {{until: number, used: number[]}} Page  until: end of the period, 0 for ever
 * @typedef {{id: string, receipt: string, enrolled: number}} Enrolment
 * @typedef {import('./backup.js').Act} Act
 */

/** Pages of periods that ended this long ago, in seconds, are dropped: longer than any clock is wrong. */
const keep = 90 * 86400

export class Books {
  #naming
  #sealing
  #retired = false

  /** @param {CryptoKey} naming @param {CryptoKey} sealing */
  constructor(naming, sealing) {
    this.#naming = naming
    this.#sealing = sealing
  }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  static async open(secret) {
    const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
    const derive = (/** @type {string} */ info, /** @type {any} */ type, /** @type {KeyUsage[]} */ uses) =>
      crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info: encode(info) }, base, type, false, uses)
    return new Books(
      await derive('perhuman/books/name/1', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']),
      await derive('perhuman/books/seal/1', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']),
    )
  }

  /** Writes nothing from now on: the wallet is erased, and what was under way must not leave anything behind. */
  retire() { this.#retired = true }

  /** @param {string} kind @param {unknown} what */
  async #name(kind, what) {
    const mac = await crypto.subtle.sign('HMAC', this.#naming, encode(kind + '\0' + JSON.stringify(what)))
    return kind + '/' + toBase64url(new Uint8Array(mac).subarray(0, 16))
  }

  /** @param {string} name @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} */
  async #bytes(name) {
    const record = await db.get(name)
    if (!record) return undefined
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: encode(name) }, this.#sealing, record.sealed))
  }

  /** @param {string} name @param {Uint8Array<ArrayBuffer>} bytes */
  async #sealed(name, bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: encode(name) }, this.#sealing, bytes)
    return { iv, sealed: new Uint8Array(sealed) }
  }

  /** @param {string} name @param {Uint8Array<ArrayBuffer>} bytes */
  async #seal(name, bytes) {
    const sealed = await this.#sealed(name, bytes)
    if (!this.#retired) await db.put(name, sealed)
  }

  /** @param {string} name @returns {Promise<any>} */
  async #read(name) {
    const plain = await this.#bytes(name)
    return plain && JSON.parse(new TextDecoder().decode(plain))
  }

  /** @param {string} name @param {unknown} value */
  async #write(name, value) {
    await this.#seal(name, encode(JSON.stringify(value)))
  }

  /** Records of one kind that this secret opens: another wallet's, left behind, are passed over. @param {string} kind @returns {Promise<[string, any][]>} */
  async #all(kind) {
    const found = []
    for (const name of await db.names(kind + '/')) {
      const value = await this.#read(name).catch(() => undefined)
      if (value !== undefined) found.push(/** @type {[string, any]} */ ([name, value]))
    }
    return found
  }

  /** What the page of a book is called. @param {Book} book */
  name({ rp, action, start, len }) {
    return this.#name('book', [rp, action, start, len])
  }

  /** Slots used in a book. @param {Book} book @returns {Promise<number[]>} */
  async used(book) {
    return (await this.#read(await this.name(book)))?.used ?? []
  }

  /**
   * Writes a slot down as used, and the act into the history, in one
   * transaction; returns when that is on disk.
   * @param {Book} book @param {number} slot @param {Act} act
   */
  async spend(book, slot, act) {
    const name = await this.name(book)
    /** @type {Page} */
    const page = { until: book.len ? book.start + book.len : 0, used: await this.used(book) }
    if (page.used.includes(slot)) throw new Error('slot used before')
    page.used.push(slot)
    const line = this.#line()
    await db.putAll([
      [name, await this.#sealed(name, encode(JSON.stringify(page)))],
      [line, await this.#sealed(line, encode(JSON.stringify(act)))],
    ])
  }

  #line() { return 'history/' + toBase64url(crypto.getRandomValues(new Uint8Array(12))) }

  /** Notes an act that uses no slot. @param {Act} act */
  async note(act) { await this.#write(this.#line(), act) }

  /** What was proven where, newest first. @returns {Promise<Act[]>} */
  async history() {
    return (await this.#all('history')).map(([, act]) => act).sort((a, b) => b.at - a.at)
  }

  /** Erases the history. The slot pages stay, without a word about where they belong. */
  async erase() {
    await db.remove(await db.names('history/'))
    for (const [name, page] of await this.#all('book')) await this.#write(name, { until: until(page), used: page.used })
  }

  /** Drops pages of periods long past. @param {number} now unix */
  async tidy(now) {
    const old = (await this.#all('book')).filter(([, page]) => until(page) && until(page) + keep < now).map(([name]) => name)
    if (old.length) await db.remove(old)
  }

  /** For a backup file. @param {import('./holder.js').Issuer[]} issuers */
  async contents(issuers) {
    const enrolments = [], receipts = []
    for (const { vkey } of issuers) {
      const e = await this.enrolment(vkey)
      if (e) enrolments.push({ issuer: vkey, ...e })
      for (const r of (await this.life(vkey))?.receipts ?? []) receipts.push({ issuer: vkey, ...r })
    }
    const pages = (await this.#all('book')).map(([name, page]) => ({ name, until: until(page), used: page.used }))
    return { pages, enrolments, receipts, history: await this.history() }
  }

  /** Takes over what a backup file brings; slots known here already stay used. @param {import('./backup.js').Contents} c */
  async restore(c) {
    for (const { name, until, used } of c.pages) {
      if (!/^book\/[\w-]{22}$/.test(name)) continue
      const here = (await this.#read(name).catch(() => undefined))?.used ?? []
      await this.#write(name, { until, used: [...new Set([...here, ...used])] })
    }
    for (const { issuer, ...e } of c.enrolments) if (!await this.enrolment(issuer)) await this.keepEnrolment(issuer, e)
    for (const { issuer, ...r } of c.receipts ?? []) {
      const life = { ...blank(), ...await this.life(issuer) }
      if (life.receipts.some((x) => x.receipt === r.receipt)) continue
      life.receipts.push(r)
      await this.keepLife(issuer, life)
    }
    const known = new Set((await this.history()).map((act) => JSON.stringify(act)))
    for (const act of c.history) if (!known.has(JSON.stringify(act))) await this.note(act)
  }

  /** What the engine knew of an issuer's log, in wallets from before there was reads.js. @param {string} vkey */
  async state(vkey) {
    return this.#bytes(await this.#name('state', vkey))
  }

  /** The enrolment at an issuer. @param {string} vkey @returns {Promise<Enrolment | undefined>} */
  async enrolment(vkey) {
    return this.#read(await this.#name('enrolment', vkey))
  }

  /** @param {string} vkey @param {Enrolment} value */
  async keepEnrolment(vkey, value) {
    await this.#write(await this.#name('enrolment', vkey), value)
  }

  /** What became of the place in an issuer's set. @param {string} vkey @returns {Promise<import('./life.js').Life | undefined>} */
  async life(vkey) {
    return this.#read(await this.#name('life', vkey))
  }

  /** @param {string} vkey @param {import('./life.js').Life} value */
  async keepLife(vkey, value) {
    await this.#write(await this.#name('life', vkey), value)
  }
}

/** When a page's period ends; pages written before there were histories say so in another way. @param {any} page */
const until = (page) => page.until ?? (page.len ? page.start + page.len : 0)
