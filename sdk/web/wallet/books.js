// What the wallet must not forget: which slots it has used, and what it knows
// of issuers. Records are encrypted, and their names are keyed hashes, so
// whoever copies the browser's storage learns neither where this person acted
// nor how often.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'

/**
 * @typedef {{rp: string, action: string, start: number, len: number}} Book
 * @typedef {Book & {used: number[], at: number[]}} Page
 */

export class Books {
  #naming
  #sealing

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

  /** @param {string} kind @param {unknown} what */
  async #name(kind, what) {
    const mac = await crypto.subtle.sign('HMAC', this.#naming, encode(kind + '\0' + JSON.stringify(what)))
    return kind + '/' + toBase64url(new Uint8Array(mac).subarray(0, 16))
  }

  /** @param {string} name @returns {Promise<any>} */
  async #read(name) {
    const record = await db.get(name)
    if (!record) return undefined
    const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: encode(name) }, this.#sealing, record.sealed)
    return JSON.parse(new TextDecoder().decode(plain))
  }

  /** @param {string} name @param {unknown} value */
  async #write(name, value) {
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: encode(name) }, this.#sealing, encode(JSON.stringify(value)))
    await db.put(name, { iv, sealed: new Uint8Array(sealed) })
  }

  /** Slots used in a book. @param {Book} book @returns {Promise<number[]>} */
  async used({ rp, action, start, len }) {
    const page = await this.#read(await this.#name('book', [rp, action, start, len]))
    return page?.used ?? []
  }

  /** Writes a slot down as used; returns when that is on disk. @param {Book} book @param {number} slot @param {number} now unix */
  async spend({ rp, action, start, len }, slot, now) {
    const name = await this.#name('book', [rp, action, start, len])
    /** @type {Page} */
    const page = await this.#read(name) ?? { rp, action, start, len, used: [], at: [] }
    if (page.used.includes(slot)) throw new Error('slot used before')
    page.used.push(slot)
    page.at.push(now)
    await this.#write(name, page)
  }

  /** What is remembered of an issuer. @param {string} vkey @returns {Promise<{state?: any, id?: string, receipt?: string, enrolled?: number} | undefined>} */
  async issuer(vkey) {
    return this.#read(await this.#name('issuer', vkey))
  }

  /** @param {string} vkey @param {{state?: any, id?: string, receipt?: string, enrolled?: number}} value */
  async setIssuer(vkey, value) {
    await this.#write(await this.#name('issuer', vkey), { ...await this.issuer(vkey), ...value })
  }
}
