// What a proof is made for: protocol.md sections 1 and 2, over bytes.js. The
// product's pages leave these two to the wallet; peers need them.
import { concat, encode, prefixed, sha256, uint } from '../../bytes.js'

const number = (/** @type {Uint8Array} */ bytes) => BigInt('0x' + Buffer.from(bytes).toString('hex'))

/** @param {string} rp @param {string} action @param {{start: number, len: number}} period @param {number} slot */
export async function scope(rp, action, period, slot) {
  return number(await sha256(concat(encode('perhuman/scope/1'), prefixed(encode(rp)), prefixed(encode(action)), uint(period.start, 8), uint(period.len, 8), uint(slot, 4))))
}

/** @param {Uint8Array} content 32 bytes, zeros for none @param {Uint8Array<ArrayBuffer>} challenge the token's bytes */
export async function message(content, challenge) {
  return number(await sha256(concat(encode('perhuman/message/1'), content, await sha256(challenge))))
}

export const forEver = { start: 0, len: 0 }
export const nothing = new Uint8Array(32)

/** @param {number} len @param {number} now milliseconds */
export const periodAt = (len, now) => ({ start: Math.floor(now / 1000 / len) * len, len })
