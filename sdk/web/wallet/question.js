// The question that a wallet's window is opened for: who asks is whoever the
// browser says it is; after the first question every other origin is refused.

import { canonicalPost, contentDigest, encode, equal, fromBase64url, rpFromOrigin, sha256, toBase64url } from '../bytes.js'
import { readChallenge } from '../challenge.js'

/**
 * @typedef {{kind: 'post', author: string, created: number, text: string}} Shown
 * relayed: nobody but the question itself says who asks, and the answer goes to another screen.
 * at: when it came by the clock of the wallet's server, unix.
 * gone: whether the page that asked was closed.
 * @typedef {import('./holder.js').Ask & {content?: Shown, bound?: {kind: string, bytes: string}, tell: (message: any) => void | Promise<void>, gone?: () => boolean, relayed?: boolean, at?: number}} Request
 */

/** How long a post may be that a person is to read, in characters: a window that has more to show does not answer any more. */
const longest = 1 << 20

/** @param {string} code */
const refusal = (code) => Object.assign(new Error(code), { code })

/** Waits for the one question of this window. @returns {Promise<Request>} */
export function question() {
  const opener = /** @type {Window | null} */ (window.opener)
  if (!opener) return Promise.reject(refusal('request_invalid'))
  /** @type {string | undefined} */
  let asked
  return new Promise((resolve) => {
    addEventListener('message', (event) => {
      if (event.source !== opener || event.data?.type !== 'perhuman-request') return
      const tell = (/** @type {object} */ message) => opener.postMessage(message, event.origin)
      if (asked !== undefined) {
        if (event.origin !== asked) tellIfPossible(tell, 'origin_refused')
        return
      }
      if (rpFromOrigin(event.origin) === '') {
        tellIfPossible(tell, 'origin_refused')
        return
      }
      asked = event.origin
      const { action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq } = event.data
      resolve({ origin: event.origin, rp: rpFromOrigin(event.origin), action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq, tell, gone: () => opener.closed })
    })
    opener.postMessage({ type: 'perhuman-ready' }, '*') // says nothing but that this window listens
  })
}

/** An opaque origin cannot be written to, a relay can be away; there is nobody to tell then. @param {(m: any) => void | Promise<void>} tell @param {string} code */
export async function tellIfPossible(tell, code) {
  try {
    await tell({ type: 'perhuman-error', code })
  } catch {
    // the refusal stands all the same
  }
}

/**
 * Checks, before anything is shown as a fact, that the challenge is for this
 * site, action and content. The engine checks it all again when it proves.
 * @param {Request} r @returns {Promise<number>} until when it is good, unix
 */
export async function consistent(r) {
  const whole = (/** @type {unknown} */ n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0
  if (r.rp === '') throw refusal('origin_refused')
  if (typeof r.action !== 'string' || !/^[a-z0-9._/-]{1,128}$/.test(r.action) || !whole(r.len) || !whole(r.k) || r.k < 1 || r.k > 1000 ||
    typeof r.content_digest !== 'string' || !/^[\w-]{43}$/.test(r.content_digest) || r.content === null ||
    !['once', 'returning', 'per_epoch'].includes(r.kind) || (r.kind === 'per_epoch') !== (r.len > 0) ||
    (r.bound !== undefined && (r.content !== undefined || typeof r.bound?.kind !== 'string' || typeof r.bound.bytes !== 'string' || !/^[\w-]{0,5464}$/.test(r.bound.bytes))) ||
    (r.issuers !== undefined && !(Array.isArray(r.issuers) && r.issuers.length > 0 && r.issuers.length <= 16 && r.issuers.every((i) => typeof i === 'string' && i.length <= 1024))) ||
    (r.all !== undefined && (typeof r.all !== 'boolean' || r.all && !r.issuers)) || (r.snapshot !== undefined && !whole(r.snapshot)) || (r.min_seq !== undefined && !whole(r.min_seq))) throw refusal('request_invalid')
  let c
  try {
    if (typeof r.challenge !== 'string' || r.challenge.length !== 375) throw new TypeError() // before a huge one is decoded
    c = readChallenge(r.challenge)
  } catch {
    throw refusal('challenge_invalid')
  }
  const hash = async (/** @type {string} */ s) => sha256(encode(s))
  if (!equal(c.rp, await hash(r.rp))) throw refusal('challenge_wrong_rp')
  if (!equal(c.origin, await hash(r.origin))) throw refusal('challenge_wrong_origin')
  if (!equal(c.action, await hash(r.action))) throw refusal('challenge_wrong_action')
  if (!equal(c.content, fromBase64url(r.content_digest))) throw refusal('message_mismatch')
  const now = Date.now() / 1000
  if (c.issued > now + 60) throw Object.assign(refusal('clock_behind'), { at: c.issued })
  if (c.expires + 600 < now) throw Object.assign(refusal('clock_ahead'), { at: c.issued })
  if (c.expires < now) throw r.at && r.at <= c.expires ? Object.assign(refusal('clock_ahead'), { at: c.issued }) : refusal('challenge_expired')
  if (r.content !== undefined) {
    const { kind, author, created, text } = r.content
    if (kind !== 'post' || typeof author !== 'string' || typeof text !== 'string' || !whole(created) || author === '' || encode(author).length > 255 || text.length > longest) throw refusal('request_invalid')
    let bytes
    try {
      bytes = canonicalPost({ rp: r.rp, author, created, text })
    } catch {
      throw refusal('request_invalid') // of another Unicode form, in which two texts that look the same are two
    }
    const digest = await contentDigest('post', bytes)
    if (toBase64url(digest) !== r.content_digest) throw refusal('message_mismatch')
  }
  return c.expires
}
