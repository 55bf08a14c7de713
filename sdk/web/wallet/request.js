// The window an app opens to ask: hear the question, show who asks and for
// what, answer after a click. The asking site is whoever the browser says it
// is; after the first question every other origin is refused.

import { canonicalPost, contentDigest, encode, equal, fromBase64url, rpFromOrigin, sha256, toBase64url } from '../bytes.js'
import { readChallenge } from '../challenge.js'
import { fill, h, icon } from '../dom.js'
import { unlockForm } from './setup.js'
import { contentView, learnsContent, personally } from './consent.js'
import { setAge, setUnread } from './offline-words.js'
import { codeOf, periodWord, policySentence, sentence, t } from './texts.js'

/**
 * @typedef {import('./holder.js').Holder} Holder
 * @typedef {{kind: 'post', author: string, created: number, text: string}} Shown
 * relayed: nobody but the question itself says who asks, and the answer goes to another screen.
 * at: when it came by the clock of the wallet's server, unix.
 * gone: whether the page that asked was closed.
 * @typedef {import('./holder.js').Ask & {content?: Shown, bound?: {kind: string, bytes: string}, tell: (message: any) => void | Promise<void>, gone?: () => boolean, relayed?: boolean, at?: number}} Request
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
      const { action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq } = event.data
      resolve({ origin: event.origin, rp: rpFromOrigin(event.origin), action, kind, len, k, challenge, content_digest, content, bound, issuers, all, snapshot, min_seq, tell, gone: () => opener.closed })
    })
    opener.postMessage({ type: 'perhuman-ready' }, '*') // says nothing but that this window listens
  })
}

/** An opaque origin cannot be written to, a relay can be away; there is nobody to tell then. @param {(m: any) => void | Promise<void>} tell @param {string} code */
async function tellIfPossible(tell, code) {
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
async function consistent(r) {
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
    if (kind !== 'post' || typeof author !== 'string' || typeof text !== 'string' || !whole(created) || author === '' || encode(author).length > 255) throw refusal('request_invalid')
    const digest = await contentDigest('post', canonicalPost({ rp: r.rp, author, created, text }))
    if (toBase64url(digest) !== r.content_digest) throw refusal('message_mismatch')
  }
  return c.expires
}

/** What stands in the way, and what the wallet does about it. @param {unknown} err @param {boolean} final */
const hindrance = (err, final) => h('div', { class: 'note bad stack tight refusal' }, h('h2', null, t(final ? 'no_proof' : 'no_proof_now')), h('p', null, sentence(err)))

/** @param {Request} r @param {import('./holder.js').Issuer[]} accepted @param {import('./consent.js').Read | undefined} read @returns {Node} */
function whatIsAsked(r, accepted, read) {
  return h('div', { class: 'stack' },
    h('dl', { class: 'pairs' },
      h('dt', null, t('for_what')), h('dd', null, r.action),
      h('dt', null, t('how_often')), h('dd', null, policySentence(r)),
      r.issuers || accepted.length > 1 ? [h('dt', null, t(r.all ? 'vouched_all' : 'vouched')), h('dd', { id: 'vouched' }, accepted.map((i) => i.name).join(', '))] : null),
    r.snapshot ? h('p', { class: 'note' }, t('frozen_set', { n: r.snapshot })) : null,
    contentView(r, read))
}

/** @param {Request} r @param {number} crowd members among whom the person cannot be told apart @param {import('./consent.js').Read | undefined} read */
function whatIsShared(r, crowd, read) {
  const learns = r.kind === 'per_epoch' ? t('learns_text', { n: crowd, when: periodWord(r.len) }) : t(r.kind === 'once' ? 'learns_once' : 'learns_returning', { n: crowd })
  return h('ul', { class: 'facts' },
    h('li', { 'data-state': 'good' }, icon('yes'), h('b', null, t('learns')), h('span', null, learns, ' ', learnsContent(r, read))),
    h('li', null, icon('no'), h('b', null, t('not_learns')), h('span', null, r.kind === 'per_epoch' ? t('not_learns_slots') : t('not_learns_text'))),
    h('li', null, icon('lock'), h('b', null, t('also_unknown')), h('span', null, t('also_unknown_text'))))
}

/**
 * The dialog of a question, from hearing it to the answer.
 * @param {Holder} holder @param {HTMLElement} main @param {() => Promise<Request>} [hear]
 */
export async function dialog(holder, main, hear = question) {
  fill(main, h('p', { role: 'status', class: 'muted' }, t('waiting_question')))
  /** @type {Request} */
  let r
  try {
    r = await hear()
  } catch (err) {
    fill(main, h('section', { class: 'card stack' }, h('h1', null, t('nobody_asked')),
      hear === question ? h('p', { class: 'muted' }, t('nobody_asked_text')) : h('div', { class: 'note bad', role: 'alert' }, sentence(err)), h('p', null, h('a', { href: '/' }, t('open_wallet')))))
    return
  }
  let answered = false, over = false, proving = false
  const leave = (/** @type {string} */ code) => {
    if (answered) return
    answered = true
    tellIfPossible(r.tell, code)
    away(50) // lets a link in the same click open first
  }
  /** A window that a site opened closes; one that a camera opened cannot. @param {number} ms */
  const away = (ms) => {
    if (!r.relayed) setTimeout(() => window.close(), ms)
    else fill(main, h('section', { class: 'card stack' }, h('h1', { tabindex: -1 }, t('go_back')), h('p', { class: 'muted' }, t('go_back_text')), h('p', null, h('a', { href: '/' }, t('open_wallet')))))
  }
  addEventListener('pagehide', () => { if (!answered) tellIfPossible(r.tell, 'cancelled') })

  const status = h('div', { role: 'status', class: 'stack' })
  const middle = h('div', { class: 'stack' })
  const actions = h('div', { class: 'row end' })
  const decline = h('button', { type: 'button', onclick: () => leave('cancelled') }, t('decline'))
  /** The wallet's final word. @param {unknown} err */
  const refuse = (err) => {
    const code = codeOf(err)
    over = true
    clearInterval(watch)
    fill(middle)
    fill(status, answered ? h('div', { class: 'note bad' }, sentence(err)) : hindrance(err, true))
    // A window whose opener is gone can be closed by the person alone.
    const close = code === 'asker_gone' ? h('a', { class: 'button primary', href: '/' }, t('open_wallet'))
      : h('button', { type: 'button', class: 'primary', onclick: () => { answered ? away(50) : leave(code) } }, t('back_to_site'))
    fill(actions, close)
    close.focus()
  }
  /** What may pass: who goes back now tells the site what it was. @param {unknown} err @param {string} label @param {() => void} again */
  const hinder = (err, label, again) => {
    const retry = h('button', { type: 'button', class: 'primary', onclick: again }, label)
    fill(middle)
    fill(status, hindrance(err, false))
    fill(actions, h('button', { type: 'button', onclick: () => leave(codeOf(err)) }, t('back_to_site')), retry)
    retry.focus()
  }
  /** Refuses if there is nobody to answer any more, or no time. @returns {boolean} whether it did */
  const late = () => {
    if (answered || over) return over
    if (r.gone?.()) refuse('asker_gone')
    else if (expires * 1000 < Date.now()) refuse('challenge_expired')
    return over
  }
  let expires = Infinity, watch = 0
  const card = h('section', { class: 'card stack request' },
    h('h1', null, h('span', { class: 'asker', id: 'asker' }, r.rp), t('asks')),
    r.relayed ? h('div', { class: 'note warn', id: 'relayed' }, t('relayed', { rp: r.rp })) : null,
    h('div', { class: 'asked' }), middle, status, actions)
  fill(main, card)
  /** @type {import('./holder.js').Issuer[]} */
  let accepted
  /** @type {import('./consent.js').Read | undefined} */
  let read
  try {
    expires = await consistent(r)
    accepted = holder.accepted(r)
    if (r.bound) read = { ...await holder.bound(r, r.bound), bytes: fromBase64url(r.bound.bytes) }
  } catch (err) {
    refuse(err)
    return
  }
  fill(/** @type {Element} */ (card.querySelector('.asked')), whatIsAsked(r, accepted, read))
  watch = window.setInterval(() => { if (!proving) late() }, 1000)

  if (!holder.vault) {
    fill(status, h('div', { class: 'note' }, t('no_wallet')))
    fill(actions, decline, h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, t('set_up')))
    return
  }

  /** Every step from unlocking to the button; runs again whenever the wallet opens. @param {boolean} [fresh] the sets were read just now */
  const prepare = async (fresh) => {
    fill(middle)
    fill(actions, decline)
    fill(status, h('span', { class: 'muted' }, t('preparing')))
    try {
      await holder.gather(r)
      if (holder.locked || over) return
      if (!holder.vouching(r).every(({ vkey }) => holder.memberships.get(vkey)?.member)) {
        fill(status, h('div', { class: 'note' }, sentence('not_member'), ' ', t('become_then_back')))
        fill(actions, h('button', { type: 'button', onclick: () => leave('not_member') }, t('back_to_site')), h('button', { type: 'button', onclick: readFirst }, t('read_now')), h('a', { class: 'button primary', href: '/', target: '_blank', rel: 'noopener', onclick: () => leave('not_member') }, t('become')))
        return
      }
      const prompt = await holder.prepare(r)
      if (over) return
      const here = r.relayed ? personally(r.rp, () => { prove.disabled = !ready || !here?.ticked() }) : null
      fill(middle, whatIsShared(r, prompt.crowd, read), r.kind === 'per_epoch' ? meter(prompt.left, r) : null, setAge(holder, r), here?.el)
      let ready = false
      const prove = h('button', { type: 'button', class: 'primary', disabled: true }, icon('seal'), t('prove'))
      // The proof needs nothing that is not known by now: it is made while the person reads, and thrown away if they decline.
      /** @type {import('./holder.js').Proposal | undefined} */
      let made
      const making = holder.propose(r).then((p) => {
        made = p
        prove.dataset.made = ''
      })
      // What failed before the click is made anew after it; what fails after it is told.
      let failed = false
      making.catch(() => { failed = true })
      prove.addEventListener('click', () => go(prove, failed ? undefined : making, () => made))
      fill(status)
      fill(actions, decline, prove)
      // A key or click that was meant for something else must not count as consent.
      setTimeout(() => {
        ready = true
        prove.disabled = here !== null && !here.ticked()
        if (prove.disabled) here?.focus()
        else prove.focus()
      }, 400)
    } catch (err) {
      if (holder.locked || over) return
      if (codeOf(err) === 'set_unread' && fresh) {
        hinder('set_ahead', t('read_now'), readFirst)
        return
      }
      if (codeOf(err) === 'set_unread') {
        const read = h('button', { type: 'button', class: 'primary', onclick: readFirst }, t('read_now'))
        fill(status, setUnread(holder, r))
        fill(actions, decline, read)
        read.focus()
        return
      }
      if (!passing.has(codeOf(err))) {
        refuse(err)
        return
      }
      if (sets.has(codeOf(err))) hinder(err, t('read_now'), readFirst)
      else hinder(err, t('try_again'), () => prepare())
    }
  }

  /** Reads the sets because the person said so: the one way in which a question leads to a word with the issuer. */
  const readFirst = async () => {
    fill(middle)
    fill(actions, decline)
    fill(status, h('span', { class: 'muted' }, t('reading_log')))
    try {
      await holder.readSets(r)
    } catch (err) {
      if (holder.locked || over) return
      if (passing.has(codeOf(err)) || clocks.has(codeOf(err))) hinder(err, t('try_again'), readFirst)
      else refuse(err)
      return
    }
    if (!holder.locked && !over) await prepare(true)
  }

  /**
   * The click: from here to the finished proof nothing touches the network.
   * @param {HTMLButtonElement} prove @param {Promise<void> | undefined} making @param {() => import('./holder.js').Proposal | undefined} made
   */
  const go = async (prove, making, made) => {
    if (prove.disabled || late()) return
    prove.disabled = proving = true
    r.tell({ type: 'perhuman-proving' })
    const steps = h('ol', { class: 'steps' },
      h('li', { 'data-state': made() ? 'done' : 'now' }, t(made() ? 'prepared' : 'making')), h('li', null, t('writing')), h('li', null, t('handing', { rp: r.rp })))
    const [step, writing, handing] = steps.children
    fill(status, steps)
    const bar = h('progress', { max: 1, 'aria-hidden': 'true' })
    if (!made()) step.append(bar)
    let given = false
    fill(actions, h('button', {
      type: 'button', onclick: () => {
        given = true
        holder.cancel()
        leave('cancelled')
      },
    }, t('cancel')))
    const onstage = (/** @type {any} */ event) => {
      const { done, total } = event.detail
      if (total > 0) bar.value = done / total
    }
    holder.addEventListener('stage', onstage)
    try {
      await making
      if (given) return
      const response = await holder.answer(r, made(), () => {
        step.setAttribute('data-state', 'done')
        writing.setAttribute('data-state', 'now')
        fill(actions)
      })
      if (answered) return
      for (const li of [step, writing]) li.setAttribute('data-state', 'done')
      handing.setAttribute('data-state', 'now')
      answered = true // the slot is used: closing the page is no refusal any more
      await r.tell({ type: 'perhuman-response', response })
      handing.setAttribute('data-state', 'done')
      fill(actions)
      away(700)
    } catch (err) {
      if (given) return
      if (!passing.has(codeOf(err))) {
        refuse(err)
        return
      }
      hinder(err, t('try_again'), () => prepare())
    } finally {
      proving = false
      holder.removeEventListener('stage', onstage)
    }
  }

  const follow = () => {
    if (answered || over) return
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
const passing = new Set(['source_unavailable', 'timeout', 'closed', 'worker_failed', 'engine_missing', 'roots_stale', 'crowd_too_small', 'not_synced'])

/** Troubles that pass with a newer set, perhaps. */
const sets = new Set(['crowd_too_small', 'roots_stale', 'not_synced'])

/** Troubles that pass when the person sets the clock right. */
const clocks = new Set(['clock_behind_issuer', 'issuer_silent'])

/** What is left, as dots and in words. @param {number} left @param {Request} r */
function meter(left, r) {
  const dots = r.k <= 20 ? h('span', { class: 'dots', 'aria-hidden': 'true' }, Array.from({ length: r.k }, (_, i) => h('i', { class: i < left ? 'left' : '' }))) : null
  return h('p', { class: 'row meter' }, dots, h('span', null, t('left', { n: left, k: r.k, when: periodWord(r.len) }), r.len % 86400 === 0 && r.len ? h('span', { class: 'muted' }, t('utc')) : null))
}

