// What the wallet must not forget: which slots it has used, and what it knows
// of issuers. Records are encrypted, and their names are keyed hashes, so
// whoever copies the browser's storage learns neither where this person acted
// nor how often.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'

/**
 * @typedef {{rp: string, action: string, start: number, len: number}} Book
 * @typedef {Book & {used: number[], at: number[]}} Page
 * @typedef {{id: string, receipt: string, enrolled: number}} Enrolment
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

  /** @param {string} name @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} */
  async #bytes(name) {
    const record = await db.get(name)
    if (!record) return undefined
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: encode(name) }, this.#sealing, record.sealed))
  }

  /** @param {string} name @param {Uint8Array<ArrayBuffer>} bytes */
  async #seal(name, bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: encode(name) }, this.#sealing, bytes)
    await db.put(name, { iv, sealed: new Uint8Array(sealed) })
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

  /** What the engine knew of an issuer's log when it was last read. @param {string} vkey */
  async state(vkey) {
    return this.#bytes(await this.#name('state', vkey))
  }

  /** @param {string} vkey @param {Uint8Array} state */
  async keepState(vkey, state) {
    await this.#seal(await this.#name('state', vkey), new Uint8Array(state))
  }

  /** The enrolment at an issuer. @param {string} vkey @returns {Promise<Enrolment | undefined>} */
  async enrolment(vkey) {
    return this.#read(await this.#name('enrolment', vkey))
  }

  /** @param {string} vkey @param {Enrolment} value */
  async keepEnrolment(vkey, value) {
    await this.#write(await this.#name('enrolment', vkey), value)
  }
}
