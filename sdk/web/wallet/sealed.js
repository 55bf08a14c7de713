// Records under two keys that come from the person's secret and open nothing
// else: one names them, one seals them. Whoever copies the browser's storage
// learns from the names as little as from what is under them.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'

/** @typedef {{iv: Uint8Array<ArrayBuffer>, sealed: Uint8Array<ArrayBuffer>}} Record */

export class Sealed {
  #naming
  #sealing
  #retired = false

  /** @param {CryptoKey} naming @param {CryptoKey} sealing */
  constructor(naming, sealing) {
    this.#naming = naming
    this.#sealing = sealing
  }

  /** @param {Uint8Array<ArrayBuffer>} secret @param {string} use keeps the keys of different uses apart */
  static async open(secret, use) {
    const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
    const derive = (/** @type {string} */ part, /** @type {any} */ type, /** @type {KeyUsage[]} */ uses) =>
      crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info: encode(`${use}/${part}/1`) }, base, type, false, uses)
    return new Sealed(
      await derive('name', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']),
      await derive('seal', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']),
    )
  }

  /** Writes nothing from now on: the wallet is erased, and what was under way must not leave anything behind. */
  retire() { this.#retired = true }

  /** @param {string} kind stands before the name in the clear @param {string} text */
  async name(kind, text) {
    const mac = await crypto.subtle.sign('HMAC', this.#naming, encode(text))
    return kind + '/' + toBase64url(new Uint8Array(mac).subarray(0, 16))
  }

  /** @param {string} name @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Record>} what is to be stored under that name and no other */
  async seal(name, bytes) {
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: encode(name) }, this.#sealing, bytes)
    return { iv, sealed: new Uint8Array(sealed) }
  }

  /** @param {string} name @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} rejects for a record that these keys do not open */
  async get(name) {
    /** @type {Record | undefined} */
    const record = await db.get(name)
    return record && new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: encode(name) }, this.#sealing, record.sealed))
  }

  /** All records of a kind that these keys open: another wallet's, left behind, are passed over. @param {string} kind @returns {Promise<[string, Uint8Array<ArrayBuffer>][]>} */
  async all(kind) {
    const found = []
    for (const name of await db.names(kind + '/')) {
      const plain = await this.get(name).catch(() => undefined)
      if (plain) found.push(/** @type {[string, Uint8Array<ArrayBuffer>]} */ ([name, plain]))
    }
    return found
  }

  /** Writes records, and removes others, in one transaction. @param {[string, Uint8Array<ArrayBuffer>][]} records @param {string[]} [gone] */
  async put(records, gone) {
    const values = []
    for (const [name, bytes] of records) values.push(/** @type {[string, Record]} */ ([name, await this.seal(name, bytes)]))
    if (!this.#retired) await db.putAll(values, gone)
  }
}

/** The name of an issuer, which outlives its keys. @param {string} vkey as `name+hash+key` */
export const nameOf = (vkey) => vkey.split('+', 1)[0]

/** Whether two keys are one issuer's, one after the other. @param {string} a @param {string} b */
export const successive = (a, b) => a !== b && nameOf(a) === nameOf(b)
