// What a page and a wallet on another device say to each other through a relay
// that cannot read it: JSON under AES-256-GCM, with a key that is in the
// fragment of one link and nowhere else.
//
//   link     <wallet>/?phone#<id of the box>.<key, 32 bytes>, both base64url
//   message  12 random bytes || AES-256-GCM(key, JSON and blanks), whole KiB
//            additional data "perhuman/relay/1/question" or "perhuman/relay/1/answer/<id>"
//
// A key is made for one box. The question is sealed before the relay names the
// box, so only the answer can name it. The blanks hide whether the answer is a
// proof or a refusal.

import { concat, encode, fromBase64url, toBase64url } from './bytes.js'

/** @typedef {'question' | `answer/${string}`} Way which way a message goes; an answer names its box */

const block = 1024

/** A fresh key. */
export const newKey = () => crypto.getRandomValues(new Uint8Array(32))

/** @param {Uint8Array<ArrayBuffer>} key @param {Way} way @param {Uint8Array<ArrayBuffer>} iv */
async function parts(key, way, iv) {
  return /** @type {const} */ ([
    { name: 'AES-GCM', iv, additionalData: encode(`perhuman/relay/1/${way}`) },
    await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']),
  ])
}

/** @param {Uint8Array<ArrayBuffer>} key @param {Way} way @param {object} message */
export async function seal(key, way, message) {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const plain = encode(JSON.stringify(message))
  const over = (plain.length + 28) % block // nonce and tag count
  const padded = new Uint8Array(plain.length + (over ? block - over : 0)).fill(32)
  padded.set(plain)
  return concat(iv, new Uint8Array(await crypto.subtle.encrypt(...await parts(key, way, iv), padded)))
}

/**
 * Rejects what was sealed with another key, for the other way or another box,
 * or changed since. Who has the key can have written anything: check it.
 * @param {Uint8Array<ArrayBuffer>} key @param {Way} way @param {ArrayBuffer} sealed @returns {Promise<any>}
 */
export async function open(key, way, sealed) {
  const bytes = new Uint8Array(sealed)
  const plain = await crypto.subtle.decrypt(...await parts(key, way, bytes.slice(0, 12)), bytes.slice(12))
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain))
}

/** @param {string} wallet origin @param {string} id @param {Uint8Array} key */
export const linkOf = (wallet, id, key) => `${wallet}/?phone#${id}.${toBase64url(key)}`

/** What a link's fragment holds; an error if it is not whole. @param {string} hash */
export function readLink(hash) {
  const [, id, key] = /^#([\w-]{22})\.([\w-]{43})$/.exec(hash) ?? []
  if (!key) throw new TypeError('not a link of a hand-over')
  return { id, key: fromBase64url(key) }
}
