// A question that came by a QR code from a page on another device. No browser
// reports who asks here: the name is what the question says. That the challenge
// is made for that name is checked as for every question, so the proof is good
// there and nowhere else; whether the person has that page before them only
// they can know, and the dialog asks them.

import { rpFromOrigin } from '../bytes.js'
import { boxOf, open, readLink, seal } from '../relay.js'

/** @param {string} code @param {unknown} [cause] */
const refusal = (code, cause) => Object.assign(new Error(code, { cause }), { code })

/** @param {number} ms @returns {Promise<void>} */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) })

/**
 * Fetches the one question of a link, which is then gone from the relay.
 * @param {string} fragment @returns {Promise<import('./question.js').Request>}
 */
export async function questionFor(fragment) {
  let key
  try {
    key = readLink(fragment)
  } catch (err) {
    throw refusal('handover_unreadable', err)
  }
  const id = await boxOf(key)
  let got
  try {
    got = await fetch(`/relay/${id}/question`, { cache: 'no-store' })
  } catch (err) {
    throw refusal('relay_unavailable', err)
  }
  const at = Date.parse(got.headers.get('Date') ?? '') / 1000 // by the wallet's server
  if (!got.ok) throw refusal(got.status === 404 ? 'handover_over' : 'relay_unavailable')
  let q
  try {
    q = await open(key, 'question', await got.arrayBuffer())
  } catch (err) {
    throw refusal('handover_unreadable', err)
  }
  if (q?.type !== 'perhuman-request' || typeof q.origin !== 'string') throw refusal('request_invalid')
  const { origin, action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq } = q

  // Sealed now, because a page that is being left has no time to encrypt.
  const gone = await seal(key, 'answer', { type: 'perhuman-error', code: 'cancelled' })
  /** @param {BodyInit} body */
  const put = (body) => fetch(`/relay/${id}/answer`, { method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body, keepalive: true })
  const tell = async (/** @type {{type: string, code?: string}} */ message) => {
    if (message.type === 'perhuman-proving') return // there is room for one answer
    const sealed = message.code === 'cancelled' ? gone : await seal(key, 'answer', message)
    for (let tries = 1; ; tries++) {
      const answer = await put(sealed).catch(() => null) // the same bytes may come twice
      if (answer?.ok) return
      if (answer?.status === 404 || tries === 5) throw refusal(answer ? 'handover_late' : 'relay_unavailable')
      await pause(400 * tries)
    }
  }
  return { origin, rp: rpFromOrigin(origin), action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq, relayed: true, at, tell }
}
