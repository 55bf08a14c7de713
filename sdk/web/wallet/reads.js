// What was read of an issuer's set, so that the next page proves without
// reading it again: the state of the log's follower, the paths, and which frozen
// sets are among them. It says where in the set this person stands, so it is
// encrypted; its keys are its own, and outlive the lock of an open page, so that
// the background can go on reading. They open nothing else.

import { encode, toBase64url } from '../bytes.js'
import * as db from './db.js'

/** @typedef {{state: Uint8Array<ArrayBuffer>, paths: Uint8Array<ArrayBuffer>, snapshots: number[]}} Read */

export class Reads {
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
    return new Reads(
      await derive('perhuman/reads/name/1', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']),
      await derive('perhuman/reads/seal/1', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']),
    )
  }

  /** Writes nothing from now on: the wallet is erased. */
  retire() { this.#retired = true }

  /** @param {string} vkey */
  async #name(vkey) {
    return 'set/' + toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', this.#naming, encode(vkey))).subarray(0, 16))
  }

  /** @param {string} vkey @returns {Promise<Read | undefined>} */
  async load(vkey) {
    const name = await this.#name(vkey), record = await db.get(name)
    if (!record) return undefined
    const plain = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: record.iv, additionalData: encode(name) }, this.#sealing, record.sealed))
    const [n, size] = new Uint32Array(plain.buffer, 0, 2)
    return { state: plain.slice(8, 8 + n), paths: plain.slice(8 + n, 8 + n + size), snapshots: JSON.parse(new TextDecoder().decode(plain.subarray(8 + n + size))) }
  }

  /** All three in one record: paths without their state prove nothing. @param {string} vkey @param {{state: Uint8Array, paths: Uint8Array, snapshots: number[]}} read */
  async keep(vkey, { state, paths, snapshots }) {
    const name = await this.#name(vkey), iv = crypto.getRandomValues(new Uint8Array(12))
    const plain = await new Blob([new Uint32Array([state.length, paths.length]), new Uint8Array(state), new Uint8Array(paths), JSON.stringify(snapshots)]).arrayBuffer()
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: encode(name) }, this.#sealing, plain)
    if (!this.#retired) await db.put(name, { iv, sealed: new Uint8Array(sealed) })
  }
}
