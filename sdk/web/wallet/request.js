// The window an app opens to ask: hear the question, show who asks and for
// what, answer after a click. The asking site is whoever the browser says it
// is; after the first question every other origin is refused.

import { canonicalPost, contentDigest, encode, equal, fromBase64url, readChallenge, rpFromOrigin, sha256, toBase64url } from '../bytes.js'
import { fill, h, icon } from '../dom.js'
import { unlockForm } from './setup.js'
import { codeOf, periodWord, policySentence, sentence } from './texts.js'

/**
 * @typedef {import('./holder.js').Holder} Holder
 * @typedef {{kind: 'post', author: string, created: number, text: string}} Shown
 * @typedef {import('./holder.js').Ask & {content?: Shown, tell: (message: object) => void}} Request
 */

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
      const { action, kind, len, k, challenge, content_digest, content } = event.data
      resolve({ origin: event.origin, rp: rpFromOrigin(event.origin), action, kind, len, k, challenge, content_digest, content, tell })
    })
    opener.postMessage({ type: 'perhuman-ready' }, '*') // says nothing but that this window listens
  })
}

/** An opaque origin cannot be written to; there is nobody to tell then. @param {(m: object) => void} tell @param {string} code */
function tellIfPossible(tell, code) {
  try {
    tell({ type: 'perhuman-error', code })
  } catch {
    // the refusal stands all the same
  }
}

/**
 * Checks, before anything is shown as a fact, that the challenge is for this
 * site, action and content. The engine checks it all again when it proves.
 * @param {Request} r
 */
async function consistent(r) {
  const whole = (/** @type {unknown} */ n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0
  if (typeof r.action !== 'string' || !/^[a-z0-9._/-]{1,128}$/.test(r.action) || !whole(r.len) || !whole(r.k) || r.k < 1 || r.k > 1000 ||
    !['once', 'returning', 'per_epoch'].includes(r.kind) || (r.kind === 'per_epoch') !== (r.len > 0)) throw refusal('request_invalid')
  let c
  try {
    c = readChallenge(r.challenge)
  } catch {
    throw refusal('challenge_invalid')
  }
  const hash = async (/** @type {string} */ s) => sha256(encode(s))
  if (!equal(c.rp, await hash(r.rp))) throw refusal('challenge_wrong_rp')
  if (!equal(c.origin, await hash(r.origin))) throw refusal('challenge_wrong_origin')
  if (!equal(c.action, await hash(r.action))) throw refusal('challenge_wrong_action')
  if (!equal(c.content, fromBase64url(r.content_digest))) throw refusal('message_mismatch')
  if (c.expires * 1000 < Date.now()) throw refusal('challenge_expired')
  if (r.content !== undefined) {
    const { kind, author, created, text } = r.content
    if (kind !== 'post' || typeof author !== 'string' || typeof text !== 'string' || !whole(created)) throw refusal('request_invalid')
    const digest = await contentDigest('post', canonicalPost({ rp: r.rp, author, created, text }))
    if (toBase64url(digest) !== r.content_digest) throw refusal('message_mismatch')
  }
}

/** @param {Request} r @returns {Node} */
function whatIsAsked(r) {
  const bound = fromBase64url(r.content_digest).some((b) => b !== 0)
  return h('div', { class: 'stack' },
    h('dl', { class: 'pairs' },
      h('dt', null, 'For what'), h('dd', null, r.action),
      h('dt', null, 'How often'), h('dd', null, policySentence(r))),
    r.content
      ? h('div', { class: 'stack tight' }, h('span', { class: 'muted small' }, `Your text, as ${r.content.author}`), h('blockquote', { class: 'content', tabindex: 0 }, r.content.text))
      : bound ? h('p', { class: 'note' }, 'Bound to content that only the site can show you (fingerprint ', h('code', null, r.content_digest.slice(0, 10)), ').') : null)
}

/** @param {Request} r @param {number} crowd members among whom the person cannot be told apart */
function whatIsShared(r, crowd) {
  return h('ul', { class: 'facts' },
    h('li', { 'data-state': 'good' }, icon('yes'), h('b', null, 'It learns'),
      h('span', null, `that one of ${crowd} verified people does this ${r.kind === 'returning' ? 'and is the same one as last time' : periodWord(r.len)}${r.content ? ', and wrote exactly this text' : ''}.`)),
    h('li', null, icon('no'), h('b', null, 'The proof does not tell it'),
      h('span', null, `who you are, what you do on other sites${r.kind === 'per_epoch' ? ', or which other actions here are yours' : ''}.`)))
}

/**
 * The dialog of a question, from hearing it to the answer.
 * @param {Holder} holder @param {HTMLElement} main
 */
export async function dialog(holder, main) {
  fill(main, h('p', { role: 'status', class: 'muted' }, 'Waiting for the site’s question …'))
  /** @type {Request} */
  let r
  try {
    r = await question()
  } catch (err) {
    fill(main, h('section', { class: 'card stack' }, h('h1', null, 'Nobody asked'),
      h('p', { class: 'muted' }, 'This window is opened by sites that ask for a proof.'), h('p', null, h('a', { href: '/' }, 'Open the wallet'))))
    return
  }
  let answered = false
  const leave = (/** @type {string} */ code) => {
    if (answered) return
    answered = true
    tellIfPossible(r.tell, code)
    setTimeout(() => window.close(), 50) // lets a link in the same click open first
  }
  addEventListener('pagehide', () => { if (!answered) tellIfPossible(r.tell, 'cancelled') })

  const status = h('div', { role: 'status', class: 'stack' })
  const middle = h('div', { class: 'stack' })
  const actions = h('div', { class: 'row end' })
  const decline = h('button', { type: 'button', onclick: () => leave('cancelled') }, 'Decline')
  const refuse = (/** @type {unknown} */ err) => {
    const code = codeOf(err)
    fill(middle)
    fill(status, h('div', { class: 'note bad' }, h('b', null, 'The wallet does not prove this. '), sentence(code)))
    const close = h('button', { type: 'button', class: 'primary', onclick: () => leave(code) }, 'Back to the site')
    fill(actions, close)
    close.focus()
  }
  const card = h('section', { class: 'card stack request' },
    h('h1', null, h('span', { class: 'asker', id: 'asker' }, r.rp), ' asks: are you one human?'),
    h('div', { class: 'asked' }), middle, status, actions)
  fill(main, card)
  try {
    await consistent(r)
  } catch (err) {
    refuse(err)
    return
  }
  fill(/** @type {Element} */ (card.querySelector('.asked')), whatIsAsked(r))

  if (!holder.vault) {
    fill(status, h('div', { class: 'note' }, 'There is no wallet in this browser yet. Make one, become verified, and come back.'))
    fill(actions, decline, h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, 'Set up my wallet'))
    return
  }

  /** Every step from unlocking to the button; runs again whenever the wallet opens. */
  const prepare = async () => {
    fill(middle)
    fill(actions, decline)
    fill(status, h('span', { class: 'muted' }, 'Reading the issuer’s public log …'))
    try {
      await holder.sync()
      const seen = holder.membership
      if (holder.locked || !seen) return
      if (!seen.member) {
        fill(status, h('div', { class: 'note' }, sentence('not_member'), ' Become verified in your wallet, then come back.'))
        fill(actions, decline, h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, 'Become verified'))
        return
      }
      const prompt = await holder.prepare(r)
      fill(middle, whatIsShared(r, prompt.crowd), r.kind === 'per_epoch' ? meter(prompt.left, r) : null)
      const prove = h('button', { type: 'button', class: 'primary', disabled: true }, icon('seal'), 'Prove it')
      prove.addEventListener('click', () => go(prove))
      fill(status)
      fill(actions, decline, prove)
      // A key or click that was meant for something else must not count as consent.
      setTimeout(() => {
        prove.disabled = false
        prove.focus()
      }, 400)
    } catch (err) {
      if (holder.locked) return
      if (!passing.has(codeOf(err))) {
        refuse(err)
        return
      }
      fill(status, h('div', { class: 'note bad' }, sentence(err)))
      fill(actions, decline, h('button', { type: 'button', class: 'primary', onclick: prepare }, 'Try again'))
    }
  }

  /** The click: from here to the finished proof nothing touches the network. @param {HTMLButtonElement} prove */
  const go = async (prove) => {
    if (prove.disabled) return
    prove.disabled = true
    decline.hidden = true
    r.tell({ type: 'perhuman-proving' })
    const steps = h('ol', { class: 'steps' },
      h('li', { 'data-state': 'now' }, 'Making the proof on this computer'), h('li', null, 'Writing down the slot as used'), h('li', null, `Handing it to ${r.rp}`))
    const [making, writing, handing] = steps.children
    fill(status, steps)
    const bar = h('progress', { max: 1, 'aria-hidden': 'true' })
    making.append(bar)
    const onstage = (/** @type {any} */ event) => {
      const { done, total } = event.detail
      if (total > 0) bar.value = done / total
    }
    holder.addEventListener('stage', onstage)
    try {
      const response = await holder.answer(r)
      for (const li of [making, writing, handing]) li.setAttribute('data-state', 'done')
      answered = true
      r.tell({ type: 'perhuman-response', response })
      fill(actions)
      setTimeout(() => window.close(), 700)
    } catch (err) {
      refuse(err)
    } finally {
      holder.removeEventListener('stage', onstage)
    }
  }

  const follow = () => {
    if (answered) return
    if (!holder.locked) {
      prepare()
      return
    }
    fill(middle)
    fill(status, h('hr'), unlockForm(holder))
    fill(actions, decline)
    status.querySelector('input')?.focus()
  }
  let was = holder.locked
  holder.addEventListener('change', () => {
    if (holder.locked !== was) {
      was = holder.locked
      follow()
    }
  })
  follow()
}

/** Troubles that pass by themselves; any other is the wallet's final word. */
const passing = new Set(['source_unavailable', 'timeout', 'closed', 'worker_failed', 'engine_missing', 'roots_stale', 'crowd_too_small'])

/** What is left, as dots and in words. @param {number} left @param {Request} r */
function meter(left, r) {
  const dots = r.k <= 20 ? h('span', { class: 'dots', 'aria-hidden': 'true' }, Array.from({ length: r.k }, (_, i) => h('i', { class: i < left ? 'left' : '' }))) : null
  return h('p', { class: 'row meter' }, dots, h('span', null, `${left} of ${r.k} left ${periodWord(r.len)}`, r.len % 86400 === 0 && r.len ? h('span', { class: 'muted' }, ' (UTC)') : null))
}

