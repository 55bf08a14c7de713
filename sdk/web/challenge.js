// What a page gets with a challenge, and what a wallet reads in it.

import { fromBase64url } from './bytes.js'

/**
 * The verifier's answer to who asks for a challenge, or why there is none.
 * @typedef {{challenge: string, action: string, policy: string, k: number, period: number, expires_in: number, snapshot?: number, min_seq?: number, issuers?: string[], all?: boolean, code?: string, detail?: string}} Answer
 */

/**
 * The fields of a challenge that its reader can check without a key. The
 * signature is the verifier's business; here only the bindings are compared.
 * @param {string} token
 */
export function readChallenge(token) {
  const bytes = fromBase64url(token)
  if (bytes.length !== 281 || bytes[0] !== 1) throw new TypeError('not a challenge')
  const part = (/** @type {number} */ at) => bytes.subarray(at, at + 32)
  const view = new DataView(bytes.buffer)
  return {
    rp: part(41), action: part(73), origin: part(105), session: part(137), content: part(169),
    issued: Number(view.getBigUint64(201)), expires: Number(view.getBigUint64(209)),
  }
}
