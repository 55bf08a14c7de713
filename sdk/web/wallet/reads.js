// What was read of an issuer's set, so that the next page proves without
// reading it again: the state of the log's follower, the paths, and which frozen
// sets are among them. It says where in the set this person stands, so it is
// encrypted; its keys are its own, and outlive the lock of an open page, so that
// the background can go on reading. They open nothing else.
//
// Records are filed under the issuer's key. An issuer that changes it is still
// held to what was seen under the one before: until there is a record under the
// new key, the state of the old one is where the engine goes on from, which then
// sees a fork across the change, and refuses a key that the old one does not
// vouch for.

import { successive, Sealed } from './sealed.js'

/** @typedef {{state: Uint8Array<ArrayBuffer>, paths: Uint8Array<ArrayBuffer>, snapshots: number[]}} Read  empty state: begun anew */

const kind = 'set'

export class Reads {
  #sealed

  /** @param {Sealed} sealed */
  constructor(sealed) { this.#sealed = sealed }

  /** @param {Uint8Array<ArrayBuffer>} secret */
  static async open(secret) { return new Reads(await Sealed.open(secret, 'perhuman/reads')) }

  /** Writes nothing from now on: the wallet is erased. */
  retire() { this.#sealed.retire() }

  /** What was read under a key, or under one that the issuer had before: then without paths. @param {string} vkey @returns {Promise<Read | undefined>} */
  async load(vkey) {
    const plain = await this.#sealed.get(await this.#sealed.name(kind, vkey))
    if (plain) return unpack(plain)
    const [[, before] = []] = await this.#before(vkey)
    return before && { state: before.state, paths: new Uint8Array(), snapshots: [] }
  }

  /** The keys under which logs were followed. */
  async keys() { return (await this.#all()).map(([, { state }]) => keyOf(state)).filter((key) => key !== '') }

  /**
   * All three in one record: paths without their state prove nothing. The first record that the new key of an issuer
   * is in takes the place of that under the old one.
   * @param {string} vkey @param {{state: Uint8Array, paths: Uint8Array, snapshots: number[]}} read
   */
  async keep(vkey, { state, paths, snapshots }) {
    const parts = [new Uint32Array([state.length, paths.length]), new Uint8Array(state), new Uint8Array(paths), JSON.stringify(snapshots)]
    const plain = new Uint8Array(await new Blob(parts).arrayBuffer())
    const gone = keyOf(state) === vkey ? (await this.#before(vkey)).map(([name]) => name) : []
    const name = await this.#sealed.name(kind, vkey)
    await this.#sealed.put([[name, plain]], gone.filter((other) => other !== name))
  }

  /** Forgets what was seen of an issuer's log: it is read from its beginning. @param {string} vkey */
  async renew(vkey) {
    await this.keep(vkey, { state: new Uint8Array(), paths: new Uint8Array(), snapshots: [] })
  }

  /** @returns {Promise<[string, Read][]>} */
  async #all() {
    return (await this.#sealed.all(kind)).map(([name, plain]) => [name, unpack(plain)])
  }

  /** @param {string} vkey */
  async #before(vkey) {
    return (await this.#all()).filter(([, { state }]) => successive(keyOf(state), vkey))
  }
}

/** @param {Uint8Array<ArrayBuffer>} plain @returns {Read} */
function unpack(plain) {
  const [n, size] = new Uint32Array(plain.buffer, 0, 2)
  return { state: plain.slice(8, 8 + n), paths: plain.slice(8 + n, 8 + n + size), snapshots: JSON.parse(new TextDecoder().decode(plain.subarray(8 + n + size))) }
}

/** The key that a state of the engine belongs to, which its second line names; '' if there is none. @param {Uint8Array} state */
export function keyOf(state) {
  const [, key = ''] = /^perhuman\/wallet\/1 .*\nperhuman\/follower\/1 (.*)\n/.exec(new TextDecoder().decode(state.subarray(0, 2048))) ?? []
  return key
}
