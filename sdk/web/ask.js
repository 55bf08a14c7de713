// One question to a wallet: open its window, fetch a challenge, hand over the
// question, wait for the answer. Only messages from that window and exactly
// that origin count.

import { canonicalPost, contentDigest, encode, fromBase64url, toBase64url } from './bytes.js'

/**
 * What a proof is bound to. A post is shown to the person in the wallet and
 * its digest computed there again; other kinds are bound by their bytes.
 * @typedef {{kind: 'post', author: string, created: number, text: string}
 *   | {kind: string, bytes: Uint8Array}} Content
 *
 * @typedef {object} Question
 * @property {string} wallet origin of the wallet
 * @property {string} action
 * @property {string} [sitekey] in place of the action
 * @property {string} challengeURL where this site hands out challenges
 * @property {string} rp the name of this site, as in its scopes
 * @property {Content | null | (() => Content | null)} content
 * @property {string[]} [issuers] verifier keys of the issuers that the site accepts, if the wallet is to choose by them
 * @property {boolean} [all] every one of them is to vouch
 * @property {(stage: 'opening' | 'waiting' | 'proving', popup?: Window) => void} onstage the wallet's window is told once
 * @property {AbortSignal} signal
 *
 * @typedef {{response: string, nullifier: string, expires: number}} Answer
 */

/** An error with a code that the widget and pages have words for. */
export class AskError extends Error {
  /** @param {string} code @param {string} [detail] */
  constructor(code, detail) {
    super(detail ?? code)
    this.code = code
  }
}

/** The life of a challenge. */
const patience = 3e5

/** @param {Content | null} content @param {string} rp */
async function digestOf(content, rp) {
  if (!content) return new Uint8Array(32)
  if ('bytes' in content) return contentDigest(content.kind, content.bytes)
  return contentDigest('post', canonicalPost({ rp, ...content }))
}

/** @param {string} url @param {unknown} body @param {AbortSignal} signal */
async function fetchChallenge(url, body, signal) {
  let answer
  try {
    answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal })
  } catch (err) {
    throw signal.aborted ? err : new AskError('network')
  }
  /** @type {import('./challenge.js').Answer} */
  const json = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new AskError(json.code ?? 'network', json.detail)
  return json
}

/**
 * Fetches a challenge: what a wallet is asked, and until when (milliseconds, by this device's clock, which may be wrong).
 * @param {Question} question @param {AbortSignal} signal
 */
export async function compose(question, signal) {
  const content = typeof question.content === 'function' ? question.content() : question.content
  const digest = toBase64url(await digestOf(content, question.rp))
  const what = question.sitekey ? { sitekey: question.sitekey } : { action: question.action }
  const body = content ? { ...what, content_digest: digest } : what
  const challenge = await fetchChallenge(question.challengeURL, body, signal)
  const request = {
    type: 'perhuman-request', action: question.action || challenge.action, kind: challenge.policy, len: challenge.period, k: challenge.k,
    challenge: challenge.challenge, content_digest: digest, content: content && !('bytes' in content) ? content : undefined,
    bound: content && 'bytes' in content && content.bytes.length < 4097 ? { kind: content.kind, bytes: toBase64url(content.bytes) } : undefined,
    snapshot: challenge.snapshot, min_seq: challenge.min_seq, issuers: question.issuers ?? challenge.issuers, all: question.all ?? challenge.all,
  }
  return { request, expires: Date.now() + challenge.expires_in * 1000 }
}

/** The window of the last question of this page. @type {Window | null} */
let last = null

/**
 * Must be called from a click: the window opens before anything else is
 * awaited, or the browser takes it for an advertisement.
 * @param {Question} question @returns {Promise<Answer>}
 */
export async function ask(question) {
  // One window at a time, and another one for every question: the last may be closing already. Browsers keep it within the screen.
  const target = 'w' + Math.random()
  last?.close()
  const popup = last = window.open('', target, 'popup,width=480,height=780')
  if (!popup) throw new AskError('popup_blocked')
  question.onstage('opening', popup)
  // By a link, for a link can keep from the wallet's host which site it is on; the window itself hears it from the browser.
  Object.assign(document.createElement('a'), { href: question.wallet + '/?request', target, referrerPolicy: 'no-referrer' }).click()
  const stop = new AbortController()
  const signal = AbortSignal.any([question.signal, stop.signal])
  question.signal.addEventListener('abort', () => popup.close())
  try {
    return await converse(popup, question, signal)
  } catch (err) {
    if (question.signal.aborted) throw new AskError('cancelled')
    popup.close()
    throw err
  } finally {
    stop.abort()
  }
}

/** @param {Window} popup @param {Question} question @param {AbortSignal} signal @returns {Promise<Answer>} */
async function converse(popup, question, signal) {
  /** @type {PromiseWithResolvers<void>} */
  const ready = Promise.withResolvers()
  /** @type {PromiseWithResolvers<string>} */
  const response = Promise.withResolvers()
  /** @param {unknown} err */
  const fail = (err) => {
    ready.reject(err)
    response.reject(err)
  }
  // How an answer ends that is to this question and to no other.
  /** @type {any} */
  let end
  // Both are awaited below; whichever comes first speaks.
  ready.promise.catch(() => {})
  response.promise.catch(() => {})
  addEventListener('message', (event) => {
    if (event.source !== popup || event.origin !== question.wallet) return
    const message = event.data
    if (message?.type === 'perhuman-ready') ready.resolve()
    else if (message?.type === 'perhuman-proving') question.onstage('proving')
    else if (message?.type === 'perhuman-response' && String(message.response).endsWith(end)) response.resolve(message.response)
    else if (message?.type === 'perhuman-error') fail(new AskError(String(message.code)))
  }, { signal })
  // Who asked says why.
  signal.addEventListener('abort', fail)
  const watch = setInterval(() => popup.closed && import('./closed.js').then((m) => m.closed(end)).catch(fail), 400)
  const clock = setTimeout(() => fail(new AskError('timeout')), patience)
  try {
    const { request, expires } = await compose(question, signal)
    await ready.promise
    question.onstage('waiting')
    end = '.' + request.challenge
    popup.postMessage(request, question.wallet)
    const text = await response.promise
    return { response: text, nullifier: nullifierOf(text), expires }
  } finally {
    clearInterval(watch)
    clearTimeout(clock)
  }
}

/** The nullifier in a response "<packed proof>.<challenge>", as a decimal number. @param {string} response */
export function nullifierOf(response) {
  const packed = fromBase64url(response.split('.')[0])
  if (packed.length !== 257) throw new AskError('failed', 'the wallet sent something else than a proof')
  let n = 0n
  for (const byte of packed.subarray(33, 65)) n = (n << 8n) | BigInt(byte)
  return n.toString()
}

/** Content that binds the bytes of a text, as a gate without a digest function expects. @param {string} text @returns {Content} */
export function rawContent(text) {
  return { kind: 'raw', bytes: encode(text) }
}
