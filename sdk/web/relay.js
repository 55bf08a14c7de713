// What a page and a wallet on another device say to each other through a relay
// that cannot read it: JSON under AES-256-GCM, with a key that is in the
// fragment of one link and nowhere else.
//
//   link     <wallet>/?phone#<key, 32 bytes, base64url>
//   box      the first 16 bytes of SHA-256("perhuman/relay/1/box" || key), base64url
//   message  12 random bytes || AES-256-GCM(key, JSON and blanks), whole KiB
//            additional data "perhuman/relay/1/question/<box>" or ".../answer/<box>"
//
// A key is made for one question and names its box: a relay that hands out what
// belongs to another box, or puts a question in place of an answer, hands out
// what does not open. The blanks hide whether the answer is a proof or a refusal.

import { concat, encode, fromBase64url, sha256, toBase64url } from './bytes.js'

/** @typedef {'question' | 'answer'} Way which way a message goes */

const block = 1024

/** A fresh key. */
export const newKey = () => crypto.getRandomValues(new Uint8Array(32))

/** The name of a key's box. @param {Uint8Array<ArrayBuffer>} key */
export const boxOf = async (key) => toBase64url((await sha256(concat(encode('perhuman/relay/1/box'), key))).subarray(0, 16))

/** @param {Uint8Array<ArrayBuffer>} key @param {Way} way @param {Uint8Array<ArrayBuffer>} iv */
async function parts(key, way, iv) {
  return /** @type {const} */ ([
    { name: 'AES-GCM', iv, additionalData: encode(`perhuman/relay/1/${way}/${await boxOf(key)}`) },
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
 * Rejects what was sealed with another key, which is for another box, for the
 * other way, or changed since. Who has the key can have written anything: check it.
 * @param {Uint8Array<ArrayBuffer>} key @param {Way} way @param {ArrayBuffer} sealed @returns {Promise<any>}
 */
export async function open(key, way, sealed) {
  const bytes = new Uint8Array(sealed)
  const plain = await crypto.subtle.decrypt(...await parts(key, way, bytes.slice(0, 12)), bytes.slice(12))
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plain))
}

/** @param {string} wallet origin @param {Uint8Array} key */
export const linkOf = (wallet, key) => `${wallet}/?phone#${toBase64url(key)}`

/** The key in a link's fragment; an error if it is not whole. @param {string} hash */
export function readLink(hash) {
  const [, key] = /^#([\w-]{43})$/.exec(hash) ?? []
  if (!key) throw new TypeError('not a link of a hand-over')
  return fromBase64url(key)
}
